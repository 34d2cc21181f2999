package api

import (
	"context"
	"net/http"

	"github.com/accordhq/accord/catalog"
)

// modeBody is a mode.
type modeBody struct {
	Mode string `json:"mode" doc:"READWRITE, READONLY, IMPORT or FORWARD" example:"READONLY"`
}

type putModeInput struct {
	Force flag `query:"force" doc:"Set IMPORT although live versions are there"`
}

type putSubjectModeInput struct {
	Subject string `path:"subject" doc:"Subject; :.context: is a context as a whole" example:"orders.OrderPlaced"`
	Force   flag   `query:"force" doc:"Set IMPORT although live versions are there"`
}

type deleteModeInput struct {
	Recursive flag `query:"recursive" doc:"Also those of the subjects in the context"`
}

type deleteSubjectModeInput struct {
	Subject   string `path:"subject" doc:"Subject; :.context: is a context as a whole" example:"orders.OrderPlaced"`
	Recursive flag   `query:"recursive" doc:"Also those of the subjects in the context"`
}

const exampleMode = `{"mode":"READONLY"}`

// confluentMode serves /mode.
func (a *API) confluentMode() {
	add(a, route{
		method: http.MethodGet, path: "/mode", id: "getMode", needs: across(catalog.Reader), tag: tagMode, summary: "Read the mode of the context", answer: exampleMode,
	}, func(ctx context.Context, _ *scopeInput, _ *none) (modeBody, error) { return a.getMode(ctx, "", true) })
	add(a, route{
		method: http.MethodGet, path: "/mode/{subject}", id: "getSubjectMode", needs: on(catalog.Reader), tag: tagMode, summary: "Read the mode of a subject",
		answer: exampleMode, codes: []int{40409, 42208},
	}, func(ctx context.Context, in *subjectScopeInput, _ *none) (modeBody, error) {
		return a.getMode(ctx, in.Subject, in.Inherit.on())
	})
	add(a, route{
		method: http.MethodPut, path: "/mode", id: "putMode", needs: across(catalog.Operator), tag: tagMode, summary: "Set the mode of the context",
		request: exampleMode, answer: exampleMode, codes: []int{42204, 42205, 42206},
	}, func(ctx context.Context, in *putModeInput, b *modeBody) (modeBody, error) {
		return a.putMode(ctx, "", b, in.Force)
	})
	add(a, route{
		method: http.MethodPut, path: "/mode/{subject}", id: "putSubjectMode", needs: on(catalog.Operator), tag: tagMode, summary: "Set the mode of a subject",
		request: exampleMode, answer: exampleMode, codes: []int{42204, 42205, 42206, 42208},
	}, func(ctx context.Context, in *putSubjectModeInput, b *modeBody) (modeBody, error) {
		return a.putMode(ctx, in.Subject, b, in.Force)
	})
	add(a, route{
		method: http.MethodDelete, path: "/mode", id: "deleteMode", needs: across(catalog.Operator), tag: tagMode, summary: "Forget the mode of the context",
		about: "Answers what it was.", answer: exampleMode,
	}, func(ctx context.Context, in *deleteModeInput, _ *none) (modeBody, error) {
		return a.deleteMode(ctx, "", in.Recursive)
	})
	add(a, route{
		method: http.MethodDelete, path: "/mode/{subject}", id: "deleteSubjectMode", needs: on(catalog.Operator), tag: tagMode, summary: "Forget the mode of a subject",
		about: "Answers what it was.", answer: exampleMode, codes: []int{40401, 42208},
	}, func(ctx context.Context, in *deleteSubjectModeInput, _ *none) (modeBody, error) {
		return a.deleteMode(ctx, in.Subject, in.Recursive)
	})
}

func (a *API) getMode(ctx context.Context, subject string, inherit bool) (modeBody, error) {
	scope, err := nameOf(ctx, subject)
	if err != nil {
		return modeBody{}, err
	}
	m, err := a.registry.Mode(ctx, scope, inherit || scope.Subject == "")
	return modeBody{string(m)}, err
}

func (a *API) putMode(ctx context.Context, subject string, b *modeBody, force flag) (modeBody, error) {
	scope, err := nameOf(ctx, subject)
	if err != nil {
		return modeBody{}, err
	}
	m, err := catalog.ParseMode(b.Mode)
	if err != nil {
		return modeBody{}, err
	}
	if err := a.registry.SetMode(ctx, scope, m, force.on()); err != nil {
		return modeBody{}, err
	}
	return modeBody{string(m)}, nil
}

// deleteMode forgets a mode. A context always has one, if only by inheritance: the answer is what held.
func (a *API) deleteMode(ctx context.Context, subject string, recursive flag) (modeBody, error) {
	scope, err := nameOf(ctx, subject)
	if err != nil {
		return modeBody{}, err
	}
	if scope.Subject != "" {
		was, err := a.registry.DeleteMode(ctx, scope, recursive.on())
		return modeBody{string(was)}, err
	}
	held, err := a.registry.Mode(ctx, scope, true)
	if err != nil {
		return modeBody{}, err
	}
	_, err = a.registry.DeleteMode(ctx, scope, recursive.on())
	return modeBody{string(held)}, err
}
