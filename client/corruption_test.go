package client_test

import (
	"bytes"
	"testing"

	"github.com/accordhq/accord/client"
)

// TestCorruptions decodes every corruption: it fails, with the class that was foretold, and the record is left alone.
func TestCorruptions(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	d := decoder(t, open(t, "http://registry", client.WithHTTP(newRoutes(lock).client()), client.WithLock(lockBytes(t, lock))), client.For[OrderPlaced](orderPlaced, 3))
	for version, value := range placed {
		rec := record(guidOf(t, lock, orderPlaced, version), orderPlaced, value)
		before := bytes.Clone(rec.Value)
		corruptions := client.Corruptions(rec)
		if len(corruptions) < 10 {
			t.Fatalf("only %d corruptions", len(corruptions))
		}
		for _, c := range corruptions {
			_, err := d.Decode(t.Context(), c.Record)
			if err == nil || client.Class(err) != c.Class {
				t.Errorf("version %d, %s: class %q (%v), want %s", version, c.Name, client.Class(err), err, c.Class)
			}
		}
		if _, err := d.Decode(t.Context(), rec); err != nil || !bytes.Equal(rec.Value, before) {
			t.Errorf("version %d: the record itself: %v", version, err)
		}
	}
	empty := record(guidOf(t, lock, orderPlaced, 1), orderPlaced, "{}")
	for _, c := range client.Corruptions(empty) {
		if c.Name == "a name twice" {
			if _, err := d.Decode(t.Context(), c.Record); client.Class(err) != client.Poison {
				t.Errorf("an empty object with a name twice: %v", err)
			}
		}
	}
}
