package consume_test

import (
	"slices"
	"testing"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/journal"
)

// TestRedrivenDeadLetterIsHandledOnceAndItsFollowersGoOn: a dead letter that comes back passes the gate by its id, however
// late and however often it comes.
func TestRedrivenDeadLetterIsHandledOnceAndItsFollowersGoOn(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		g := newRig(t, url, false)
		if topics := g.Topics(); !slices.Contains(topics, "payments.redrive") {
			t.Fatalf("Topics = %v, want the group's redriven letters", topics)
		}
		poisoned := g.record("1", "A", 1)
		whole := poisoned.Value
		poisoned.Value = []byte(`"not an order"`)
		g.process(t, poisoned, g.record("2", "A", 2), g.record("3", "A", 3))
		if len(g.letters.records) != 1 {
			t.Fatalf("%d dead letters, want 1", len(g.letters.records))
		}
		g.want(t, "", 0, 3)

		back := func(offset int64, value []byte) journal.Record {
			r := g.letters.records[0]
			r.Topic, r.Offset, r.Value = consume.RedriveTopic("payments"), offset, value
			return r
		}
		g.process(t, back(0, poisoned.Value)) // nothing was mended
		if len(g.letters.records) != 2 {
			t.Fatalf("%d dead letters after an early redrive, want 2", len(g.letters.records))
		}
		g.want(t, "", 0, 3)
		g.process(t, back(1, whole), back(2, whole))
		g.retryAll(t)
		g.want(t, "A:1 A:2 A:3", 3, 3)

		g.process(t, back(3, whole))
		g.process(t, g.record("4", "A", 4)) // the gate did not fall back
		g.want(t, "A:1 A:2 A:3 A:4", 4, 4)
	})
}
