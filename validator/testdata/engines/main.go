// Command engines judges the validator's benchmark events by several engines, side by side in one process, and prints
// how many times as much processor time each takes as accord's validator, from raw bytes to a verdict. Then it prints
// what accord's validator takes for other forms of the events, to say what is wrong with them, and for hostile events.
//
// It is a module of its own, so that no engine enters accord's. make bench runs it; by hand:
//
//	go test ./validator -run WriteBenchEvents -events /tmp/events && cd validator/testdata/engines && go run . /tmp/events
//
// Engines of other languages are child processes, one a round, and measured where their tools are there: ajv (node, npm),
// Blaze (npm), jsonschema-rs (cargo).
//
// With -agree it holds verdicts on random cases against jsonschema v6 instead, see agree.go.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

var (
	kinds  = []string{"small", "variant", "order", "large"}
	rounds = flag.Int("rounds", 7, "rounds; each engine's least time counts")
	slice  = flag.Duration("slice", 50*time.Millisecond, "processor time of one engine for one kind in one round")
	only   = flag.String("only", "", "measure only the engines whose name has this, beside accord")
	agree  = flag.String("agree", "", "file of cases to hold against jsonschema v6")
)

// events are one kind's schema and valid events.
type events struct {
	schema []byte
	valid  [][]byte
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	if *agree != "" {
		if err := agreeWithV6(*agree); err != nil {
			log.Fatal(err)
		}
		return
	}
	runtime.GOMAXPROCS(1)
	if flag.NArg() != 1 {
		log.Fatal("usage: engines FOLDER, which has a file of events for each kind, see the package's comment")
	}
	if err := bench(flag.Arg(0)); err != nil {
		log.Fatal(err)
	}
}

func bench(folder string) error {
	set := map[string]events{}
	for _, kind := range kinds {
		e, err := read(folder, kind)
		if err != nil {
			return err
		}
		set[kind] = e
	}
	own, err := newOwn(folder, set)
	if err != nil {
		return err
	}
	engines := slices.DeleteFunc(goEngines(), func(e engine) bool { return e.name != ownName && !strings.Contains(e.name, *only) })
	t := times{}
	for round := range *rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, *rounds)
		for k := range engines {
			e := engines[(k+round)%len(engines)] // another order each round
			for _, kind := range kinds {
				ns, err := measure(e, set[kind])
				if err != nil {
					return fmt.Errorf("%s, %s: %w", e.name, kind, err)
				}
				t.add(e.name, kind, ns)
			}
		}
		if err := own.round(t); err != nil {
			return err
		}
		for _, c := range children {
			if strings.Contains(c.name, *only) {
				c.round(folder, t)
			}
		}
	}
	report(engines, t)
	own.report(t)
	return reportCompile(engines, set)
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
	return repeat(set.valid, func(event []byte) error {
		if !valid(event) {
			return fmt.Errorf("refuses a valid event: %.200s", event)
		}
		return nil
	})
}

// repeat judges events in turn for a slice, and returns the processor time of one in nanoseconds.
func repeat(events [][]byte, judge func([]byte) error) (float64, error) {
	runtime.GC()
	n, begin := 0, processorTime()
	for {
		for _, event := range events {
			if err := judge(event); err != nil {
				return 0, err
			}
		}
		n += len(events)
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

// times are nanoseconds an event, one figure a round, by engine and kind.
type times map[[2]string][]float64

func (t times) add(name, kind string, ns float64) {
	t[[2]string{name, kind}] = append(t[[2]string{name, kind}], ns)
}

// noisy is from which median ÷ least time on a figure is marked.
const noisy = 1.10

// least is the least time, and whether the rounds differ much; false if there is none.
func (t times) least(name, kind string) (ns float64, unsteady, ok bool) {
	all := slices.Sorted(slices.Values(t[[2]string{name, kind}]))
	if len(all) == 0 {
		return 0, false, false
	}
	return all[0], all[len(all)/2]/all[0] > noisy, true
}

// ratio is one engine's least time ÷ another's, "" where one of them has none.
func (t times) ratio(name, kind, below, belowKind string) (text string, value float64) {
	a, shaky, ok := t.least(name, kind)
	b, shakyBelow, okBelow := t.least(below, belowKind)
	if !ok || !okBelow {
		return "", 0
	}
	mark := " "
	if shaky || shakyBelow {
		mark = "~"
	}
	return fmt.Sprintf("%9.2f%s", a/b, mark), a / b
}

// line prints one engine's ratios, kind by kind, and their geometric mean.
func (t times) line(label, name, below string) {
	text, product := fmt.Sprintf("%-46s", label), 1.0
	for _, kind := range kinds {
		cell, value := t.ratio(name, kind, below, kind)
		if cell == "" {
			return
		}
		text, product = text+cell, product*value
	}
	fmt.Printf("%s%9.2f\n", text, math.Pow(product, 1/float64(len(kinds))))
}

func header(title string) {
	fmt.Printf("%-46s", title)
	for _, kind := range kinds {
		fmt.Printf("%9s ", kind)
	}
	fmt.Printf("%9s\n", "mean")
}

// report prints a line for each engine: its least time ÷ ours, by kind, and the geometric mean.
func report(engines []engine, t times) {
	header("processor time from bytes to verdict ÷ accord")
	for _, e := range engines {
		t.line(e.name, e.name, ownName)
	}
	for _, c := range children {
		for _, name := range c.engines {
			t.line(name, name, ownName)
		}
	}
	fmt.Printf("~ median ÷ least time over %.2f\n", noisy)
}
