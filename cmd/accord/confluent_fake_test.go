package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeVersion is a version of a fake registry.
type fakeVersion struct {
	Subject    string           `json:"subject"`
	Version    int              `json:"version"`
	ID         int              `json:"id"`
	SchemaType string           `json:"schemaType,omitempty"` // absent means AVRO, as Confluent answers
	Schema     string           `json:"schema"`
	References []map[string]any `json:"references,omitempty"`
	Metadata   map[string]any   `json:"metadata,omitempty"`
	deleted    bool
}

// fakeConfluent answers as a Confluent registry does, with what is peculiar to it: pages shorter than asked for, no word
// about deletion in the list, no type for Avro, 404 for a scope without a policy of its own, mode IMPORT only where
// nothing is, and only with it IDs.
type fakeConfluent struct {
	mu       sync.Mutex
	versions []*fakeVersion // guarded by mu, as all below
	config   map[string]map[string]any
	mode     map[string]string
	log      []string // of writes
}

const fakeLogin = "mover:secret"

func startFake(t *testing.T, versions ...*fakeVersion) (*fakeConfluent, string) {
	t.Helper()
	f := &fakeConfluent{versions: versions, config: map[string]map[string]any{}, mode: map[string]string{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server.URL
}

func (f *fakeConfluent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	user, password, _ := r.BasicAuth()
	if user+":"+password != fakeLogin {
		fakeFault(w, 401, 401, "Unauthorized")
		return
	}
	if r.Method != http.MethodGet {
		f.log = append(f.log, r.Method+" "+r.URL.Path)
	}
	var segments []string
	for s := range strings.SplitSeq(strings.Trim(r.URL.EscapedPath(), "/"), "/") {
		one, _ := url.PathUnescape(s)
		segments = append(segments, one)
	}
	within := ""
	if len(segments) > 2 && segments[0] == "contexts" {
		within, segments = segments[1], segments[2:]
	}
	if len(segments) == 1 && segments[0] == "contexts" {
		fakeAnswer(w, []string{".", ".team"})
		return
	}
	switch segments[0] {
	case "schemas":
		f.schemas(w, r, within, segments[1:])
	case "config", "mode":
		f.policy(w, r, segments[0], strings.Join(segments[1:], ""))
	case "subjects":
		f.subjects(w, r, segments[1:])
	default:
		fakeFault(w, 404, 404, "HTTP 404 Not Found")
	}
}

func fakeAnswer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func fakeFault(w http.ResponseWriter, status, code int, message string) {
	w.WriteHeader(status)
	fakeAnswer(w, map[string]any{"error_code": code, "message": message})
}

// contextOfFake is the context of a qualified subject, "" for the default one.
func contextOfFake(subject string) string {
	if !strings.HasPrefix(subject, ":") {
		return ""
	}
	return strings.SplitN(subject, ":", 3)[1]
}

func (f *fakeConfluent) schemas(w http.ResponseWriter, r *http.Request, within string, rest []string) {
	if len(rest) == 2 && rest[0] == "ids" {
		id, _ := strconv.Atoi(rest[1])
		for _, v := range f.versions {
			if v.ID == id && contextOfFake(v.Subject) == within {
				fakeAnswer(w, map[string]any{"schema": v.Schema, "schemaType": v.SchemaType})
				return
			}
		}
		fakeFault(w, 404, 40403, "Schema not found")
		return
	}
	list := []*fakeVersion{}
	for _, v := range f.versions {
		if !v.deleted || r.URL.Query().Get("deleted") == "true" {
			list = append(list, v)
		}
	}
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	const most = 2 // the server's own limit
	list = list[min(offset, len(list)):]
	fakeAnswer(w, list[:min(most, len(list))])
}

func (f *fakeConfluent) policy(w http.ResponseWriter, r *http.Request, what, scope string) {
	var body map[string]any
	if r.Method == http.MethodPut {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			fakeFault(w, 400, 400, err.Error())
			return
		}
	}
	missing := func(code int) { fakeFault(w, 404, code, "Subject '"+scope+"' does not have it configured") }
	switch {
	case what == "config" && r.Method == http.MethodPut:
		f.config[scope] = body
		fakeAnswer(w, body)
	case what == "config" && f.config[scope] != nil:
		c := map[string]any{"compatibilityLevel": f.config[scope]["compatibility"]}
		for k, v := range f.config[scope] {
			if k != "compatibility" {
				c[k] = v
			}
		}
		fakeAnswer(w, c)
	case what == "config" && scope == "":
		fakeAnswer(w, map[string]any{"compatibilityLevel": "BACKWARD"})
	case what == "config":
		missing(40408)
	case r.Method == http.MethodPut:
		mode := body["mode"].(string)
		if mode == "IMPORT" && r.URL.Query().Get("force") != "true" && slices.ContainsFunc(f.versions, func(v *fakeVersion) bool {
			return !v.deleted && (scope == "" || strings.HasPrefix(v.Subject, scope))
		}) {
			fakeFault(w, 422, 42205, "Cannot import since found existing subjects")
			return
		}
		f.mode[scope] = mode
		fakeAnswer(w, body)
	case f.mode[scope] != "":
		fakeAnswer(w, map[string]string{"mode": f.mode[scope]})
	case scope == "":
		fakeAnswer(w, map[string]string{"mode": "READWRITE"})
	default:
		missing(40409)
	}
}

func (f *fakeConfluent) find(subject string, version int) *fakeVersion {
	for _, v := range f.versions {
		if v.Subject == subject && v.Version == version {
			return v
		}
	}
	return nil
}

func (f *fakeConfluent) subjects(w http.ResponseWriter, r *http.Request, rest []string) {
	if len(rest) == 2 && r.Method == http.MethodPost {
		f.register(w, r, rest[0])
		return
	}
	if len(rest) != 3 {
		fakeFault(w, 404, 404, "HTTP 404 Not Found")
		return
	}
	number, _ := strconv.Atoi(rest[2])
	v := f.find(rest[0], number)
	if v == nil || v.deleted && r.URL.Query().Get("deleted") != "true" {
		fakeFault(w, 404, 40402, "Version "+rest[2]+" not found.")
		return
	}
	if r.Method != http.MethodDelete {
		fakeAnswer(w, v)
		return
	}
	for _, other := range f.versions {
		for _, ref := range other.References {
			if !other.deleted && ref["subject"] == v.Subject && ref["version"] == float64(v.Version) {
				fakeFault(w, 422, 42206, "One or more references exist to the schema")
				return
			}
		}
	}
	v.deleted = true
	fakeAnswer(w, number)
}

func (f *fakeConfluent) register(w http.ResponseWriter, r *http.Request, subject string) {
	v := &fakeVersion{}
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		fakeFault(w, 400, 400, err.Error())
		return
	}
	v.Subject = subject
	scope := ""
	if c := contextOfFake(subject); c != "" {
		scope = ":" + c + ":"
	}
	if f.mode[scope] != "IMPORT" {
		fakeFault(w, 422, 42205, "Subject "+subject+" is not in import mode")
		return
	}
	for _, ref := range v.References {
		version, _ := ref["version"].(float64)
		target := fmt.Sprint(ref["subject"])
		if scope != "" && !strings.HasPrefix(target, ":") {
			target = scope + target
		}
		if found := f.find(target, int(version)); found == nil || found.deleted {
			fakeFault(w, 422, 42201, fmt.Sprintf("no schema reference found for %v", ref))
			return
		}
	}
	for _, other := range f.versions {
		if other.ID == v.ID && contextOfFake(other.Subject) == contextOfFake(subject) && other.Schema != v.Schema {
			fakeFault(w, 422, 42205, fmt.Sprintf("Overwrite new schema with id %d is not permitted.", v.ID))
			return
		}
	}
	f.versions = append(f.versions, v)
	fakeAnswer(w, map[string]int{"id": v.ID})
}
