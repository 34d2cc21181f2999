package main

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"time"
)

// reportCompile prints what compiling each kind's schema costs, ÷ ours, and the bytes that stay.
func reportCompile(engines []engine, set map[string]events) error {
	times, kept := "", ""
	own := map[string]cost{}
	for _, e := range engines {
		if !e.schema {
			continue
		}
		times, kept = times+fmt.Sprintf("%-46s", e.name), kept+fmt.Sprintf("%-46s", e.name)
		for _, kind := range kinds {
			c, err := costOf(e, set[kind].schema)
			if err != nil {
				return err
			}
			if e.name == ownName {
				own[kind] = c
			}
			times += fmt.Sprintf("%9.2f ", float64(c.time)/float64(own[kind].time))
			kept += fmt.Sprintf("%9.2f ", float64(c.bytes)/float64(own[kind].bytes))
		}
		times, kept = times+"\n", kept+"\n"
	}
	fmt.Println()
	header("compiling, time ÷ accord")
	fmt.Println(times)
	header("bytes that a compiled schema holds ÷ accord")
	fmt.Print(kept)
	fmt.Printf("%-46s", "bytes of accord's, and of them the texts")
	for _, kind := range kinds {
		fmt.Printf("%9s ", fmt.Sprintf("%d/%d", own[kind].bytes>>10, len(set[kind].schema)>>10)+"K")
	}
	fmt.Println()
	return nil
}

type cost struct {
	time  time.Duration
	bytes uint64
}

func costOf(e engine, schema []byte) (cost, error) {
	const copies = 20
	best := cost{time: math.MaxInt64, bytes: math.MaxInt64}
	for range *rounds {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begin := processorTime()
		var kept []func([]byte) bool
		for range copies {
			valid, err := e.compile(schema)
			if err != nil {
				return cost{}, err
			}
			kept = append(kept, valid)
		}
		spent := processorTime() - begin
		runtime.GC()
		runtime.ReadMemStats(&after)
		best.time = min(best.time, spent/copies)
		best.bytes = min(best.bytes, cmp.Or((after.HeapAlloc-before.HeapAlloc)/copies, 1))
		runtime.KeepAlive(kept)
	}
	return best, nil
}
