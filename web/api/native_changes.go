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

type auditInput struct {
	Subject string `query:"subject" doc:"Only this subject" example:"orders.OrderPlaced"`
	By      string `query:"by" doc:"Only this user" example:"anonymous"`
	Op      string `query:"op" doc:"Only changes of this kind" example:"register"`
	After   number `query:"after" doc:"Changes after this revision; absent: from the beginning" example:"41"`
	Limit   number `query:"limit" doc:"At most so many, 1000 at most and if absent" example:"100"`
}

const exampleChange = `{"rev":42,"at":"2026-01-02T15:04:05Z","by":"anonymous","op":"register","context":".","subject":"orders.OrderPlaced","version":3,"id":7,"guid":"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55"}`

// nativeChanges serves the history.
func (a *API) nativeChanges() {
	add(a, route{
		native: true, waits: true, method: http.MethodGet, path: "/v1/changes", id: "listChanges", needs: somewhere(catalog.Reader), tag: tagNative, summary: "Read what changed, and wait for more",
		about:  "Every change, once, in order. With wait the answer comes when there is a change, or when the time is up, then with an empty list. With text/event-stream in Accept it is a stream of server-sent events, whose id is the revision: Last-Event-ID resumes.",
		answer: `{"changes":[` + exampleChange + `],"revision":42}`, stream: a.streamChanges,
	}, a.listChanges)
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/audit", id: "listAudit", needs: somewhere(catalog.Reader), tag: tagNative, summary: "Read who changed what, with what was before",
		answer: `{"changes":[` + exampleChange + `],"revision":42}`,
	}, a.listAudit)
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
	changes, err := a.registry.Changes(ctx, since, p.limit)
	if err == nil && len(changes) == 0 && wait > 0 {
		waiting, stop := a.undrained(ctx)
		defer stop()
		if err = a.await(waiting, since, wait); err == nil || waiting.Err() != nil && ctx.Err() == nil {
			changes, err = a.registry.Changes(ctx, since, p.limit)
		}
	}
	if err != nil {
		return changeList{}, err
	}
	list := changeList{Changes: []changeBody{}, Revision: since}
	for _, c := range changes {
		list.Changes = append(list.Changes, changeOf(c, false))
		list.Revision = c.Rev
	}
	return list, nil
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

// auditPages bounds how many pages of the history one question of the audit reads.
const auditPages = 20

func (a *API) listAudit(ctx context.Context, in *auditInput, _ *none) (changeList, error) {
	after, err := revOf("after", in.After)
	if err != nil {
		return changeList{}, err
	}
	p, err := pageOf("", in.Limit, catalog.MaxPage)
	if err != nil {
		return changeList{}, err
	}
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return changeList{}, err
	}
	list := changeList{Changes: []changeBody{}, Revision: after}
	for range auditPages {
		changes, err := a.registry.Changes(ctx, list.Revision, catalog.MaxPage)
		if err != nil {
			return list, err
		}
		for _, c := range changes {
			list.Revision = c.Rev
			if in.Subject != "" && c.Name != name || in.By != "" && c.By != in.By || in.Op != "" && string(c.Op) != in.Op {
				continue
			}
			if list.Changes = append(list.Changes, changeOf(c, true)); len(list.Changes) == p.limit {
				return list, nil
			}
		}
		if len(changes) < catalog.MaxPage {
			break
		}
	}
	return list, nil
}

// timeText is a time as every answer shows it.
func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
