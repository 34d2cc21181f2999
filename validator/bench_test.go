package validator_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	jsonschema "github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/accordhq/accord/validator"
)

// orderEvents are distinct valid events of about 1.3 KB.
func orderEvents(n int) [][]byte { return benchEvents("order", n) }

func compileV5(tb testing.TB, text string) *jsonschema.Schema {
	tb.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	if err := c.AddResource("accord:///order", bytes.NewReader([]byte(text))); err != nil {
		tb.Fatal(err)
	}
	s, err := c.Compile("accord:///order")
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// validV5 judges an event as a program does that hands its payloads to the library.
func validV5(s *jsonschema.Schema, event []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(event))
	dec.UseNumber()
	var v any
	return dec.Decode(&v) == nil && s.Validate(v) == nil
}

// BenchmarkValid judges raw bytes, each kind as it is, and the order in the forms that producers write; make bench prints
// ratios.
func BenchmarkValid(b *testing.B) {
	for _, kind := range benchKinds {
		text, events := benchSchema(b, kind), benchEvents(kind, 64)
		own, v5, bare := compile(b, text), compileV5(b, text), compile(b, `true`)
		judge(b, "own/"+kind, events, true, own.Valid)
		judge(b, "v5/"+kind, events, true, func(event []byte) bool { return validV5(v5, event) })
		judge(b, "scan/"+kind, events, true, bare.Valid)
		judge(b, "parse/"+kind, events, true, json.Valid)
		judge(b, "utf8/"+kind, events, true, utf8.Valid)
		judge(b, "refuse/"+kind, spoiled(kind, events), false, own.Valid)
		for _, form := range sortedKeys(rewrite) {
			var written [][]byte
			random := maker{rand.New(rand.NewPCG(3, 4))}
			for _, event := range events {
				written = append(written, rewrite[form](random, event))
			}
			judge(b, form+"/"+kind, written, true, own.Valid)
		}
	}
}

// BenchmarkExplain says what is wrong with orders that have one fault.
func BenchmarkExplain(b *testing.B) {
	s := compile(b, orderSchema)
	judge(b, "order", spoiled("order", orderEvents(64)), false, func(event []byte) bool { return s.Explain(event, 0) == nil })
}

// BenchmarkParallel judges orders by one Schema on one processor, and on two.
func BenchmarkParallel(b *testing.B) {
	s, events := compile(b, orderSchema), orderEvents(64)
	for _, processors := range []int{1, 2} {
		b.Run(strconv.Itoa(processors), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if !s.Valid(events[i%len(events)]) {
						b.Error("a valid event is refused")
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// judge runs one engine over events in turn, all of which it finds valid or not. Beside the time of the clock it reports
// that of the processors, which other programs on the machine disturb less.
func judge(b *testing.B, name string, events [][]byte, want bool, valid func([]byte) bool) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		before := processorTime(b)
		i := 0
		for ; b.Loop(); i++ {
			if event := events[i%len(events)]; valid(event) != want {
				b.Fatalf("valid is not %v: %s", want, event)
			}
		}
		b.ReportMetric(float64(processorTime(b)-before)/float64(i), "cpu-ns/op")
	})
}

// processorTime is how long this process has kept processors busy.
func processorTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func TestValidAllocatesNothing(t *testing.T) {
	for _, kind := range benchKinds {
		s := compile(t, benchSchema(t, kind))
		events := benchEvents(kind, 8)
		events = append(events, spoiled(kind, events)...)
		i := 0
		if n := testing.AllocsPerRun(200, func() { s.Valid(events[i%len(events)]); i++ }); n > 0 {
			t.Errorf("Valid allocates %v times an event of kind %s", n, kind)
		}
	}
}

func compile(tb testing.TB, text string) *validator.Schema {
	tb.Helper()
	s, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
	if err != nil {
		tb.Fatalf("Compile(%s): %v", text, err)
	}
	return s
}
