package web_test

import (
	"fmt"
	"os"
	"testing"
)

// run gives the shared site a folder, and stops it after the last test.
func run(m *testing.M) {
	dir, err := os.MkdirTemp("", "accord-web-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sharedDir = dir
	code := m.Run()
	for _, stop := range shared.stop {
		stop()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
