package client_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/client"
)

func TestLockIsDeterministic(t *testing.T) {
	lock := lockOf(t, orderPlaced, "orders.OrderCompleted")
	first := lockBytes(t, lock)
	for i := range lock.Subjects {
		slices.Reverse(lock.Subjects[i].Versions)
	}
	slices.Reverse(lock.Subjects)
	if second := lockBytes(t, lock); !bytes.Equal(first, second) {
		t.Errorf("the same lock in another order gives other bytes:\n%s", cmp.Diff(string(first), string(second)))
	}
	read, err := client.ParseLock(first)
	if err != nil {
		t.Fatal(err)
	}
	if again := lockBytes(t, read); !bytes.Equal(first, again) {
		t.Errorf("read and written again it differs:\n%s", cmp.Diff(string(first), string(again)))
	}
	if !bytes.HasSuffix(first, []byte("\n")) || strings.Count(string(first), "\n") < 6 {
		t.Errorf("a lock file should have a version a line:\n%.200s", first)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := string(lockBytes(t, lockOf(t, orderPlaced)))
	for name, c := range map[string]struct {
		url, lock, want string
	}{
		"nothing":               {"", "", "neither a URL nor a lock"},
		"no URL":                {"registry:8081", "", "not an http"},
		"file URL":              {"file:///x", "", "not an http"},
		"lock that is not JSON": {"", "{", "lock file"},
		"another kind":          {"", strings.Replace(good, `"Lock"`, `"Lens"`, 1), "Lens"},
		"edited schema":         {"", strings.Replace(good, `"maxItems":500`, `"maxItems":501`, 1), "orders.OrderPlaced v1 does not match its sha256"},
		"edited lens":           {"", strings.Replace(good, `"exp10":2`, `"exp10":3`, 1), "orders.OrderPlaced v3 does not match its sha256"},
		"renamed subject":       {"", strings.Replace(good, `"orders.OrderPlaced"`, `"orders.OrderPlaced2"`, 1), "does not match"},
	} {
		var options []client.Option
		if c.lock != "" {
			options = append(options, client.WithLock([]byte(c.lock)))
		}
		if _, err := client.Open(c.url, options...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Open = %v, want an error with %q", name, err, c.want)
		}
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"accord/v1","kind":"Lock","subjects":[]}`))
	f.Add([]byte(`{"apiVersion":"accord/v1","kind":"Lock","subjects":[{"subject":"a","versions":[{"version":1,"guid":"00000000-0000-0000-0000-000000000001","schema":true,"sha256":"x"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := client.ParseLock(text)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := client.WriteLock(&b, l); err != nil {
			t.Fatalf("WriteLock of what ParseLock read: %v", err)
		}
		if _, err := client.ParseLock(b.Bytes()); err != nil {
			t.Fatalf("ParseLock of what WriteLock wrote: %v", err)
		}
	})
}
