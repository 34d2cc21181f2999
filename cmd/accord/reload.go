package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// Bounds of files that are read again when they change.
const (
	reloadEvery    = time.Second // they are looked at so often at most
	maxReloadBytes = 8 << 20
)

// reloaded is what files say now: read at start, and again when one of them changes. Files that cannot be read then, or
// say something else than they should, leave it as it was, and are told of once. Safe for concurrent use.
type reloaded[T any] struct {
	files []string
	parse func(texts [][]byte) (T, error)
	log   *slog.Logger

	mu    sync.Mutex
	value T         // guarded by mu, as all below
	seen  []fileAge // of the files when they were read last, also in vain
	next  time.Time // not before it is the files looked at
}

// fileAge tells one state of a file from another.
type fileAge struct {
	changed time.Time
	size    int64
}

// reload reads files for the first time.
func reload[T any](log *slog.Logger, parse func(texts [][]byte) (T, error), files ...string) (*reloaded[T], error) {
	r := &reloaded[T]{files: files, parse: parse, log: log, seen: agesOf(files), next: time.Now().Add(reloadEvery)}
	var err error
	r.value, err = r.read()
	return r, err
}

// get returns what the files say.
func (r *reloaded[T]) get() T {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Before(r.next) {
		return r.value
	}
	r.next = now.Add(reloadEvery)
	ages := agesOf(r.files)
	if slices.Equal(ages, r.seen) {
		return r.value
	}
	r.seen = ages
	value, err := r.read()
	if err != nil {
		r.log.Error("a changed file is not taken; what it said before holds", "err", err)
		return r.value
	}
	r.log.Info("a changed file was read again", "file", r.files[0])
	r.value = value
	return r.value
}

func agesOf(files []string) []fileAge {
	ages := make([]fileAge, len(files))
	for i, file := range files {
		if info, err := os.Stat(file); err == nil { // follows links, as mounted secrets are
			ages[i] = fileAge{info.ModTime(), info.Size()}
		}
	}
	return ages
}

func (r *reloaded[T]) read() (value T, err error) {
	texts := make([][]byte, len(r.files))
	for i, file := range r.files {
		if texts[i], err = readBounded(file); err != nil {
			return value, err
		}
	}
	if value, err = r.parse(texts); err != nil {
		return value, fmt.Errorf("%s: %w", r.files[0], err)
	}
	return value, nil
}

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxReloadBytes+1))
	if err == nil && len(text) > maxReloadBytes {
		err = fmt.Errorf("%s: larger than %d bytes", file, maxReloadBytes)
	}
	return text, err
}
