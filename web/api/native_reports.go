package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/accordhq/accord/catalog"
)

// usageList is who writes and reads.
type usageList struct {
	Usage []catalog.Usage `json:"usage"`
}

// rejectionList is what was refused.
type rejectionList struct {
	Rejections []catalog.RejectionGroup `json:"rejections"`
	Accepted   []catalog.Acceptance     `json:"accepted,omitempty" doc:"What was let through of the subject that was asked for, by version, topic and reporter"`
}

// presenceList is which members events have.
type presenceList struct {
	Presence []catalog.Presence `json:"presence"`
}

type presenceInput struct {
	Subject string `query:"subject" doc:"Of this subject; it must be given" example:"orders.OrderPlaced"`
	Version number `query:"version" doc:"Only of this version; absent: of all" example:"3"`
}

type usageInput struct {
	Subject string `query:"subject" doc:"Only this subject; absent: all" example:"orders.OrderPlaced"`
	Limit   number `query:"limit" doc:"At most so many, 1000 at most and if absent" example:"100"`
}

type rejectionsInput struct {
	ID      string `query:"id" doc:"Only this rejection"`
	Subject string `query:"subject" doc:"Only of this subject" example:"orders.OrderPlaced"`
	Topic   string `query:"topic" doc:"Only on this topic" example:"orders"`
	Since   string `query:"since" doc:"Only what was seen since, RFC 3339" example:"2026-01-02T15:04:05Z"`
	Samples flag   `query:"samples" doc:"With redacted events and the clients that sent them"`
	Limit   number `query:"limit" doc:"At most so many, 1000 at most and if absent" example:"100"`
}

// aboutRows says which rows count, for the reference.
const aboutRows = "Each row keeps who sent it. Rows about subjects or versions that are not there, or that the caller may not read, are left out and counted in accord_catalog_report_rows_dropped_total."

// nativeReports serves what proxies and decoders observe.
func (a *API) nativeReports() {
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/usage", id: "reportUsage", needs: somewhere(catalog.Reader), tag: tagReports, summary: "Report who wrote and read which version",
		about:   "Counts are what was added since the report before; seq counts from 1 in the life of an instance, and a pair already applied changes nothing. " + aboutRows,
		request: `{"instance":"p1","seq":1,"seen":[{"role":"write","service":"orders","topic":"orders","subject":"orders.OrderPlaced","version":3,"records":10}]}`,
		limit:   MaxReportBytes,
	}, func(ctx context.Context, _ *none, b *catalog.UsageReport) (none, error) {
		return none{}, a.registry.ReportUsage(ctx, *b, CallerOf(ctx).MayRead)
	})
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/usage", id: "listUsage", needs: somewhere(catalog.Reader), tag: tagReports, summary: "Read who writes and reads which version",
		answer: `{"usage":[{"role":"write","service":"orders","topic":"orders","subject":"orders.OrderPlaced","version":3,"records":10,"by":"proxy"}]}`, codes: []int{42208},
	}, a.listUsage)
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/rejections", id: "reportRejections", needs: somewhere(catalog.Reader), tag: tagReports, summary: "Report what was refused",
		about:   "Counts are deltas, and count once, as those of usage. Samples are redacted by their sender, and belong to rows of the same report. " + aboutRows,
		request: `{"instance":"p1","seq":1,"rejected":[{"id":"22c14c0fac8b","subject":"orders.OrderPlaced","version":3,"topic":"orders","address":"/total","keyword":"minimum","reason":"must be at least 0","records":2,"collateral":0}]}`,
		limit:   MaxReportBytes,
	}, func(ctx context.Context, _ *none, b *catalog.RejectionReport) (none, error) {
		return none{}, a.registry.ReportRejections(ctx, *b, CallerOf(ctx).MayRead)
	})
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/rejections", id: "listRejections", needs: somewhere(catalog.Reader), tag: tagReports, summary: "Read what was refused",
		answer: `{"rejections":[{"id":"22c14c0fac8b","subject":"orders.OrderPlaced","version":3,"topic":"orders","address":"/total","keyword":"minimum","reason":"must be at least 0","records":2,"collateral":0,"by":"proxy","clients":[],"samples":[]}]}`,
		codes:  []int{42208},
	}, a.listRejections)
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/presence", id: "listPresence", needs: somewhere(catalog.Reader), tag: tagReports, summary: "Read which declared members events have",
		about:  "Proxies look at one accepted event in 256 of each version, and count the members that the schema declares; never a value. The row of the empty address counts the events that were looked at: a member without a row was in none of them.",
		answer: `{"presence":[{"subject":"orders.OrderPlaced","version":3,"address":"","seen":40,"of":40},{"subject":"orders.OrderPlaced","version":3,"address":"/lines/*/sku","seen":38,"of":40}]}`, codes: []int{422, 42202, 42208},
	}, a.listPresence)
}

func (a *API) listPresence(ctx context.Context, in *presenceInput, _ *none) (presenceList, error) {
	if in.Subject == "" {
		return presenceList{}, &fault{code: 422, message: "subject is missing"}
	}
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return presenceList{}, err
	}
	version := 0
	if in.Version != "" {
		if version, err = strconv.Atoi(string(in.Version)); err != nil || version < 1 {
			return presenceList{}, badRequest("version is not a number from 1: " + cut(string(in.Version), 64))
		}
	}
	if !mayRead(ctx, name) {
		return presenceList{Presence: []catalog.Presence{}}, nil
	}
	rows, err := a.registry.Presence(ctx, name, version)
	return presenceList{window(page{}, rows)}, err
}

func (a *API) listUsage(ctx context.Context, in *usageInput, _ *none) (usageList, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return usageList{}, err
	}
	p, err := pageOf("", in.Limit, catalog.MaxPage)
	if err != nil {
		return usageList{}, err
	}
	seen, err := a.registry.Usage(ctx, name, enough(ctx, p.limit))
	seen = visible(ctx, seen, func(u catalog.Usage) catalog.Name { return catalog.Name{Context: u.Context, Subject: u.Subject} })
	return usageList{window(page{limit: p.limit}, seen)}, err
}

func (a *API) listRejections(ctx context.Context, in *rejectionsInput, _ *none) (rejectionList, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return rejectionList{}, err
	}
	p, err := pageOf("", in.Limit, catalog.MaxPage)
	if err != nil {
		return rejectionList{}, err
	}
	q := catalog.RejectionQuery{ID: in.ID, Name: name, Topic: in.Topic, Limit: enough(ctx, p.limit), Samples: in.Samples.on()}
	if in.Since != "" {
		if q.Since, err = time.Parse(time.RFC3339, in.Since); err != nil {
			return rejectionList{}, badRequest("since is not a time as RFC 3339 writes it: " + cut(in.Since, 64))
		}
	}
	groups, err := a.registry.Rejections(ctx, q)
	for i := range groups {
		groups[i].Clients, groups[i].Samples = window(page{}, groups[i].Clients), window(page{}, groups[i].Samples)
	}
	groups = visible(ctx, groups, func(g catalog.RejectionGroup) catalog.Name {
		return catalog.Name{Context: g.Context, Subject: g.Subject}
	})
	list := rejectionList{Rejections: window(page{limit: p.limit}, groups)}
	if err == nil && in.Subject != "" && mayRead(ctx, name) {
		list.Accepted, err = a.registry.Accepted(ctx, name)
	}
	return list, err
}
