package validator_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/accordhq/accord/validator"
)

// TestStats: what is dear is known, and counted when it happens.
func TestStats(t *testing.T) {
	s := compile(t, `{"properties":{
		"word":{"pattern":"\\bw"},"ascii":{"pattern":"^a+$"},"big":{"minimum":1},"data":{"contentEncoding":"base64"},
		"told":{"oneOf":[{"properties":{"k":{"const":"a"}},"required":["k"]},{"properties":{"k":{"const":"b"}},"required":["k"]}]},
		"tried":{"anyOf":[{"type":"string"},{"type":"null"}]}}}`)
	for _, event := range []string{
		`{"ascii":"aaa","big":17,"told":{"k":"b"}}`, `{"word":"a word"}`, `{"ascii":"é"}`, `{"big":1e30}`, `{"data":"e30="}`, `{"tried":null}`,
	} {
		s.Valid([]byte(event))
	}
	got := s.Stats()
	got.Bytes = 0
	want := validator.Stats{
		Nodes: 13, Patterns: []string{`\bw`},
		Unions: []validator.Union{
			{Location: "accord:///schema#/properties/told/oneOf", Branches: 2, By: "k"},
			{Location: "accord:///schema#/properties/tried/anyOf", Branches: 2},
		},
		Falls: map[string]uint64{"regexp": 2, "bignum": 1, "base64": 1, "rewind": 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}

// TestMetrics: a cache counts for all schemas that it compiled.
func TestMetrics(t *testing.T) {
	r := &registry{}
	r.put(1, `{"pattern":"\\ba"}`)
	r.put(2, `{"type":"no such type"}`)
	c := validator.NewCache(r.load, validator.CacheConfig{})
	for _, id := range []int32{101, 102, 103} {
		e, err := c.Entry(context.Background(), validator.Ref{ID: id})
		if err == nil && e.Schema != nil {
			e.Schema.Valid([]byte(`"a"`))
			_ = e.Schema.Check([]byte(`{"a":1,"a":2}`))
		}
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(c.Collectors()...)
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var name strings.Builder
			name.WriteString(f.GetName())
			for _, l := range m.GetLabel() {
				name.WriteString(" " + l.GetValue())
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v > 0 && name.String() != "accord_validator_cache_bytes" {
				got[name.String()] = v
			}
		}
	}
	want := map[string]float64{
		"accord_validator_cache_entries": 2, "accord_validator_fallbacks_total regexp": 1, "accord_validator_faults_total duplicate": 1,
		"accord_validator_loads_total compiled": 1, "accord_validator_loads_total broken": 1, "accord_validator_loads_total unknown": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
