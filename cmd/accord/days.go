package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// days is a duration flag that also takes whole days: Go's durations, plus d for 24 h.
type days time.Duration

// Set reads 90s, 12h or 7d.
func (d *days) Set(text string) error {
	if n, ok := strings.CutSuffix(text, "d"); ok {
		whole, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is not a number of days", text)
		}
		*d = days(time.Duration(whole) * 24 * time.Hour)
		return nil
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	if v < 0 {
		return fmt.Errorf("%s is negative", text)
	}
	*d = days(v)
	return nil
}

// String prints whole days as such; zero is "", no value.
func (d *days) String() string {
	switch v := time.Duration(*d); {
	case v == 0:
		return ""
	case v%(24*time.Hour) == 0:
		return strconv.Itoa(int(v/(24*time.Hour))) + "d"
	default:
		return v.String()
	}
}

// Type is the flag's type in help texts.
func (d *days) Type() string { return "duration" }
