package catalog

import "github.com/prometheus/client_golang/prometheus"

// What a process counts about its registries.
var (
	conflicts = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "accord_catalog_conflicts_total", Help: "Registrations that were judged again because something changed in between.",
	})
	judgeSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "accord_catalog_judge_seconds", Help: "Time to judge one registration.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
	})
)

// Collectors returns the metrics of this package, to be registered by whoever runs it.
func Collectors() []prometheus.Collector { return []prometheus.Collector{conflicts, judgeSeconds} }
