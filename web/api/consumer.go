package api

import (
	"context"
	"fmt"

	"github.com/accordhq/accord/catalog"
)

// impactBody is whom a schema would hurt.
type impactBody struct {
	Consumers  []catalog.ConsumerImpact `json:"consumers,omitzero" doc:"What the schema would do to each service that declares to receive the subject."`
	Undeclared []userBody               `json:"undeclared,omitempty" doc:"Who was seen to read the subject in the last 24 hours and declares nothing."`
	Impact     string                   `json:"impact,omitempty" doc:"The same in one sentence." example:"v4 breaks 2 of 4 consumers, and 1 undeclared reader"`
}

const exampleConsumer = `{"service":"payments","owner":"team-payments","version":3,"reads":["/total"],"effect":"not affected","because":"every event satisfies what it relies on","address":""}`

func impactOf(i catalog.Impact, strangers []catalog.User) impactBody {
	b := impactBody{Consumers: window(page{}, i.Consumers)}
	for _, u := range strangers {
		b.Undeclared = append(b.Undeclared, userBodyOf(u))
	}
	if i.Of > 0 || len(strangers) > 0 {
		b.Impact = i.Sentence()
	}
	switch len(strangers) {
	case 0:
	case 1:
		b.Impact += ", and 1 undeclared reader"
	default:
		b.Impact += fmt.Sprintf(", and %d undeclared readers", len(strangers))
	}
	return b
}

// impact asks whom a refused schema would hurt; the refusal stands without an answer.
func (a *API) impact(ctx context.Context, e *catalog.Incompatible) impactBody {
	i, err := a.registry.Impact(ctx, &e.Report)
	var strangers []catalog.User
	if err == nil {
		strangers, err = a.registry.Strangers(ctx, e.Name)
	}
	if err != nil {
		a.log.Warn("consumers cannot be told", "request", callOf(ctx).id, "subject", e.Name.String(), "err", err)
		return impactBody{Consumers: []catalog.ConsumerImpact{}}
	}
	return impactOf(i, strangers)
}
