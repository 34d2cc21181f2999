package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/accordhq/accord/validator"
)

// own measures accord's validator against itself.
type own struct {
	schemas map[string]*validator.Schema
	set     map[string]events
	forms   []form
	hostile []hostile
	crowd   []*validator.Schema // of the order, as many as a busy proxy holds
	cache   *validator.Cache
}

// form is a way in which the same events may come, or an invalid form of them.
type form struct {
	Name   string              `json:"name"`
	Valid  bool                `json:"valid"`
	Events map[string][]string `json:"events"` // by kind
}

// hostile is what somebody would send to make the validator work.
type hostile struct {
	Name   string `json:"name"`
	Schema string `json:"schema"`
	Event  string `json:"event"`
	schema *validator.Schema
}

const crowdSize = 1000

func newOwn(folder string, set map[string]events) (*own, error) {
	o := &own{schemas: map[string]*validator.Schema{}, set: set}
	for _, f := range []struct {
		name string
		to   any
	}{{"forms.json", &o.forms}, {"hostile.json", &o.hostile}} {
		text, err := os.ReadFile(filepath.Join(folder, f.name))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, f.to); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	compile := func(text []byte) (s *validator.Schema, err error) {
		return validator.Compile(validator.Document{Text: text}, validator.Limits{})
	}
	var err error
	for _, kind := range kinds {
		if o.schemas[kind], err = compile(set[kind].schema); err != nil {
			return nil, err
		}
	}
	for k := range o.hostile {
		if o.hostile[k].schema, err = compile([]byte(o.hostile[k].Schema)); err != nil {
			return nil, fmt.Errorf("%s: %w", o.hostile[k].Name, err)
		}
	}
	for range crowdSize {
		s, err := compile(set["order"].schema)
		if err != nil {
			return nil, err
		}
		o.crowd = append(o.crowd, s)
	}
	o.cache = validator.NewCache(func(_ context.Context, r validator.Ref) (validator.Stored, error) {
		r.GUID = validator.GUID{1}
		return validator.Stored{Ref: r, Document: validator.Document{Text: set["small"].schema}}, nil
	}, validator.CacheConfig{})
	return o, nil
}

// round adds one round's figures.
func (o *own) round(t times) error {
	for _, kind := range kinds {
		s := o.schemas[kind]
		for _, f := range o.forms {
			events := make([][]byte, len(f.Events[kind]))
			for k, event := range f.Events[kind] {
				events[k] = []byte(event)
			}
			ns, err := repeat(events, func(event []byte) error {
				if s.Valid(event) != f.Valid {
					return fmt.Errorf("%s: Valid is not %v: %.200s", f.Name, f.Valid, event)
				}
				return nil
			})
			if err != nil {
				return err
			}
			t.add(f.Name, kind, ns)
			if f.Valid {
				continue
			}
			ns, err = repeat(events, func(event []byte) error {
				if s.Explain(event, 0) == nil {
					return errors.New("Explain finds nothing")
				}
				return nil
			})
			if err != nil {
				return err
			}
			t.add("explain "+f.Name, kind, ns)
		}
	}
	for _, h := range o.hostile {
		event := []byte(h.Event)
		ns, err := repeat([][]byte{event}, func(event []byte) error { h.schema.Valid(event); return nil })
		if err != nil {
			return err
		}
		t.add("hostile", h.Name, ns/float64(len(event)))
	}
	if err := o.crowded(t); err != nil {
		return err
	}
	t.add("cores", "1", o.together(1))
	t.add("cores", "2", o.together(2))
	return nil
}

// crowded judges by many schemas in turn, and looks one up.
func (o *own) crowded(t times) error {
	k := 0
	ns, err := repeat(o.set["order"].valid, func(event []byte) error {
		s := o.crowd[k%crowdSize]
		k++
		if !s.Valid(event) {
			return errors.New("refused")
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.add("crowd", "order", ns)
	ref := validator.Ref{ID: 1}
	if _, err := o.cache.Entry(context.Background(), ref); err != nil {
		return err
	}
	ns, err = repeat(o.set["small"].valid, func([]byte) error {
		_, err := o.cache.Entry(context.Background(), ref)
		return err
	})
	t.add("cache", "small", ns)
	return err
}

// together is nanoseconds of the clock an event while so many goroutines judge orders by one schema.
func (o *own) together(cores int) float64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	s, events := o.schemas["order"], o.set["order"].valid
	passes := 20 * int(*slice/time.Millisecond)
	begin := time.Now()
	var wait sync.WaitGroup
	for range cores {
		wait.Go(func() {
			for range passes {
				for _, event := range events {
					if !s.Valid(event) {
						log.Fatal("refused")
					}
				}
			}
		})
	}
	wait.Wait()
	return float64(time.Since(begin)) / float64(cores*passes*len(events))
}

// report prints all of it.
func (o *own) report(t times) {
	fmt.Println()
	header("accord ÷ accord's Valid on the same events")
	for _, f := range o.forms {
		t.line(f.Name, f.Name, ownName)
	}
	for _, f := range o.forms {
		if !f.Valid {
			t.line("Explain, "+f.Name, "explain "+f.Name, ownName)
		}
	}
	ns, _, _ := t.least(ownName, "order")
	bytes := 0
	for _, event := range o.set["order"].valid {
		bytes += len(event)
	}
	t.add("a byte", "order", ns/float64(bytes)*float64(len(o.set["order"].valid)))
	fmt.Printf("\n%-46s%10s\n", "time a byte ÷ that of an order", "")
	for _, h := range o.hostile {
		cell, _ := t.ratio("hostile", h.Name, "a byte", "order")
		fmt.Printf("%-46s%s%10d bytes\n", h.Name, cell, len(h.Event))
	}
	fmt.Println()
	for _, r := range []struct{ label, name, kind, below, belowKind string }{
		{"orders on two cores ÷ on one, events a second", "cores", "1", "cores", "2"},
		{"an order by 1 of 1,000 schemas in turn ÷ alone", "crowd", "order", ownName, "order"},
		{"a hit in the cache ÷ judging a small event", "cache", "small", ownName, "small"},
	} {
		cell, _ := t.ratio(r.name, r.kind, r.below, r.belowKind)
		fmt.Printf("%-50s%s\n", r.label, strings.TrimRight(cell, " "))
	}
}
