package validator

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// cacheMetrics are what a Cache counts, and what the schemas that it compiled count together.
type cacheMetrics struct {
	falls         totals
	faults        [len(faultNames)]atomic.Uint64
	disagreements atomic.Uint64
	loads         *prometheus.CounterVec // result
	compile       prometheus.Histogram
}

// faultNames are the byte rules, as Violation.Keyword and the metric's label have them.
var faultNames = [...]string{faultSyntax, faultUTF8, faultSurrogate, faultDuplicate, faultNumber, faultDepth, faultSize, faultBudget}

func newCacheMetrics() *cacheMetrics {
	return &cacheMetrics{
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "accord", Subsystem: "validator", Name: "loads_total",
			Help: "Schemas asked of the registry by result: compiled, broken, unknown, unavailable.",
		}, []string{"result"}),
		compile: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "accord", Subsystem: "validator", Name: "compile_seconds", Help: "Time to compile one schema.",
			Buckets: []float64{.0001, .0003, .001, .003, .01, .03, .1, 1},
		}),
	}
}

// fault counts an event that broke a byte rule and was explained.
func (m *cacheMetrics) fault(name string) {
	for k, n := range faultNames {
		if n == name {
			m.faults[k].Add(1)
		}
	}
}

// Collectors are the room's metrics, accord_validator_…, for one registration.
func (c *Cache) Collectors() []prometheus.Collector {
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "accord", Subsystem: "validator", Name: name, Help: help}, f)
	}
	return []prometheus.Collector{
		c.metrics.loads, c.metrics.compile, (*cacheCounters)(c.metrics),
		gauge("cache_entries", "Schemas kept.", func() float64 { n, _ := c.Size(); return float64(n) }),
		gauge("cache_bytes", "Bytes that the kept schemas are counted with.", func() float64 { _, n := c.Size(); return float64(n) }),
	}
}

// cacheCounters shows the plain counters to Prometheus.
type cacheCounters cacheMetrics

var (
	fallsDesc = prometheus.NewDesc("accord_validator_fallbacks_total",
		"Dearer paths taken by events, by kind: regexp, bignum, rewind, memo, live, dynamic, base64, grow.", []string{"kind"}, nil)
	faultsDesc = prometheus.NewDesc("accord_validator_faults_total",
		"Events refused for their bytes alone and explained, by byte rule.", []string{"kind"}, nil)
	disagreementsDesc = prometheus.NewDesc("accord_validator_disagreements_total",
		"Events that were refused and could not be explained: a bug each.", nil, nil)
)

func (m *cacheCounters) Describe(out chan<- *prometheus.Desc) {
	out <- fallsDesc
	out <- faultsDesc
	out <- disagreementsDesc
}

func (m *cacheCounters) Collect(out chan<- prometheus.Metric) {
	for k, name := range fallNames {
		out <- prometheus.MustNewConstMetric(fallsDesc, prometheus.CounterValue, float64(m.falls[k].Load()), name)
	}
	for k, name := range faultNames {
		out <- prometheus.MustNewConstMetric(faultsDesc, prometheus.CounterValue, float64(m.faults[k].Load()), name)
	}
	out <- prometheus.MustNewConstMetric(disagreementsDesc, prometheus.CounterValue, float64(m.disagreements.Load()))
}
