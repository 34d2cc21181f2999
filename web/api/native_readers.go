package api

import (
	"context"
	"net/http"

	"github.com/accordhq/accord/catalog"
)

// pinsBody is what decoders say about themselves.
type pinsBody struct {
	Readers []pinBody `json:"readers"`
}

// pinBody is a decoder's pin.
type pinBody struct {
	Group   string `json:"group,omitempty" doc:"Consumer group" example:"payments"`
	Client  string `json:"client,omitempty" doc:"What the decoder calls itself" example:"payments-7f9c"`
	Context string `json:"context,omitempty" doc:"Absent: the default one" example:"."`
	Subject string `json:"subject" example:"orders.OrderPlaced"`
	Version int    `json:"version" doc:"The version that events are turned into." example:"3"`
}

// readerList is who reads what.
type readerList struct {
	Readers []readerBody `json:"readers"`
}

// readerBody is a pin with when it was said.
type readerBody struct {
	pinBody
	By    string `json:"by,omitempty" doc:"Who reported it." example:"payments"`
	First string `json:"first" doc:"RFC 3339" example:"2026-01-02T15:04:05Z"`
	Last  string `json:"last" doc:"RFC 3339" example:"2026-01-02T15:04:05Z"`
}

// nativeReaders serves the pins of decoders.
func (a *API) nativeReaders() {
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/readers", id: "reportReaders", needs: somewhere(catalog.Reader), tag: tagReports, summary: "Report which version a decoder reads",
		about:   "Said at start and again every few minutes. " + aboutRows,
		request: `{"readers":[{"group":"payments","client":"payments-7f9c","subject":"orders.OrderPlaced","version":3}]}`,
		limit:   MaxReportBytes,
	}, func(ctx context.Context, _ *none, b *pinsBody) (none, error) {
		var pins []catalog.Pin
		for _, p := range b.Readers {
			pins = append(pins, catalog.Pin{Group: p.Group, Client: p.Client, Context: p.Context, Subject: p.Subject, Version: p.Version})
		}
		return none{}, a.registry.ReportPins(ctx, pins, CallerOf(ctx).MayRead)
	})
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/readers", id: "listReaders", needs: somewhere(catalog.Reader), tag: tagReports, summary: "Read who reads which version",
		about:  "What decoders said, the newest first: who still reads version 1?",
		answer: `{"readers":[{"group":"payments","client":"payments-7f9c","subject":"orders.OrderPlaced","version":3,"by":"payments","first":"2026-01-02T15:04:05Z","last":"2026-01-02T15:04:05Z"}]}`, codes: []int{42208},
	}, a.listReaders)
}

func (a *API) listReaders(ctx context.Context, in *usageInput, _ *none) (readerList, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return readerList{}, err
	}
	p, err := pageOf("", in.Limit, catalog.MaxPage)
	if err != nil {
		return readerList{}, err
	}
	pins, err := a.registry.Pins(ctx, name, p.limit)
	list := readerList{Readers: []readerBody{}}
	for _, p := range pins {
		if !mayRead(ctx, catalog.Name{Context: p.Context, Subject: p.Subject}) {
			continue
		}
		list.Readers = append(list.Readers, readerBody{pinBody{p.Group, p.Client, p.Context, p.Subject, p.Version}, p.By, timeText(p.First), timeText(p.Last)})
	}
	return list, err
}
