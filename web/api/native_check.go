package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/accordhq/accord/catalog"
)

// Limits of POST /v1/check.
const (
	MaxCheckFiles = 500      // 413
	MaxCheckBytes = 16 << 20 // of the body; 413
)

// checkBody is the files of one change.
type checkBody struct {
	Files []checkFile `json:"files" doc:"Each is judged as a registration would be, after those that it refers to."`
	Level string      `json:"level,omitempty" doc:"Asked instead of the subjects' own" example:"FULL"`
}

// checkFile is one schema to judge.
type checkFile struct {
	Subject    string              `json:"subject" example:"orders.OrderPlaced"`
	Schema     string              `json:"schema" doc:"The JSON Schema, as text."`
	References []catalog.Reference `json:"references,omitempty"`
	Metadata   *catalog.Metadata   `json:"metadata,omitempty"`
	RuleSet    *catalog.RuleSet    `json:"ruleSet,omitempty"`
	Lens       json.RawMessage     `json:"lens,omitempty" doc:"The step from the version below."`
	Examples   []json.RawMessage   `json:"examples,omitempty" doc:"Events of the version below that the lens must carry."`
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
	impactBody
	Error *problem `json:"error,omitempty" doc:"Why it is invalid."`
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
		answer:  `{"ok":true,"revision":42,"results":[{"name":"orders/OrderPlaced.v3.json","subject":"orders.OrderPlaced","verdict":"compatible","level":"BACKWARD","would":{"version":4,"new":true},"consumers":[` + exampleConsumer + `],"impact":"v4 breaks 0 of 1 consumers"}]}`,
		limit:   MaxCheckBytes, codes: []int{42203},
	}, a.check)
}

func (a *API) check(ctx context.Context, _ *none, b *checkBody) (checkAnswer, error) {
	if len(b.Files) > MaxCheckFiles {
		return checkAnswer{}, &fault{code: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("More than %d files", MaxCheckFiles)}
	}
	answer := checkAnswer{OK: true, Results: make([]checkResult, len(b.Files))}
	var files []catalog.CheckFile
	var places []int
	for i, f := range b.Files {
		answer.Results[i] = checkResult{Name: f.Name, Subject: f.Subject}
		name, err := nameOf(ctx, f.Subject)
		if err == nil {
			err = mayCheck(ctx, name)
		}
		if err != nil {
			if answer.Results[i], err = a.invalid(ctx, answer.Results[i], err); err != nil {
				return checkAnswer{}, err
			}
			answer.OK = false
			continue
		}
		places = append(places, i)
		files = append(files, catalog.CheckFile{Name: name, Registration: catalog.Registration{
			Text: f.Schema, References: f.References, Metadata: f.Metadata, RuleSet: f.RuleSet, Lens: f.Lens, Examples: (&lensChange{Examples: f.Examples}).examples(),
		}})
	}
	checked, rev, err := a.registry.CheckFiles(ctx, files, catalog.Level(b.Level))
	if err != nil {
		return checkAnswer{}, err
	}
	for k, i := range places {
		if answer.Results[i], err = a.checked(ctx, answer.Results[i], &checked[k]); err != nil {
			return checkAnswer{}, err
		}
		answer.OK = answer.OK && answer.Results[i].Would != nil
	}
	answer.Revision = max(rev, a.registry.Status().Revision)
	return answer, nil
}

// checked fills in what became of a file.
func (a *API) checked(ctx context.Context, result checkResult, c *catalog.Checked) (checkResult, error) {
	switch {
	case c.Err != nil:
		return a.invalid(ctx, result, c.Err)
	case c.Same:
		result.Verdict, result.Would = "same", &checkWould{c.Number, false}
		return result, nil
	}
	result.Verdict, result.Level, result.Carried, result.Lens, result.Warnings = verdictOf(&c.Judgement).Verdict, string(c.Level), c.Carried, c.Judgement.Lens, c.Warnings
	for _, f := range c.Reserved {
		result.Warnings = append(slices.Clip(result.Warnings), f.String())
	}
	for _, p := range c.Report.Against {
		shown, err := encode(p)
		if err != nil {
			return result, err
		}
		result.Against = append(result.Against, shown)
	}
	result.impactBody = impactOf(c.Impact, c.Strangers)
	if c.Passes {
		result.Would = &checkWould{c.Number, true}
	}
	return result, nil
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
