// Command engines judges the validator's benchmark events by several engines, side by side in one process, and prints
// how many times as much processor time each takes as accord's validator, from raw bytes to a verdict.
//
// It is a module of its own, so that no engine enters accord's. make bench runs it; by hand:
//
//	go test ./validator -run WriteBenchEvents -events /tmp/events && cd validator/testdata/engines && go run . /tmp/events
//
// Where node and npm are there, ajv is measured too, one child process a round.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

var (
	kinds  = []string{"small", "variant", "order", "large"}
	rounds = flag.Int("rounds", 7, "rounds; each engine's least time counts")
	slice  = flag.Duration("slice", 50*time.Millisecond, "processor time of one engine for one kind in one round")
)

// events are one kind's schema and valid events.
type events struct {
	schema []byte
	valid  [][]byte
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	runtime.GOMAXPROCS(1)
	if flag.NArg() != 1 {
		log.Fatal("usage: engines FOLDER, which has a file of events for each kind, see the package's comment")
	}
	set := map[string]events{}
	for _, kind := range kinds {
		e, err := read(flag.Arg(0), kind)
		if err != nil {
			log.Fatal(err)
		}
		set[kind] = e
	}
	engines := goEngines()
	times := map[string][]float64{} // by engine and kind, ns an event, one a round
	for round := range *rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, *rounds)
		for k := range engines {
			e := engines[(k+round)%len(engines)] // another order each round
			for _, kind := range kinds {
				ns, err := measure(e, set[kind])
				if err != nil {
					log.Fatalf("%s, %s: %v", e.name, kind, err)
				}
				times[e.name+" "+kind] = append(times[e.name+" "+kind], ns)
			}
		}
		for name, ns := range ajvRound(flag.Arg(0)) {
			times[name] = append(times[name], ns)
		}
	}
	report(engines, times)
	reportCompile(engines, set)
}

func read(folder, kind string) (events, error) {
	schema, err := os.ReadFile(filepath.Join("..", "bench", kind+".json"))
	if err != nil {
		return events{}, err
	}
	lines, err := os.ReadFile(filepath.Join(folder, kind+".jsonl"))
	if err != nil {
		return events{}, err
	}
	return events{schema, bytes.Split(bytes.TrimSpace(lines), []byte("\n"))}, nil
}

// measure runs one engine over one kind for a slice, and returns the processor time an event.
func measure(e engine, set events) (float64, error) {
	valid, err := e.compile(set.schema)
	if err != nil {
		return 0, err
	}
	for _, event := range set.valid {
		if !valid(event) {
			return 0, fmt.Errorf("refuses a valid event: %.200s", event)
		}
	}
	runtime.GC()
	n, begin := 0, processorTime()
	for {
		for _, event := range set.valid {
			valid(event)
		}
		n += len(set.valid)
		if spent := processorTime() - begin; spent >= *slice {
			return float64(spent) / float64(n), nil
		}
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// noisy is from which median ÷ least time on a figure is marked.
const noisy = 1.10

// report prints a line for each engine: its least time ÷ ours, by kind, and the geometric mean.
func report(engines []engine, times map[string][]float64) {
	fmt.Printf("%-46s", "processor time from bytes to verdict ÷ accord")
	for _, kind := range kinds {
		fmt.Printf("%10s", kind)
	}
	fmt.Printf("%10s\n", "mean")
	names := make([]string, 0, len(engines)+2)
	for _, e := range engines {
		names = append(names, e.name)
	}
	for _, name := range append(names, ajvRaw, ajvDecoded) {
		line, product := fmt.Sprintf("%-46s", name), 1.0
		for _, kind := range kinds {
			mine, own := times[name+" "+kind], times[engines[0].name+" "+kind]
			if len(mine) == 0 {
				line = ""
				break
			}
			slices.Sort(mine)
			slices.Sort(own)
			mark := " "
			if mine[len(mine)/2]/mine[0] > noisy || own[len(own)/2]/own[0] > noisy {
				mark = "~"
			}
			ratio := mine[0] / own[0]
			product *= ratio
			line += fmt.Sprintf("%9.2f%s", ratio, mark)
		}
		if line != "" {
			fmt.Printf("%s%9.2f\n", line, math.Pow(product, 1/float64(len(kinds))))
		}
	}
	fmt.Printf("~ median ÷ least time over %.2f\n", noisy)
}

// reportCompile prints what compiling the order's schema costs, ÷ ours, and the bytes that stay.
func reportCompile(engines []engine, set map[string]events) {
	fmt.Printf("\n%-46s%10s%14s\n", "compiling the order's schema ÷ accord", "time", "bytes kept")
	var own cost
	for k, e := range engines {
		if !e.schema {
			continue
		}
		c, err := costOf(e, set["order"].schema)
		if err != nil {
			log.Fatal(err)
		}
		if k == 0 {
			own = c
		}
		fmt.Printf("%-46s%10.2f%14.2f\n", e.name, float64(c.time)/float64(own.time), float64(c.bytes)/float64(own.bytes))
	}
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

// decode reads a value as most programs do that hand it to an engine, numbers exactly.
func decode(event []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}
