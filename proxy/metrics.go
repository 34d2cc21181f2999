package proxy

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accordhq/accord/validator"
)

// MaxTopicLabels is how many topics have a label of their own; later ones are counted as other.
const MaxTopicLabels = 1_000

// metrics are the room's collectors, all named accord_proxy_….
type metrics struct {
	recordsTotal      *prometheus.CounterVec // topic, verdict, reason
	batchesRejected   prometheus.Counter
	collateral        prometheus.Counter
	validateSeconds   prometheus.Histogram
	bytesTotal        *prometheus.CounterVec // direction
	bytesIn, bytesOut prometheus.Counter
	connections       prometheus.GaugeFunc
	inflight          prometheus.GaugeFunc
	snapshotAge       prometheus.GaugeFunc
	schemaRequests    *prometheus.CounterVec // result
	quarantineTotal   *prometheus.CounterVec // result
	divertAsReject    prometheus.Counter
	poisonedTxn       prometheus.Counter
	acks0Closed       prometheus.Counter
	upstreamErrors    prometheus.Counter
	observationsLost  prometheus.Counter
	httpRequests      *prometheus.CounterVec // route, code
	letters           *prometheus.CounterVec // op, result

	mu     sync.Mutex
	topics map[string]struct{} // topics with a label
}

func newMetrics(s *Server) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "accord", Subsystem: "proxy", Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "accord", Subsystem: "proxy", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, f func() float64) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "accord", Subsystem: "proxy", Name: name, Help: help}, f)
	}
	bytesTotal := vec("bytes_total", "Bytes of requests (in) and of brokers' answers (out).", "direction")
	return &metrics{
		bytesIn:         bytesTotal.WithLabelValues("in"),
		bytesOut:        bytesTotal.WithLabelValues("out"),
		topics:          map[string]struct{}{},
		recordsTotal:    vec("records_total", "Records by topic, verdict (accepted, observed, marked, rejected, diverted, collateral, unjudged, unobserved) and reason.", "topic", "verdict", "reason"),
		batchesRejected: counter("batches_rejected_total", "Batches refused by the gate."),
		collateral:      counter("collateral_records_total", "Valid records refused because they shared a batch with an invalid one."),
		validateSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "accord", Subsystem: "proxy", Name: "validate_seconds", Help: "Time to judge one produce request.",
			Buckets: []float64{.00001, .0001, .001, .01, .1, 1, 10},
		}),
		bytesTotal:       bytesTotal,
		connections:      gauge("connections", "Open client connections.", func() float64 { return float64(s.openConnections()) }),
		inflight:         gauge("inflight_bytes", "Bytes of requests held, with what they may decompress to.", func() float64 { return float64(s.room.inUse() + s.unpacked.inUse()) }),
		snapshotAge:      gauge("snapshot_age_seconds", "Age of the bindings in force.", func() float64 { return time.Since(s.cfg.Schemas.Snapshot().At).Seconds() }),
		schemaRequests:   vec("schema_requests_total", "Schemas asked for that the snapshot lacked, by result (found, unknown, unavailable).", "result"),
		quarantineTotal:  vec("quarantine_total", "Records for the quarantine by result (written, duplicate, dropped, failed).", "result"),
		divertAsReject:   counter("divert_as_reject_total", "Batches refused where policy divert could remove no record."),
		poisonedTxn:      counter("poisoned_txn_total", "Commits refused because a batch of the transaction was."),
		acks0Closed:      counter("acks0_closed_total", "Connections closed because records sent without acknowledgement were refused."),
		upstreamErrors:   counter("upstream_errors_total", "Brokers that could not be dialled."),
		observationsLost: counter("observations_lost_total", "Records whose observation could not be reported."),
		httpRequests:     vec("http_requests_total", "HTTP requests by route and status.", "route", "code"),
		letters:          vec("letters_total", "Quarantined records and dead letters by what was asked for (redrive, discard) and result (done, refused).", "op", "result"),
	}
}

// Collectors returns the room's metrics and those of its schemas, for one registry or several; Handler serves them too.
func (s *Server) Collectors() []prometheus.Collector {
	m := s.metrics
	return append([]prometheus.Collector{
		m.recordsTotal, m.batchesRejected, m.collateral, m.validateSeconds, m.bytesTotal, m.connections, m.inflight, m.snapshotAge,
		m.schemaRequests, m.quarantineTotal, m.divertAsReject, m.poisonedTxn, m.acks0Closed, m.upstreamErrors, m.observationsLost, m.httpRequests, m.letters,
	}, s.cfg.Schemas.Snapshot().Collectors()...)
}

// records counts records of a topic.
func (m *metrics) records(topic, verdict string, reason Reason, n int) {
	if n == 0 {
		return
	}
	m.mu.Lock()
	if _, ok := m.topics[topic]; !ok {
		if len(m.topics) < MaxTopicLabels {
			m.topics[topic] = struct{}{}
		} else {
			topic = "other"
		}
	}
	m.mu.Unlock()
	m.recordsTotal.WithLabelValues(topic, verdict, string(reason)).Add(float64(n))
}

func (m *metrics) validated(d time.Duration) { m.validateSeconds.Observe(d.Seconds()) }

func (m *metrics) schemaRequest(err error) {
	result := "found"
	switch {
	case errors.Is(err, validator.ErrUnknownSchema):
		result = "unknown"
	case err != nil:
		result = "unavailable"
	}
	m.schemaRequests.WithLabelValues(result).Inc()
}

// quarantined counts records for the quarantine.
func (m *metrics) quarantined(result string, n int) {
	if n > 0 {
		m.quarantineTotal.WithLabelValues(result).Add(float64(n))
	}
}

func (s *Server) openConnections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
