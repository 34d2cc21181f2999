package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/accordhq/accord/catalog"
)

// MaxWait is the longest that a long poll waits.
const MaxWait = 60 * time.Second

// changeBody is one row of the history.
type changeBody struct {
	Rev     catalog.Rev     `json:"rev" example:"42"`
	At      string          `json:"at" doc:"RFC 3339" example:"2026-01-02T15:04:05Z"`
	By      string          `json:"by,omitempty"`
	Op      string          `json:"op" doc:"register, delete, purge, undelete, config, mode, lens, document or undocument" example:"register"`
	Context string          `json:"context" example:"."`
	Subject string          `json:"subject,omitempty" doc:"Without context; of a document: kind/name" example:"orders.OrderPlaced"`
	Version int             `json:"version,omitempty" example:"3"`
	ID      int             `json:"id,omitempty" example:"7"`
	GUID    string          `json:"guid,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Commit  string          `json:"commit,omitempty"`
	Before  json.RawMessage `json:"before,omitempty" doc:"Policy or document before the change; only in the audit."`
	After   json.RawMessage `json:"after,omitempty" doc:"Policy or document after the change; only in the audit."`
	Source  string          `json:"source,omitempty" doc:"Where the change came from; only in the audit, and for operators."`
	Hash    string          `json:"hash,omitempty" doc:"SHA-256 over this row and the hash of the row before; only in the audit."`
}

// changeList is a part of the history.
type changeList struct {
	Changes  []changeBody `json:"changes"`
	Revision catalog.Rev  `json:"revision" doc:"Give it as since to read on."`
}

type changesInput struct {
	Since number `query:"since" doc:"Changes after this revision; absent: from the beginning" example:"41"`
	Limit number `query:"limit" doc:"At most so many, 1000 at most and if absent" example:"100"`
	Wait  string `query:"wait" doc:"Wait so long for a change, such as 30s, at most 60s; absent: answer at once" example:"30s"`
}

const exampleChange = `{"rev":42,"at":"2026-01-02T15:04:05Z","by":"anonymous","op":"register","context":".","subject":"orders.OrderPlaced","version":3,"id":7,"guid":"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55"}`

// nativeChanges serves the history.
func (a *API) nativeChanges() {
	add(a, route{
		native: true, waits: true, method: http.MethodGet, path: "/v1/changes", id: "listChanges", needs: somewhere(catalog.Reader), tag: tagNative, summary: "Read what changed, and wait for more",
		about:  "Every change, once, in order. With wait the answer comes when there is a change, or when the time is up, then with an empty list. With text/event-stream in Accept it is a stream of server-sent events, whose id is the revision: Last-Event-ID resumes.",
		answer: `{"changes":[` + exampleChange + `],"revision":42}`, stream: a.streamChanges,
	}, a.listChanges)
}

// waitOf reads a time to wait: a Go duration, or seconds.
func waitOf(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		var seconds int
		if seconds, err = strconv.Atoi(s); err == nil {
			d = time.Duration(min(seconds, int(MaxWait/time.Second))) * time.Second
		}
	}
	if err != nil || d < 0 {
		return 0, badRequest("wait is not a time such as 30s: " + cut(s, 64))
	}
	return min(d, MaxWait), nil
}

// revOf reads a revision.
func revOf(name string, n number) (catalog.Rev, error) {
	if n == "" {
		return 0, nil
	}
	v, err := strconv.ParseUint(string(n), 10, 63)
	if err != nil {
		return 0, badRequest(name + " is not a revision: " + cut(string(n), 64))
	}
	return catalog.Rev(v), nil
}

func (a *API) listChanges(ctx context.Context, in *changesInput, _ *none) (changeList, error) {
	since, err := revOf("since", in.Since)
	if err != nil {
		return changeList{}, err
	}
	p, err := pageOf("", in.Limit, catalog.MaxPage)
	if err != nil {
		return changeList{}, err
	}
	wait, err := waitOf(in.Wait)
	if err != nil {
		return changeList{}, err
	}
	list := changeList{Changes: []changeBody{}, Revision: since}
	waiting, stop := a.undrained(ctx)
	defer stop()
	for until := time.Now().Add(wait); ; {
		changes, err := a.registry.Changes(ctx, list.Revision, p.limit)
		if err != nil {
			return changeList{}, err
		}
		for _, c := range changes {
			if list.Revision = c.Rev; CallerOf(ctx).MayReadChange(c) {
				list.Changes = append(list.Changes, changeOf(c, false))
			}
		}
		switch left := time.Until(until); {
		case len(list.Changes) > 0 || waiting.Err() != nil:
			return list, nil
		case len(changes) > 0: // none that the caller may see
		case left <= 0:
			return list, nil
		default:
			if err := a.await(waiting, list.Revision, left); err != nil && (waiting.Err() == nil || ctx.Err() != nil) {
				return changeList{}, err
			}
		}
	}
}

// await waits for a change; that the time is up is no error.
func (a *API) await(ctx context.Context, since catalog.Rev, wait time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := a.registry.Await(waiting, since)
	if waiting.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

func changeOf(c catalog.Change, whole bool) changeBody {
	b := changeBody{
		Rev: c.Rev, At: timeText(c.At), By: c.By, Op: string(c.Op), Context: c.ContextName(), Subject: c.Subject,
		Version: c.Version, ID: c.ID, GUID: c.GUID, Reason: c.Reason, Commit: c.Commit,
	}
	if whole {
		b.Before, b.After = policyText(c.Op, c.Before), policyText(c.Op, c.After)
		b.Source, b.Hash = c.Source, c.Hash
	}
	return b
}

// policyText shows a kept policy as the routes that set it do: only the configuration, or only the mode.
func policyText(op catalog.Op, kept json.RawMessage) json.RawMessage {
	var p catalog.Policy
	if op != catalog.OpConfig && op != catalog.OpMode || len(kept) == 0 || json.Unmarshal(kept, &p) != nil {
		return kept
	}
	var part any = p.Config
	if op == catalog.OpMode {
		part = modeBody{string(p.Mode)}
	}
	text, err := encode(part)
	if err != nil {
		return kept
	}
	return text
}

// timeText is a time as every answer shows it.
func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
