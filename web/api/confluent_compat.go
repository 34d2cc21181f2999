package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/accordhq/accord/catalog"
)

// compatBody says whether a schema may follow.
type compatBody struct {
	Compatible bool     `json:"is_compatible"`
	Messages   []string `json:"messages,omitzero" doc:"With verbose: why not."`
	verdictBody
}

type compatInput struct {
	Subject   string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Normalize flag   `query:"normalize" doc:"Sort members and references before identity is computed"`
	Verbose   flag   `query:"verbose" doc:"Say why not"`
}

type compatVersionInput struct {
	Subject   string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Version   string `path:"version" doc:"Number, latest or -1" example:"latest"`
	Normalize flag   `query:"normalize" doc:"Sort members and references before identity is computed"`
	Verbose   flag   `query:"verbose" doc:"Say why not"`
}

const exampleCompat = `{"is_compatible":false,"messages":["{errorType:\"REQUIRED_ATTRIBUTE_ADDED\", description:\"This event is valid under version 3 and is rejected by the new schema at '': must have \\\"email\\\". {\\\"id\\\":1}'}","{oldSchemaVersion: 3}","{oldSchema: '{\"type\":\"object\"}'}","{validateFields: 'false', compatibility: 'BACKWARD'}"]}`

// confluentCompatibility serves /compatibility.
func (a *API) confluentCompatibility() {
	add(a, route{
		method: http.MethodPost, path: "/compatibility/subjects/{subject}/versions/{version}", id: "checkVersion", needs: somewhere(catalog.Reader), tag: tagCompatibility, summary: "Ask whether a schema may follow one version",
		about:   "Judged by the subject's level and policy. Nothing is stored.",
		request: exampleSchemaBody, answer: exampleCompat, codes: []int{40401, 40402, 42201, 42202, 42208},
	}, func(ctx context.Context, in *compatVersionInput, b *schemaBody) (compatBody, error) {
		n, err := versionOf(in.Version)
		if err != nil {
			return compatBody{}, err
		}
		return a.compatible(ctx, in.Subject, n, b, in.Normalize, in.Verbose)
	})
	add(a, route{
		method: http.MethodPost, path: "/compatibility/subjects/{subject}/versions", id: "checkVersions", needs: somewhere(catalog.Reader), tag: tagCompatibility, summary: "Ask whether a schema may follow, as registering it would",
		about:   "Judged by the subject's level and policy, against every version that the level asks for. Nothing is stored.",
		request: exampleSchemaBody, answer: exampleCompat, codes: []int{42201, 42208},
	}, func(ctx context.Context, in *compatInput, b *schemaBody) (compatBody, error) {
		return a.compatible(ctx, in.Subject, 0, b, in.Normalize, in.Verbose)
	})
}

// compatible judges a schema against one version, or with number 0 as a registration would be.
func (a *API) compatible(ctx context.Context, subject string, number int, b *schemaBody, normalize, verbose flag) (compatBody, error) {
	name, err := nameOf(ctx, subject)
	if err != nil {
		return compatBody{}, err
	}
	if err := mayCheck(ctx, name); err != nil {
		return compatBody{}, err
	}
	reg, err := a.registration(b, normalize)
	if err != nil {
		return compatBody{}, err
	}
	j, err := a.registry.Check(ctx, name, number, reg)
	if verbose.on() && (errors.Is(err, catalog.InvalidSchema) || errors.Is(err, catalog.ReferenceNotFound)) {
		return compatBody{Messages: []string{a.faultOf(ctx, err).message}}, nil
	}
	if err != nil {
		return compatBody{}, err
	}
	answer := compatBody{Compatible: j.Passes}
	if verbose.on() {
		answer.Messages = a.messages(ctx, name, &j)
	}
	if callOf(ctx).unknown {
		answer.verdictBody = verdictOf(&j)
	}
	return answer, nil
}
