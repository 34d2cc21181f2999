package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/accordhq/accord/catalog"
)

// auditList is a part of the audit.
type auditList struct {
	changeList
	More bool `json:"more,omitempty" doc:"There may be more: read on with revision as after."`
}

type auditInput struct {
	Subject string `query:"subject" doc:"Only this subject; of a document kind/name" example:"orders.OrderPlaced"`
	By      string `query:"by" doc:"Only this user" example:"anonymous"`
	Op      string `query:"op" doc:"Only changes of this kind" example:"register"`
	From    string `query:"from" doc:"Only at this time or later, RFC 3339" example:"2026-01-02T15:04:05Z"`
	To      string `query:"to" doc:"Only before this time, RFC 3339" example:"2027-01-02T15:04:05Z"`
	After   number `query:"after" doc:"Changes after this revision; absent: from the beginning" example:"41"`
	Limit   number `query:"limit" doc:"At most so many, 1000 at most and if absent; as lines: absent means all" example:"100"`
}

// noteBody is what is to be done to records.
type noteBody struct {
	Op     string `json:"op" doc:"redrive or discard" example:"redrive"`
	Topic  string `json:"topic" example:"orders.quarantine"`
	Group  string `json:"group,omitempty" doc:"Consumer group whose records they are" example:"payments"`
	Count  int    `json:"count" doc:"How many records" example:"3"`
	Reason string `json:"reason" doc:"Why; a discard needs one" example:"schema was fixed"`
}

// chainBody says whether the audit is as it was written.
type chainBody struct {
	Valid bool        `json:"valid"`
	Rows  int         `json:"rows" doc:"Rows that follow from each other, from the first." example:"42"`
	Rev   catalog.Rev `json:"rev" doc:"Of the last row; where it is not valid, of the first row that does not follow." example:"42"`
	Hash  string      `json:"hash,omitempty" doc:"Of the last row: written down elsewhere, it also shows whether rows were cut off at the end."`
}

const exampleAudit = `{"rev":42,"at":"2026-01-02T15:04:05Z","by":"ada","op":"register","context":".","subject":"orders.OrderPlaced","version":3,"id":7,"guid":"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55","reason":"the amount is optional","source":"10.0.0.7","hash":"9d5ed678fe57bcca610140957afab571af5c2b3b0a5f1b0d8f8b0f4a6f1f6d0a"}`

// nativeAudit serves /v1/audit.
func (a *API) nativeAudit() {
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/audit", id: "listAudit", needs: somewhere(catalog.Reader), tag: tagNative, summary: "Read who changed what, when, why, from where, and what was before",
		about:  "The rows of the history, oldest first; never trimmed. With application/x-ndjson in Accept they come as lines, without end. Each row carries a hash over itself and the row before.",
		answer: `{"changes":[` + exampleAudit + `],"revision":42}`, lines: a.auditLines,
	}, a.listAudit)
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/audit", id: "appendAudit", needs: somewhere(catalog.Operator), tag: tagNative, summary: "Write down that records are redriven or discarded",
		about:   "What a proxy says, under the caller's own credentials, before it acts. The role is needed over the topic.",
		request: `{"op":"redrive","topic":"orders.quarantine","count":3,"reason":"schema was fixed"}`, answer: `{"rev":42}`, codes: []int{422, 42209},
	}, a.appendAudit)
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/audit/valid", id: "checkAudit", needs: somewhere(catalog.Operator), tag: tagNative, summary: "Walk the audit and say whether it is as it was written",
		answer: `{"valid":true,"rows":42,"rev":42,"hash":"9d5ed678fe57bcca610140957afab571af5c2b3b0a5f1b0d8f8b0f4a6f1f6d0a"}`,
	}, func(ctx context.Context, _ *none, _ *none) (chainBody, error) {
		chain, err := a.registry.CheckAudit(ctx)
		if broken, ok := errors.AsType[*catalog.BrokenChain](err); ok {
			a.log.Error("the audit is not as it was written", "revision", uint64(broken.Rev))
			return chainBody{Rows: chain.Rows, Rev: broken.Rev}, nil
		}
		return chainBody{true, chain.Rows, chain.Rev, chain.Hash}, err
	})
}

// auditQuery is what is asked of the audit.
type auditQuery struct {
	about    *catalog.Name // nil: anything
	by, op   string
	from, to time.Time
	after    catalog.Rev
	limit    int // 0: no bound
	who      *Caller
}

// query reads the parameters; most is the highest limit, 0 for none.
func (in *auditInput) query(ctx context.Context, most int) (q auditQuery, err error) {
	q = auditQuery{by: in.By, op: in.Op, who: CallerOf(ctx)}
	if q.after, err = revOf("after", in.After); err != nil {
		return q, err
	}
	p, err := pageOf("", in.Limit, most)
	if err != nil {
		return q, err
	}
	q.limit = p.limit
	if in.Subject != "" {
		name, err := nameOf(ctx, in.Subject)
		if err != nil {
			return q, err
		}
		q.about = &name
	}
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"from", in.From, &q.from}, {"to", in.To, &q.to}} {
		if t.text == "" {
			continue
		}
		if *t.into, err = time.Parse(time.RFC3339, t.text); err != nil {
			return q, badRequest(t.name + " is not a time as RFC 3339 writes it: " + cut(t.text, 64))
		}
	}
	return q, nil
}

