package compat

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/accordhq/accord/validator"
)

// schemaOf compiles a text.
func schemaOf(t testing.TB, text string) *Schema {
	t.Helper()
	v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
	if err != nil {
		t.Fatalf("validator.Compile(%s): %v", text, err)
	}
	s, err := Compile(v)
	if err != nil {
		t.Fatalf("Compile(%s): %v", text, err)
	}
	return s
}

// version is the n-th of a history whose versions share most of their parts.
func version(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 5))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	money := fmt.Sprintf(`{"type":"object","properties":{"amount":{"type":"integer","minimum":%s},"currency":{"type":"string","pattern":"%s"},"at":{"type":"string","format":"date-time","pattern":"^%s"}},"required":["amount","currency"],"additionalProperties":%s}`,
		pick("0", "1"), pick("^[A-Z]{3}$", "^[A-Z]{2,3}$"), pick("2", "[0-9]"), pick("false", "true"))
	address := fmt.Sprintf(`{"type":"object","properties":{"street":{"type":"string","minLength":%s},"zip":{"type":"string","pattern":"^[0-9]{%s}$"},"country":{"enum":["US","DE"%s]},"tags":{"type":"array","uniqueItems":true,"items":{"enum":[1,2,3]},"maxItems":%s}},"required":["street"]}`,
		pick("1", "0"), pick("5", "4,5"), pick("", `,"FR"`), pick("3", "4"))
	line := `{"type":"object","properties":{"sku":{"type":"string","maxLength":` + pick("40", "50") + `},"price":` + money + `,"ship":` + address + `},"required":["sku"]}`
	return `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"id":{"type":"string","format":"uuid"},"total":` + money +
		`,"ship":` + address + `,"bill":{"oneOf":[{"type":"null"},` + address + `]},"lines":{"type":"array","items":` + line + `},"next":{"$ref":"#"}},"required":["id"]}`
}

// report is everything that an answer says.
func report(t *testing.T, r Result) string {
	b, err := json.Marshal(struct {
		R     Result
		Spent Budget
		Steps any
	}{r, r.Spent, func() any {
		if r.Proof != nil {
			return r.Proof.Steps
		}
		return nil
	}()})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestMemoryChangesNothing asks the same questions of Checkers that know nothing, of one that has answered all others
// before, in several orders, and of one that keeps forgetting: answers, costs and proofs are equal to the byte.
func TestMemoryChangesNothing(t *testing.T) {
	const versions = 14
	var list []*Schema
	for i := range versions {
		list = append(list, schemaOf(t, version(i)))
	}
	ask := func(c *Checker, i, j int) string {
		return report(t, c.Contains(context.Background(), list[i], list[j], Options{}))
	}
	want := map[[2]int]string{}
	verdicts := map[Verdict]int{}
	for i := range versions {
		for j := range versions {
			var cold Checker
			r := cold.Contains(context.Background(), list[i], list[j], Options{})
			want[[2]int{i, j}] = report(t, r)
			verdicts[r.Verdict]++
			if r.Verdict == Compatible {
				if err := Verify(list[i], list[j], r.Proof); err != nil {
					t.Errorf("%d in %d: %v", i, j, err)
				}
			}
		}
	}
	if verdicts[Compatible] < 10 || verdicts[Incompatible] < 10 || verdicts[Undecided] > 0 {
		t.Errorf("verdicts %v, want some of each and none undecided", verdicts)
	}
	orders := rand.New(rand.NewPCG(8, 9))
	for round := range 3 {
		var warm Checker
		for _, k := range orders.Perm(versions * versions) {
			i, j := k/versions, k%versions
			if round == 2 && orders.IntN(4) == 0 { // parts and automata go, one by one
				warm.memory.mu.Lock()
				for range orders.IntN(40) {
					if e := warm.memory.order.Back(); e != nil {
						warm.memory.drop(e)
					}
				}
				warm.memory.mu.Unlock()
			}
			if got := ask(&warm, i, j); got != want[[2]int{i, j}] {
				t.Fatalf("round %d: %d in %d is, warm, %s\ncold %s", round, i, j, got, want[[2]int{i, j}])
			}
		}
		parts, used := 0, 0
		for k := range warm.memory.entries {
			if _, ok := k.(partKey); ok {
				parts++
			}
		}
		for e := warm.memory.order.Front(); e != nil; e = e.Next() {
			used += e.Value.(*remembered).size
		}
		if parts == 0 || used != warm.memory.bytes {
			t.Errorf("round %d: %d parts remembered, %d bytes counted, %d in the list", round, parts, warm.memory.bytes, used)
		}
	}
	var shared Checker
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for _, k := range rand.New(rand.NewPCG(uint64(worker), 1)).Perm(versions * versions) {
				i, j := k/versions, k%versions
				if got := ask(&shared, i, j); got != want[[2]int{i, j}] {
					t.Errorf("%d in %d is, beside other goroutines, %s\ncold %s", i, j, got, want[[2]int{i, j}])
				}
			}
		})
	}
	wait.Wait()
}

// TestMemoryIsBounded: what was used least recently goes first, what is too large does not come in.
func TestMemoryIsBounded(t *testing.T) {
	var m memory
	const each = MaxMemory / 16
	for i := range 20 {
		m.put(i, i, each)
		m.get(0)
	}
	if m.bytes > MaxMemory || len(m.entries) != 16 {
		t.Errorf("%d entries of %d bytes, want 16", len(m.entries), m.bytes)
	}
	if _, ok := m.get(0); !ok {
		t.Error("the entry that was used all the time is gone")
	}
	if _, ok := m.get(1); ok {
		t.Error("the entry that was not used is there")
	}
	m.put("large", 1, MaxMemory/8+1)
	if _, ok := m.get("large"); ok {
		t.Error("an entry of more than an eighth is there")
	}
	m.put(0, "again", 10)
	if v, _ := m.get(0); v != "again" || m.bytes != 15*each+10 {
		t.Errorf("after put: %v, %d bytes", v, m.bytes)
	}
	var none *memory
	none.put(1, 1, 1)
	if _, ok := none.get(1); ok {
		t.Error("nil remembers")
	}
}
