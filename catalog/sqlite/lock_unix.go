//go:build unix

package sqlite

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// lock takes the lock file for this process, or says who holds it. The kernel releases it when the process ends.
func lock(file string) (unlock func() error, err error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 64))
		f.Close()
		return nil, fmt.Errorf("%s is in use by process %s: a SQLite store is for one process; replicas share a postgres:// store", strings.TrimSuffix(file, ".lock"), strings.TrimSpace(string(holder)))
	}
	if err := f.Truncate(0); err == nil {
		fmt.Fprintln(f, os.Getpid())
	}
	return f.Close, nil
}
