//go:build !unix

package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// lock creates the lock file, or says who did. A process that was killed leaves it behind: the error says what to do.
func lock(file string) (unlock func() error, err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		holder, _ := os.ReadFile(file)
		return nil, fmt.Errorf("%s is in use by process %s: a SQLite store is for one process, replicas share a postgres:// store; if that process is gone, delete the lock file", strings.TrimSuffix(file, ".lock"), strings.TrimSpace(string(holder)))
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(f, os.Getpid())
	return func() error { return errors.Join(f.Close(), os.Remove(file)) }, nil
}
