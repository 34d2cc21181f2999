package main

import (
	"io"
	"log/slog"
	"os"
)

// newLog writes text to a terminal and JSON elsewhere.
func newLog(out io.Writer) *slog.Logger {
	if terminal(out) {
		return slog.New(slog.NewTextHandler(out, nil))
	}
	return slog.New(slog.NewJSONHandler(out, nil))
}

// terminal says whether a stream is one that a person looks at.
func terminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
