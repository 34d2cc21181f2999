package main

import (
	"testing"
	"time"
)

func TestDays(t *testing.T) {
	for text, want := range map[string]time.Duration{"7d": 7 * 24 * time.Hour, "0d": 0, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute} {
		var d days
		if err := d.Set(text); err != nil || time.Duration(d) != want {
			t.Errorf("%s = %v, %v, want %v", text, time.Duration(d), err, want)
		}
	}
	for _, text := range []string{"", "d", "1.5d", "-1d", "-1h", "7 d", "99999999d", "seven"} {
		var d days
		if err := d.Set(text); err == nil {
			t.Errorf("%q is taken as %v", text, time.Duration(d))
		}
	}
	if d := days(48 * time.Hour); d.String() != "2d" {
		t.Errorf("two days print as %s", d.String())
	}
}
