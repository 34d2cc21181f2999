package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// MaxCacheFiles is how many answers a cache folder holds; once it is full, what is new is not kept.
const MaxCacheFiles = 100_000

// A disk keeps the registry's last answer to each question in a folder, one file each, so that a program that starts
// while the registry is away knows what it knew. Several processes may share the folder: a file is replaced as a whole.
// What is cut or changed does not match its sum, counts as not there, and is written anew with the next answer.
type disk struct {
	dir  string
	base string // of the registry: a folder may serve several
	max  int    // MaxCacheFiles

	mu    sync.Mutex
	files int // an estimate, for MaxCacheFiles
}

// kept is the first line of a file; the answer's body follows.
type kept struct {
	Question string `json:"question"` // URL
	ETag     string `json:"etag"`
	Sum      string `json:"sha256"` // of question, ETag and body
}

const keptSuffix = ".answer"

// WithCacheDir keeps what the registry answers in a folder, which is made if it is not there, readable for its owner
// alone. While the registry does not answer, what it said last stands: schemas and lenses, and the bindings, whose Snapshot.At
// says how old they are.
func WithCacheDir(dir string) Option {
	return func(r *Registry) error {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("cache folder: %w", err)
		}
		names, err := filepath.Glob(filepath.Join(dir, "*"+keptSuffix))
		if err != nil {
			return fmt.Errorf("cache folder: %w", err)
		}
		r.disk = &disk{dir: dir, max: MaxCacheFiles, files: len(names)}
		return nil
	}
}

func (d *disk) file(question string) string {
	sum := sha256.Sum256([]byte(question))
	return filepath.Join(d.dir, hex.EncodeToString(sum[:])+keptSuffix)
}

// sum is what a file is held against.
func (k *kept) sum(body []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %d %s ", len(k.Question), k.Question, len(k.ETag), k.ETag)
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// keep writes an answer. A folder that cannot be written changes nothing for the caller: the answer is at hand.
func (d *disk) keep(path, etag string, body []byte) {
	if d == nil {
		return
	}
	k := kept{Question: d.base + path, ETag: etag}
	k.Sum = k.sum(body)
	head, err := json.Marshal(k)
	if err != nil {
		return
	}
	name := d.file(k.Question)
	if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) && !d.grow() {
		return
	}
	f, err := os.CreateTemp(d.dir, "new-*")
	if err != nil {
		return
	}
	_, err = f.Write(append(append(head, '\n'), body...))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
}

// grow counts one more file, if there may be one.
func (d *disk) grow() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files >= d.max {
		return false
	}
	d.files++
	return true
}

// still notes that an answer was found to be true just now.
func (d *disk) still(path string) {
	if d != nil {
		now := time.Now()
		_ = os.Chtimes(d.file(d.base+path), now, now) // what is not there is not kept
	}
}

// forget removes the answer to a question that has none any more.
func (d *disk) forget(path string) {
	if d != nil {
		_ = os.Remove(d.file(d.base + path))
	}
}

// recall returns the last answer to a question and when it was last known to be true.
func (d *disk) recall(path string) (body []byte, etag string, at time.Time, ok bool) {
	if d == nil {
		return nil, "", at, false
	}
	name := d.file(d.base + path)
	info, err := os.Stat(name)
	if err != nil || info.Size() > MaxAnswerBytes+64<<10 {
		return nil, "", at, false
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, "", at, false
	}
	head, body, _ := bytes.Cut(text, []byte("\n"))
	var k kept
	if json.Unmarshal(head, &k) != nil || k.Question != d.base+path || k.Sum != k.sum(body) {
		_ = os.Remove(name)
		return nil, "", at, false
	}
	return body, k.ETag, info.ModTime(), true
}

type fromDiskKey struct{}

// fromDisk is a context for questions whose last answer will do: it is known that the registry is away.
func fromDisk(ctx context.Context) context.Context {
	return context.WithValue(ctx, fromDiskKey{}, true)
}

// plainBase is a registry's URL without what signs in there.
func (r *Registry) plainBase() string {
	u := *r.base
	u.User = nil
	return strings.TrimRight(u.String(), "/")
}
