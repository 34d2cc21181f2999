package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/accordhq/accord/catalog"
)

// Limits of POST /v1/check.
const (
	MaxCheckFiles = 500      // 413
	MaxCheckBytes = 16 << 20 // of the body; 413
)

// checkBody is the files of one change.
type checkBody struct {
	Files []checkFile `json:"files" doc:"Each is judged as a registration would be; a reference must be registered already."`
}

// checkFile is one schema to judge.
type checkFile struct {
	Subject    string              `json:"subject" example:"orders.OrderPlaced"`
	Schema     string              `json:"schema" doc:"The JSON Schema, as text."`
	References []catalog.Reference `json:"references,omitempty"`
	Metadata   *catalog.Metadata   `json:"metadata,omitempty"`
	Lens       json.RawMessage     `json:"lens,omitempty" doc:"The step from the version below."`
	Name       string              `json:"name,omitempty" doc:"Said back in the result." example:"orders/OrderPlaced.v3.json"`
}

// checkAnswer is what would become of the files.
type checkAnswer struct {
	OK       bool          `json:"ok"`
	Revision catalog.Rev   `json:"revision" doc:"Newest change that the verdicts rest on."`
	Results  []checkResult `json:"results" doc:"In the order of the files."`
}

// checkResult is what would become of one file.
type checkResult struct {
	Name     string              `json:"name,omitempty"`
	Subject  string              `json:"subject"`
	Verdict  string              `json:"verdict" doc:"compatible, incompatible, undecided, invalid or same" example:"compatible"`
	Level    string              `json:"level,omitempty" example:"BACKWARD"`
	Would    *checkWould         `json:"would,omitempty" doc:"What registering would give."`
	Against  []json.RawMessage   `json:"against,omitempty" doc:"One for each version compared, newest first: version, verdict, and a proof, a counterexample or what stopped the proof."`
	Carried  []int               `json:"carried,omitempty" doc:"Versions whose events a lens carries to the new one."`
	Lens     *catalog.LensReport `json:"lens,omitempty" doc:"The proof of the lens."`
	Warnings []string            `json:"warnings,omitempty"`
	Error    *problem            `json:"error,omitempty" doc:"Why it is invalid."`
}

// checkWould is the version that registering would give.
type checkWould struct {
	Version int  `json:"version" example:"4"`
	New     bool `json:"new"`
}

// nativeCheck serves POST /v1/check.
func (a *API) nativeCheck() {
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/check", id: "check", needs: somewhere(catalog.Reader), tag: tagNative, summary: "Judge schemas without storing them",
		request: `{"files":[{"subject":"orders.OrderPlaced","schema":"{\"type\":\"object\"}","name":"orders/OrderPlaced.v3.json"}]}`,
		answer:  `{"ok":true,"revision":42,"results":[{"name":"orders/OrderPlaced.v3.json","subject":"orders.OrderPlaced","verdict":"compatible","level":"BACKWARD","would":{"version":4,"new":true}}]}`,
		limit:   MaxCheckBytes,
	}, a.check)
}

func (a *API) check(ctx context.Context, _ *none, b *checkBody) (checkAnswer, error) {
	if len(b.Files) > MaxCheckFiles {
		return checkAnswer{}, &fault{code: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("More than %d files", MaxCheckFiles)}
	}
	answer := checkAnswer{OK: true, Revision: a.registry.Status().Revision, Results: []checkResult{}}
	for _, f := range b.Files {
		result, err := a.checkFile(ctx, f)
		if err != nil {
			return checkAnswer{}, err
		}
		answer.OK = answer.OK && result.Would != nil
		answer.Results = append(answer.Results, result)
	}
	return answer, nil
}

// checkFile judges one file. What is wrong with the file is in the result; the error is what is wrong with the server.
func (a *API) checkFile(ctx context.Context, f checkFile) (checkResult, error) {
	result := checkResult{Name: f.Name, Subject: f.Subject}
	name, err := nameOf(ctx, f.Subject)
	if err != nil {
		return a.invalid(ctx, result, err)
	}
	reg := catalog.Registration{Text: f.Schema, References: f.References, Metadata: f.Metadata, Lens: f.Lens}
	same, err := a.registry.Lookup(ctx, name, reg, catalog.LiveOnly)
	switch {
	case err == nil:
		result.Verdict, result.Would = "same", &checkWould{same.Number, false}
		return result, nil
	case !errors.Is(err, catalog.SubjectNotFound) && !errors.Is(err, catalog.SchemaNotFound):
		return a.invalid(ctx, result, err)
	}
	j, err := a.registry.Check(ctx, name, 0, reg)
	if err != nil {
		return a.invalid(ctx, result, err)
	}
	result.Verdict, result.Level, result.Carried, result.Lens, result.Warnings = verdictOf(&j).Verdict, string(j.Level), j.Carried, j.Lens, j.Warnings
	for _, p := range j.Report.Against {
		shown, err := encode(p)
		if err != nil {
			return result, err
		}
		result.Against = append(result.Against, shown)
	}
	if j.Passes {
		head, err := a.head(ctx, name)
		if err != nil {
			return result, err
		}
		result.Would = &checkWould{head + 1, true}
	}
	return result, nil
}

// head is the highest number ever given to a subject, 0 if it was never there.
func (a *API) head(ctx context.Context, name catalog.Name) (int, error) {
	s, err := a.registry.Subject(ctx, name)
	if errors.Is(err, catalog.SubjectNotFound) {
		return 0, nil
	}
	return s.Head.Number, err
}

// invalid puts what is wrong with a file into its result; what is wrong with the server stays an error.
func (a *API) invalid(ctx context.Context, result checkResult, err error) (checkResult, error) {
	f := *a.faultOf(ctx, err)
	f.native = true
	if f.GetStatus() >= 500 || f.GetStatus() == http.StatusTooManyRequests {
		return result, err
	}
	shown := f.problem()
	result.Verdict, result.Error = "invalid", &shown
	return result, nil
}
