package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
)

// The history of changes is the audit: each row carries the SHA-256 of the row before it and of its own contents, so
// that a row which was edited, removed or put in between is noticed by whoever walks the chain:
//
//	hash(n) = hex(SHA-256(fields)), fields = netstrings of hash(n-1), rev, at (microseconds since 1970), author, source,
//	          reason, commit, op, context, subject, version, id, guid, before, after
//
// hash(0) is "". Rows cut off at the end are noticed by whoever has written down a later hash.

// ChainedHash is the hash of a change that follows a row with another hash, "" for the first.
func (c Change) ChainedHash(before string) string {
	h := sha256.New()
	for _, field := range []string{
		before, strconv.FormatUint(uint64(c.Rev), 10), strconv.FormatInt(c.At.UnixMicro(), 10), c.By, c.Source, c.Reason, c.Commit, string(c.Op),
		c.Context, c.Subject, strconv.Itoa(c.Version), strconv.Itoa(c.ID), c.GUID, string(c.Before), string(c.After),
	} {
		fmt.Fprintf(h, "%d:%s,", len(field), field)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A BrokenChain is a history that is not as it was written.
type BrokenChain struct {
	Rev Rev // the first row that does not follow from the one before
}

// Error names the row.
func (e *BrokenChain) Error() string {
	return fmt.Sprintf("the audit is broken at revision %d: that row, or one before it, is not as it was written", e.Rev)
}

// CheckChain walks changes that follow a row with a hash, "" for the first, and returns the last hash. The error is a
// *BrokenChain.
func CheckChain(before string, changes []Change) (last string, err error) {
	for _, c := range changes {
		if c.Hash != c.ChainedHash(before) {
			return before, &BrokenChain{Rev: c.Rev}
		}
		before = c.Hash
	}
	return before, nil
}

// A Chain is a history that was walked from its beginning and found whole.
type Chain struct {
	Rows int
	Rev  Rev    // of the last row
	Hash string // of the last row, "" if there is none
}

// CheckAudit walks the whole history. The error is a *BrokenChain, or says why it could not be read.
func (r *Registry) CheckAudit(ctx context.Context) (Chain, error) {
	var chain Chain
	for {
		changes, err := r.store.Changes(ctx, chain.Rev, MaxPage)
		if err != nil {
			return chain, err
		}
		if chain.Hash, err = CheckChain(chain.Hash, changes); err != nil {
			return chain, err
		}
		if chain.Rows += len(changes); len(changes) > 0 {
			chain.Rev = changes[len(changes)-1].Rev
		}
		if len(changes) < MaxPage {
			return chain, nil
		}
	}
}

// MaxNoteBytes bounds what Note keeps.
const MaxNoteBytes = 64 << 10

// Note writes a row into the history about something that was done outside the store, such as the redriving of records.
// about is what the row says, as JSON. TooLarge over MaxNoteBytes.
func (r *Registry) Note(ctx context.Context, op Op, about json.RawMessage) (Rev, error) {
	if len(about) > MaxNoteBytes {
		return 0, &Error{Reason: TooLarge, Detail: string(op)}
	}
	rev, err := r.store.Note(ctx, op, about)
	return rev, r.wrote(rev, err, string(op))
}
