package catalog

import (
	"context"
	"encoding/json"
)

// maxHistory is how many rows of history one step of an import writes.
const maxHistory = 1000

// importedChain is what an import saw of one history.
type importedChain struct {
	Chain string `json:"chain"` // the hash of its first row
	Rows  int    `json:"rows"`
	Rev   Rev    `json:"rev"`   // of the last row
	Hash  string `json:"hash"`  // of the last row
	Whole bool   `json:"whole"` // from the first row on, each following from the one before
}

// audit takes a row of another store's history.
func (m *importer) audit(ctx context.Context, line int, l *dumpChange, n int) error {
	a, err := l.archived()
	if err != nil {
		m.refuse(DumpFault{line, err.Error()})
		return nil
	}
	seen := m.chains[a.Chain]
	if seen == nil {
		if len(m.chains) >= MaxRefused {
			m.refuse(DumpFault{line, "more histories than MaxRefused"})
			return nil
		}
		seen = &importedChain{Chain: a.Chain, Whole: a.Hash == a.Chain}
		m.chains[a.Chain] = seen
	}
	seen.Whole = seen.Whole && a.Hash == a.ChainedHash(seen.Hash)
	seen.Rows++
	seen.Rev, seen.Hash = a.Rev, a.Hash
	if len(m.history) == 0 {
		m.historyLine = line
	}
	m.history = append(m.history, a)
	m.bytes += n
	if len(m.history) >= maxHistory || m.bytes > MaxStepBytes {
		return m.flushHistory(ctx)
	}
	return nil
}

// flushHistory writes the rows at hand.
func (m *importer) flushHistory(ctx context.Context) error {
	if len(m.history) == 0 {
		return nil
	}
	rows := m.history
	m.history, m.bytes = nil, 0
	p, err := m.r.policiesOf(AtLeast(ctx, ^Rev(0)), Name{})
	if err != nil {
		return err
	}
	done, err := m.r.store.Import(ctx, Batch{History: rows, Open: m.try || p.Mode().imports(), Try: m.try})
	if fault, ok := refusal(m.historyLine, err); ok {
		m.refuse(fault)
		return nil
	}
	if err == nil {
		m.did(done)
	}
	return err
}

// note writes into this store's own history what was imported, with the end of each history that came along: rows of
// the archive that are edited later no longer lead there.
func (m *importer) note(ctx context.Context) error {
	if m.try || m.done.Created == 0 {
		return nil
	}
	about := struct {
		Created   int              `json:"created"`
		Same      int              `json:"same"`
		Refused   int              `json:"refused"`
		Histories []*importedChain `json:"histories,omitempty"`
	}{Created: m.done.Created, Same: m.done.Same, Refused: len(m.done.Refused)}
	for _, name := range sortedKeys(m.chains) {
		if len(about.Histories) < maxNotedChains {
			about.Histories = append(about.Histories, m.chains[name])
		}
	}
	text, err := json.Marshal(about)
	if err != nil {
		return err
	}
	rev, err := m.r.Note(ctx, OpImport, text)
	if err == nil {
		m.done.Rev = rev
	}
	return err
}

// maxNotedChains keeps a note under MaxNoteBytes.
const maxNotedChains = 200

// Archive reads at most limit rows (0 = MaxPage) of the history that imports brought from other stores, by chain and
// revision, after a place. They are no changes of this store: Changes does not have them.
func (r *Registry) Archive(ctx context.Context, chain string, after Rev, limit int) ([]Archived, error) {
	return r.store.Archive(ctx, chain, after, pageLimit(limit))
}

// CheckArchive walks the history of another store as it was imported. The error is a *BrokenChain if a row is not as
// it was written there, or does not follow from the one before.
func (r *Registry) CheckArchive(ctx context.Context, chain string) (Chain, error) {
	var walked Chain
	for {
		rows, err := r.store.Archive(ctx, chain, walked.Rev, MaxPage)
		if err != nil {
			return walked, err
		}
		for _, a := range rows {
			if a.Chain != chain {
				return walked, nil
			}
			if walked.Hash, err = CheckChain(walked.Hash, []Change{a.Change}); err != nil {
				return walked, err
			}
			walked.Rows, walked.Rev = walked.Rows+1, a.Rev
		}
		if len(rows) < MaxPage {
			return walked, nil
		}
	}
}