// shows says whether a row was asked for, by somebody who may see it.
func (q *auditQuery) shows(c catalog.Change) bool {
	return (q.about == nil || c.Name == *q.about) && (q.by == "" || c.By == q.by) && (q.op == "" || string(c.Op) == q.op) &&
		!c.At.Before(q.from) && q.who.MayReadChange(c)
}

// body is a row as the caller sees it: where it came from is for operators.
func (q *auditQuery) body(c catalog.Change) changeBody {
	b := changeOf(c, true)
	if !q.who.has(catalog.Operator) {
		b.Source = ""
	}
	return b
}

// begin skips the rows before a time, by halving: revisions and times grow together.
func (a *API) begin(ctx context.Context, q *auditQuery) error {
	if q.from.IsZero() {
		return nil
	}
	top, err := a.registry.Ping(ctx)
	if err != nil {
		return err
	}
	for low, high := q.after, top; low < high; q.after = low {
		middle := low + (high-low)/2
		row, err := a.registry.Changes(ctx, middle, 1)
		if err != nil {
			return err
		}
		if len(row) > 0 && row[0].At.Before(q.from) {
			low = row[0].Rev
		} else {
			high = middle
		}
	}
	return nil
}

// auditPages bounds how many pages of the history one question of the audit reads.
const auditPages = 20

// walk hands over the rows that were asked for, until there are no more, enough, or as many pages as allowed were read
// (0: no bound). more says that there may be others behind q.after.
func (a *API) walk(ctx context.Context, q *auditQuery, pages int, take func(catalog.Change) error) (more bool, err error) {
	if err := a.begin(ctx, q); err != nil {
		return false, err
	}
	taken := 0
	for page := 1; ; page++ {
		changes, err := a.registry.Changes(ctx, q.after, catalog.MaxPage)
		if err != nil {
			return false, err
		}
		for _, c := range changes {
			if !q.to.IsZero() && !c.At.Before(q.to) {
				return false, nil
			}
			q.after = c.Rev
			if !q.shows(c) {
				continue
			}
			if err := take(c); err != nil {
				return false, err
			}
			if taken++; taken == q.limit {
				return true, nil
			}
		}
		if len(changes) < catalog.MaxPage {
			return false, nil
		}
		if page == pages {
			return true, nil
		}
	}
}

func (a *API) listAudit(ctx context.Context, in *auditInput, _ *none) (auditList, error) {
	q, err := in.query(ctx, catalog.MaxPage)
	if err != nil {
		return auditList{}, err
	}
	list := auditList{changeList: changeList{Changes: []changeBody{}}}
	list.More, err = a.walk(ctx, &q, auditPages, func(c catalog.Change) error {
		list.Changes = append(list.Changes, q.body(c))
		return nil
	})
	list.Revision = q.after
	return list, err
}

// auditLines writes each row as a line of JSON.
func (a *API) auditLines(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	in := auditInput{
		Subject: query.Get("subject"), By: query.Get("by"), Op: query.Get("op"), From: query.Get("from"), To: query.Get("to"),
		After: number(query.Get("after")), Limit: number(query.Get("limit")),
	}
	q, err := in.query(r.Context(), 0)
	if err != nil {
		writeFault(w, r, true, a.faultOf(r.Context(), err))
		return
	}
	begun := false
	begin := func() {
		begun = true
		w.Header().Set("Content-Type", mediaLines)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusOK)
	}
	_, err = a.walk(r.Context(), &q, 0, func(c catalog.Change) error {
		if !begun {
			begin()
		}
		line, err := encode(q.body(c))
		if err == nil {
			_, err = w.Write(append(line, '\n'))
		}
		return err
	})
	switch {
	case err == nil && !begun:
		begin()
	case err != nil && !begun:
		writeFault(w, r, true, a.faultOf(r.Context(), err))
	case err != nil:
		panic(http.ErrAbortHandler) // nobody is to take a part for the whole
	}
}

func (a *API) appendAudit(ctx context.Context, _ *none, b *noteBody) (written, error) {
	op := catalog.Op(b.Op)
	switch {
	case op != catalog.OpRedrive && op != catalog.OpDiscard:
		return written{}, &fault{code: 422, message: "op is " + strconv.Quote(cut(b.Op, 64)) + ": want redrive or discard", pointer: "/op"}
	case b.Topic == "" || len(b.Topic) > catalog.MaxSubjectBytes:
		return written{}, &fault{code: 422, message: "topic is missing or too long", pointer: "/topic"}
	case b.Count < 0:
		return written{}, &fault{code: 422, message: "count is negative", pointer: "/count"}
	case op == catalog.OpDiscard && b.Reason == "":
		return written{}, &fault{code: 422, message: "a discard needs a reason", pointer: "/reason"}
	case !CallerOf(ctx).MayTopic(catalog.Operator, b.Topic):
		return written{}, &fault{code: http.StatusForbidden, message: "Forbidden: this needs a grant of role operator on topic '" + cut(b.Topic, 256) + "'"}
	}
	about, err := json.Marshal(struct {
		Topic string `json:"topic"`
		Group string `json:"group,omitempty"`
		Count int    `json:"count"`
	}{b.Topic, b.Group, b.Count})
	if err != nil {
		return written{}, err
	}
	rev, err := a.registry.Note(reasoned{b.Reason}.because(ctx), op, about)
	stamp(ctx, rev)
	return written{rev}, err
}
