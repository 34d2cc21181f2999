package catalog

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics is what a Registry counts.
type metrics struct {
	conflicts, hits, misses prometheus.Counter
	dropped                 *prometheus.CounterVec // by reason
	judging                 prometheus.Histogram
	all                     []prometheus.Collector
}

func newMetrics(r *Registry) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "accord_catalog_" + name, Help: help})
	}
	m := &metrics{
		conflicts: counter("conflicts_total", "Registrations that were judged again because something changed in between."),
		hits:      counter("cache_hits_total", "Subjects and schemas that were read from memory."),
		misses:    counter("cache_misses_total", "Subjects and schemas that were read from the store."),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "accord_catalog_report_rows_dropped_total",
			Help: "Rows of reports that were left out: about subjects or versions that are not there (missing), that the sender may not read (forbidden), or that cannot be counted (malformed).",
		}, []string{"reason"}),
		judging: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "accord_catalog_judge_seconds", Help: "Time to judge one registration.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}),
	}
	for _, reason := range []string{droppedMissing, droppedForbidden, droppedMalformed} {
		m.dropped.WithLabelValues(reason)
	}
	lag := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "accord_catalog_revision_lag", Help: "Revisions heard of that the caches do not follow yet.",
	}, r.hearing.lag)
	deaf := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "accord_catalog_deaf_seconds_total", Help: "Time during which changes were not heard of, and reads passed through.",
	}, func() float64 { return r.hearing.deafness().Seconds() })
	m.all = []prometheus.Collector{m.conflicts, m.hits, m.misses, m.dropped, deaf, m.judging, lag}
	return m
}

// Collectors returns the metrics of the registry and of its compiled schemas, to be registered once by whoever runs it.
func (r *Registry) Collectors() []prometheus.Collector {
	return slices.Concat(r.metrics.all, r.Snapshot().Collectors())
}
