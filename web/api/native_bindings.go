package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/validator"
)

// bindingsBody is what judges of events need to know about topics.
type bindingsBody struct {
	Revision catalog.Rev       `json:"revision" example:"42"`
	Services map[string]string `json:"services" doc:"Principal, such as User:payments, to the name of the service."`
	Topics   []topicBody       `json:"topics"`
}

// topicBody is what one topic promises.
type topicBody struct {
	Topic     string          `json:"topic" example:"orders"`
	Declared  bool            `json:"declared" doc:"There is a channel file; else the subjects are those named by the topic."`
	Compacted bool            `json:"compacted"`
	Values    []promiseBody   `json:"values" doc:"Subjects allowed as values."`
	Keys      []promiseBody   `json:"keys" doc:"Subjects allowed as keys; none: keys are not checked."`
	Enforce   json.RawMessage `json:"enforce,omitempty" doc:"How the proxy enforces; absent: as it does by default."`
}

// promiseBody is one subject that a topic may carry.
type promiseBody struct {
	Subject    string      `json:"subject" example:"orders.OrderPlaced"`
	Versions   []int32     `json:"versions" doc:"Live ones, newest first."`
	Latest     *latestBody `json:"latest,omitempty" doc:"Absent: no version is live."`
	State      bool        `json:"state" doc:"A null value is the deletion of the state."`
	KeyPointer string      `json:"keyPointer,omitempty" doc:"JSON Pointer into the event whose value is the key of the record."`
	Senders    []string    `json:"senders" doc:"Services that declare sending it."`
}

// latestBody is the newest version of a subject.
type latestBody struct {
	Version int32  `json:"version" example:"3"`
	ID      int32  `json:"id" example:"7"`
	GUID    string `json:"guid" example:"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55"`
}

// nativeBindings serves /v1/bindings.
func (a *API) nativeBindings() {
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/bindings", id: "getBindings", needs: somewhere(catalog.Reader), tag: tagNative, summary: "Read which topic carries which subjects",
		about:  "What the proxy enforces. ETag is the revision: with If-None-Match an unchanged answer is 304 without a body.",
		answer: `{"revision":42,"services":{"User:orders":"orders"},"topics":[{"topic":"orders","declared":true,"compacted":false,"values":[{"subject":"orders.OrderPlaced","versions":[3,2,1],"latest":{"version":3,"id":7,"guid":"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55"},"state":false,"keyPointer":"/order_id","senders":["orders"]}],"keys":[]}]}`,
	}, a.getBindings)
}

func (a *API) getBindings(ctx context.Context, _ *none, _ *none) (bindingsBody, error) {
	b, err := a.registry.Bindings(ctx)
	if err != nil {
		return bindingsBody{}, err
	}
	callOf(ctx).header.Set("ETag", etagOf(b.Revision))
	if view := CallerOf(ctx).View(); view != "" { // others see other parts of it
		callOf(ctx).header.Set("ETag", `"`+strconv.FormatUint(uint64(b.Revision), 10)+"."+view+`"`)
	}
	body := bindingsBody{Revision: b.Revision, Services: b.Services, Topics: []topicBody{}}
	if body.Services == nil {
		body.Services = map[string]string{}
	}
	about := func(p validator.Promise) catalog.Name {
		name, _ := catalog.ParseName(p.Subject) // of a binding: it was one
		return name
	}
	for _, t := range b.Topics {
		values, keys := visible(ctx, t.Values, about), visible(ctx, t.Keys, about)
		if len(values)+len(keys) == 0 && len(t.Values)+len(t.Keys) > 0 {
			continue
		}
		body.Topics = append(body.Topics, topicBody{
			t.Topic, t.Declared, t.Compacted, promisesOf(values, b.Latest), promisesOf(keys, b.Latest), t.Enforce,
		})
	}
	return body, nil
}

func promisesOf(promises []validator.Promise, latest map[string]validator.Latest) []promiseBody {
	list := []promiseBody{}
	for _, p := range promises {
		one := promiseBody{Subject: p.Subject, Versions: window(page{}, p.Versions), State: p.State, KeyPointer: p.KeyPointer, Senders: window(page{}, p.Senders)}
		if l, ok := latest[p.Subject]; ok {
			one.Latest = &latestBody{l.Version, l.ID, l.GUID.String()}
		}
		list = append(list, one)
	}
	return list
}
