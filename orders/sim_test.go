package orders_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/accordhq/accord/orders"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
	"github.com/accordhq/accord/orders/sim"
)

// The checker itself: each of these is what a service with a known defect would have written down, and the invariant
// that covers the defect must say so.
func TestCheckerSeesEachDefect(t *testing.T) {
	inShop(t, orders.Simulators{PaymentLatency: [2]time.Duration{time.Second, time.Second}}, map[string]int64{"PROD-101": 5, "PROD-102": 5}, func(s *shop) {
		s.await(s.place(`{"sku":"PROD-101","quantity":1}`), event.Completed)
		id := s.place(`{"sku":"PROD-101","quantity":1}`)
		s.await(id, event.Reserved) // the card is being charged just now: it will have to be paid back
		s.cancel(id)
		s.rest(5*time.Minute, time.Second)
		s.stop()
		sound := strings.TrimPrefix(s.config.Store, "sqlite:")
		for _, c := range defects {
			broken := s.t.TempDir()
			if err := os.CopyFS(broken, os.DirFS(sound)); err != nil {
				s.t.Fatal(err)
			}
			damage(s.t, "sqlite:"+broken, c.service, c.change)
			faults, err := sim.Check(s.t.Context(), "sqlite:"+broken)
			if err != nil {
				s.t.Fatal(err)
			}
			if !strings.Contains("\n"+strings.Join(faults, "\n"), "\n"+c.want) {
				s.t.Errorf("%s: Check = %q, want a fault of %s", c.name, faults, c.want)
			}
		}
		s.start()
	})
}

var defects = []struct{ name, service, change, want string }{
	{"out of stock after payment and no refund", "payments", `UPDATE ledger SET refunded = 0 WHERE refunded = 1`, "I4: "},
	{"charged twice", "payments", `INSERT INTO events(shard, stream, version, id, topic, type, data, headers, recorded_at)
			SELECT shard, stream, version + 100, id || 'copy', topic, type, data, headers, recorded_at FROM events WHERE type LIKE '%PaymentProcessed'`, "I2: "},
	{"completed without money", "payments", `DELETE FROM ledger WHERE refunded = 0`, "I1: "},
	{"reservation forgotten", "inventory", `UPDATE stock SET on_hand = on_hand - 1, reserved = reserved + 1 WHERE sku = 'PROD-101'`, "I3: "},
	{"pieces lost", "inventory", `UPDATE stock SET on_hand = on_hand - 1 WHERE sku = 'PROD-102'`, "I3: "},
	{"stock held by a cancelled order", "inventory", `UPDATE reservations SET state = 'reserved', lines = '[{"sku":"PROD-101","quantity":1}]' WHERE state = 'released'`, "I4: "},
	{"order stuck", "orders", `DELETE FROM events WHERE type LIKE '%OrderCompleted'`, "I4: "},
	{"ended twice", "orders", `INSERT INTO events(shard, stream, version, id, topic, type, data, headers, recorded_at)
			SELECT shard, stream, version + 100, id || 'copy', topic, type, data, headers, recorded_at FROM events WHERE type LIKE '%OrderCompleted'`, "I4: "},
	{"command without an order", "orders", `DELETE FROM events WHERE type LIKE '%OrderPlaced'`, "I6: "},
	{"message not sent", "notifications", `UPDATE messages SET state = 'open' WHERE kind = 'ORDER_CONFIRMATION'`, "I5: "},
	{"message that nothing calls for", "notifications", `INSERT INTO messages(key, order_id, kind, channel, recipient, product_id, subject, body, state, cause_id, correlation)
			SELECT key || '2', order_id, kind, channel, recipient, product_id, subject, body, state, cause_id, correlation FROM messages WHERE kind = 'ORDER_CONFIRMATION'`, "I5: "},
	{"sent and not in the mailbox", "notifications", `DELETE FROM mailbox WHERE kind = 'ORDER_CONFIRMATION'`, "I5: "},
	{"event lost by a consumer", "payments", `DELETE FROM inbox WHERE id = (SELECT MIN(id) FROM inbox)`, "I8: "},
	{"view behind", "views", `UPDATE orders SET version = version - 1`, "I9: "},
	{"correlation made anew", "inventory", `UPDATE events SET headers = replace(headers, 'ce_correlationid', 'ce_somethingelse') WHERE type LIKE '%InventoryReserved'`, "I12: "},
}

// damage changes a service's store behind its back.
func damage(t *testing.T, url, service, change string) {
	t.Helper()
	store, err := journal.Open(t.Context(), journal.Config{URL: url, Service: service})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	err = store.Update(t.Context(), func(tx *journal.Tx) error {
		result, err := tx.ExecContext(t.Context(), change)
		if err == nil {
			if n, _ := result.RowsAffected(); n == 0 {
				t.Errorf("%s changed nothing", change)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
