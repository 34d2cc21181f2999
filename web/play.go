package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// MaxPlayFaults is how many faults the playground lists, MaxPlayVersions how many versions it asks.
const (
	MaxPlayFaults   = 100
	MaxPlayVersions = 100
)

type playPage struct {
	Events  []*event
	Event   string
	Version string // a number, or "any"
	Text    string
	Asked   bool
	Bad     string // why the text is no JSON, "" = it is
	Results []playResult
}

// playResult is one version's verdict on the text.
type playResult struct {
	Subject string
	Version int
	Valid   bool
	Faults  []playFault
	Err     string // why the version could not judge
}

type playFault struct {
	Address, Pointer, Keyword, Expected, Actual, Message string
	Line, Column                                         int
}

// playForm shows the form; ?event= and ?version= fill it.
func (s *Site) playForm(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	p := playPage{Events: lib.events, Event: r.URL.Query().Get("event"), Version: r.URL.Query().Get("version")}
	if e := lib.bySubject[p.Event]; e != nil && e.Doc != nil {
		for _, x := range e.Doc.Examples {
			if x.Version == e.Latest() {
				p.Text = prettyJSON(x.Event)
				break
			}
		}
	}
	return s.renderPlay(w, r, lib, http.StatusOK, p)
}

func (s *Site) renderPlay(w http.ResponseWriter, r *http.Request, lib *library, status int, p playPage) error {
	return s.render(w, r, "play", status, page{Title: "Playground", Nav: "play", Rev: lib.rev, Data: p})
}

// playValidate judges a text by one version or by all versions of an event. It decides by the same code as the gate
// in front of Kafka, and stores nothing.
func (s *Site) playValidate(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, MaxPlayBody)
	if err := r.ParseForm(); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return &pageError{status: http.StatusRequestEntityTooLarge, title: "The text is too long", detail: fmt.Sprintf("The playground takes at most %d bytes.", MaxPlayBody)}
		}
		return &pageError{status: http.StatusBadRequest, title: "Not a form", detail: "The form could not be read.", err: err}
	}
	p := playPage{Events: lib.events, Event: r.PostForm.Get("event"), Version: r.PostForm.Get("version"), Text: r.PostForm.Get("text"), Asked: true}
	e := lib.bySubject[p.Event]
	if e == nil {
		return lib.unknown("event", p.Event)
	}
	if p.Bad = badJSON(p.Text); p.Bad != "" {
		return s.renderPlay(w, r, lib, http.StatusUnprocessableEntity, p)
	}
	numbers := []int{e.Latest()}
	if p.Version == "any" {
		numbers = nil
		for _, v := range e.Live() {
			numbers = append([]int{v.Number}, numbers...)
		}
		numbers = numbers[:min(len(numbers), MaxPlayVersions)]
	} else if n, err := strconv.Atoi(p.Version); err == nil {
		numbers = []int{n}
	}
	for _, n := range numbers {
		result := playResult{Subject: e.Subject, Version: n}
		faults, err := s.Registry.Validate(r.Context(), catalog.Name{Subject: e.Subject}, n, []byte(p.Text), MaxPlayFaults)
		if err != nil {
			if !errors.Is(err, catalog.InvalidSchema) {
				return err
			}
			result.Err = err.Error()
		}
		result.Valid = err == nil && len(faults) == 0
		for _, f := range faults {
			x := playFault{Address: f.Address, Pointer: f.Pointer, Keyword: f.Keyword, Expected: f.Expected, Actual: f.Actual, Message: f.Message}
			x.Line, x.Column = position(p.Text, f.Offset)
			result.Faults = append(result.Faults, x)
		}
		p.Results = append(p.Results, result)
	}
	return s.renderPlay(w, r, lib, http.StatusOK, p)
}

// badJSON says where a text stops being JSON, "" if it is one value.
func badJSON(text string) string {
	dec := json.NewDecoder(strings.NewReader(text))
	var v json.RawMessage
	err := dec.Decode(&v)
	offset := dec.InputOffset()
	if err == nil {
		if rest := bytes.TrimLeft([]byte(text)[offset:], " \t\r\n"); len(rest) > 0 {
			line, column := position(text, len(text)-len(rest))
			return fmt.Sprintf("text after the value, at line %d, column %d", line, column)
		}
		return ""
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	} else {
		offset = int64(len(text))
	}
	at := max(0, int(offset)-1)
	line, column := position(text, at)
	return fmt.Sprintf("%s, at byte %d: line %d, column %d", strings.TrimPrefix(err.Error(), "json: "), at, line, column)
}

// position is the line and column of a byte offset, both from 1, in code points.
func position(text string, offset int) (line, column int) {
	before := text[:min(max(offset, 0), len(text))]
	line = strings.Count(before, "\n") + 1
	return line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
}
