package orders

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accordhq/accord/orders/work"
)

const scrapeTimeout = 5 * time.Second

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("accord_orders_"+name, help, labels, nil)
}

var (
	descOutboxEvents = desc("outbox_events", "Events stored and not yet sent.", "service")
	descOutboxLag    = desc("outbox_lag_seconds", "Age of the oldest event that is not yet sent.", "service")
	descOutboxSent   = desc("outbox_sent_total", "Events sent and acknowledged.", "service")
	descBlocked      = desc("outbox_blocked_shards", "Shards whose next event was refused.", "service")
	descTasks        = desc("tasks_open", "Things to do outside the store.", "service")
	descHandled      = desc("handled_total", "Events handled.", "consumer")
	descDuplicates   = desc("inbox_duplicates_total", "Events that had been handled before.", "consumer")
	descSkipped      = desc("skipped_total", "Events of types that the consumer does not read.", "consumer")
	descRetries      = desc("retries_total", "Parked events tried again.", "consumer")
	descLetters      = desc("dead_letters_total", "Dead letters written.", "consumer")
	descParked       = desc("parked_events", "Events that wait in the store.", "consumer")
	descOldest       = desc("parked_oldest_seconds", "How long the oldest parked event waits.", "consumer")
)

// A collector asks the stores when it is scraped.
type collector struct{ system *System }

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descOutboxEvents, descOutboxLag, descOutboxSent, descBlocked, descTasks, descHandled, descDuplicates, descSkipped, descRetries, descLetters, descParked, descOldest,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. What a store cannot answer in time is left out.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, label)
	}
	count := func(d *prometheus.Desc, v int64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), label)
	}
	for _, u := range c.system.units {
		if events, oldest, err := u.store.Backlog(ctx); err == nil {
			gauge(descOutboxEvents, float64(events), u.name)
			gauge(descOutboxLag, oldest.Seconds(), u.name)
		}
		count(descOutboxSent, u.relay.Sent(), u.name)
		gauge(descBlocked, float64(u.relay.Blocked()), u.name)
		if open, err := work.Open(ctx, u.store); err == nil {
			gauge(descTasks, float64(open), u.name)
		}
		if u.consumer == nil {
			continue
		}
		s := u.consumer.Stats()
		count(descHandled, s.Handled.Load(), u.name)
		count(descDuplicates, s.Duplicates.Load(), u.name)
		count(descSkipped, s.Skipped.Load(), u.name)
		count(descRetries, s.Retries.Load(), u.name)
		count(descLetters, s.DeadLetters.Load(), u.name)
		if n, oldest, err := u.consumer.Waiting(ctx); err == nil {
			gauge(descParked, float64(n), u.name)
			gauge(descOldest, oldest.Seconds(), u.name)
		}
	}
}
