package compat_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/accordhq/accord/compat"
)

// TestSharedChecker: one Checker and the same schemas under many goroutines give every one the same answers.
func TestSharedChecker(t *testing.T) {
	old := compile(t, `{"type":"object","properties":{"a":{"enum":[0.5,1.25,"x"]},"b":{"type":"number","multipleOf":0.01,"minimum":0.5}},"required":["b"]}`)
	next := compile(t, `{"type":"object","properties":{"a":{"enum":[0.5,"x"]},"b":{"type":"number","multipleOf":0.1}}}`)
	var c compat.Checker
	answers := make([]string, 8)
	var wait sync.WaitGroup
	for i := range answers {
		wait.Go(func() {
			r := c.Contains(context.Background(), old, next, compat.Options{})
			changes := c.Judge(context.Background(), compat.DirectionBackward, old, next, compat.Diff(old, next), compat.Options{})
			example, err := compat.Example(old, 0)
			answers[i] = fmt.Sprintf("%s %s %v %s %v", r.Verdict, r.Counterexample.Event, changes, example, err)
		})
	}
	wait.Wait()
	for _, a := range answers[1:] {
		if a != answers[0] {
			t.Errorf("answers differ: %s\n%s", answers[0], a)
		}
	}
}
