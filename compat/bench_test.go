package compat_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

// neighbours are two versions of an event of the reference system.
func neighbours(b *testing.B) (texts [2]string) {
	for i, v := range []string{"v2.json", "v3.json"} {
		text, err := os.ReadFile(filepath.Join("../schemas/events/orders.OrderStatusChanged", v))
		if err != nil {
			b.Fatal(err)
		}
		texts[i] = string(text)
	}
	return texts
}

// BenchmarkPair is lowering both sides and deciding, with a fresh Checker each time. Its base line is
// BenchmarkCompileV5: jsonschema v5 compiling both sides.
func BenchmarkPair(b *testing.B) {
	var sides [2]*validator.Schema
	for i, text := range neighbours(b) {
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		v.Root()
		sides[i] = v
	}
	for b.Loop() {
		var pair [2]*compat.Schema
		for i, v := range sides {
			var err error
			if pair[i], err = compat.Compile(v); err != nil {
				b.Fatal(err)
			}
		}
		var c compat.Checker
		if r := c.Contains(context.Background(), pair[0], pair[1], compat.Options{}); r.Verdict == compat.Undecided {
			b.Fatal(r.Reason)
		}
	}
}

func BenchmarkCompileV5(b *testing.B) {
	texts := neighbours(b)
	for b.Loop() {
		for _, text := range texts {
			c := jsonschema.NewCompiler()
			if err := c.AddResource("accord:///schema", strings.NewReader(text)); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Compile("accord:///schema"); err != nil {
				b.Fatal(err)
			}
		}
	}
}
