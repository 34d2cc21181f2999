package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"github.com/accordhq/accord/catalog"
)

// A fault is an error on its way to a client: Confluent's envelope or, on native routes, problem details.
type fault struct {
	code    int // Confluent's; its first three digits are the status
	message string
	pointer string // into what was sent
	request string // ID, on answers that tell nothing else
	native  bool
	allow   string // methods that the path has, where it does not have the one asked for
	more    any    // an object of members beside the message, for clients that take them
}

// Error is the message.
func (f *fault) Error() string { return f.message }

// GetStatus returns the HTTP status: the first three digits of the code, but native routes say 503 where Confluent
// hides an unreachable store behind 500.
func (f *fault) GetStatus() int {
	status := f.code
	for status >= 1000 {
		status /= 10
	}
	if f.native && (f.code == codeStore || f.code == codeTimeout) {
		return http.StatusServiceUnavailable
	}
	return status
}

// GetHeaders asks the client to come back where that helps, and says which methods there are.
func (f *fault) GetHeaders() http.Header {
	h := http.Header{}
	if f.allow != "" {
		h.Set("Allow", f.allow)
	}
	if s := f.GetStatus(); s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	return h
}

// ContentType is that of problem details on native routes.
func (f *fault) ContentType(negotiated string) string {
	if f.native {
		return mediaProblem
	}
	return negotiated
}

// errorBody is Confluent's envelope.
type errorBody struct {
	ErrorCode int    `json:"error_code" doc:"The first three digits are the HTTP status." example:"40401"`
	Message   string `json:"message" example:"Subject 'orders.OrderPlaced' not found."`
}

// problem is the envelope of native routes. Source: RFC 9457.
type problem struct {
	Title   string `json:"title" example:"Not Found"`
	Status  int    `json:"status" example:"404"`
	Detail  string `json:"detail" example:"Subject 'orders.OrderPlaced' not found."`
	Code    int    `json:"error_code" doc:"The code of Confluent's routes for the same fault." example:"40401"`
	Pointer string `json:"pointer,omitempty" doc:"JSON Pointer to what is wrong in what was sent."`
	Request string `json:"request,omitempty" doc:"ID of the request in the server's log."`
}

// MarshalJSON writes the envelope.
func (f *fault) MarshalJSON() ([]byte, error) {
	var body any = errorBody{f.code, f.message}
	if f.native {
		body = f.problem()
	}
	b, err := encode(body)
	if err != nil || f.more == nil {
		return b, err
	}
	more, err := encode(f.more)
	if err != nil {
		return nil, err
	}
	return append(append(b[:len(b)-1], ','), more[1:]...), nil
}

// problem is the fault as native routes tell it.
func (f *fault) problem() problem {
	return problem{http.StatusText(f.GetStatus()), f.GetStatus(), f.message, f.code, f.pointer, f.request}
}

// encode is JSON as all answers are: nothing escaped for HTML, no newline at the end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Codes that the code branches on.
const (
	codeIncompatible = 409
	codeStore        = 50001
	codeTimeout      = 50002
)

// Faults of HTTP itself.
func plain(status int) *fault {
	return &fault{code: status, message: fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))}
}

func unrouted() *fault { return plain(http.StatusNotFound) }

func badRequest(message string) *fault {
	return &fault{code: http.StatusBadRequest, message: message}
}

func busy() *fault {
	return &fault{code: http.StatusTooManyRequests, message: "Too many requests at once: try again"}
}

func internal(request string) *fault {
	return &fault{code: http.StatusInternalServerError, message: "Internal error (request " + request + ")", request: request}
}

// writeFault answers a request that reached no operation.
func writeFault(w http.ResponseWriter, r *http.Request, native bool, f *fault) {
	told := *f
	told.native = native
	media := preferred(r.Header.Values("Accept"), mediaOut)
	if media == "" {
		media = mediaV1
	}
	w.Header().Set("Content-Type", told.ContentType(media))
	maps.Copy(w.Header(), told.GetHeaders())
	w.WriteHeader(told.GetStatus())
	if b, err := encode(&told); err == nil {
		_, _ = w.Write(b)
	}
}

// faultOf is the one map from what the rooms below say to what clients read.
func (a *API) faultOf(ctx context.Context, err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if e, ok := errors.AsType[*catalog.Incompatible](err); ok {
		return a.incompatible(ctx, e)
	}
	if e, ok := errors.AsType[*catalog.RefutedLens](err); ok {
		return refuted(e)
	}
	if e, ok := errors.AsType[*catalog.Held](err); ok {
		refusal := *a.faultOf(ctx, e.Err)
		refusal.more = removedBodyOf(ctx, e.Removed)
		return &refusal
	}
	if e, ok := errors.AsType[*catalog.Error](err); ok {
		if say, ok := reasons[e.Reason]; ok {
			if e.Err != nil && say.code/100 == 500 {
				a.log.Error("the store could not be asked", "request", callOf(ctx).id, "err", err)
			}
			return &fault{code: say.code, message: say.text(e), pointer: e.Pointer}
		}
	}
	switch {
	case errors.Is(err, catalog.ErrConflict):
		return &fault{code: http.StatusPreconditionFailed, message: "Changed since it was read"}
	case errors.Is(err, context.DeadlineExceeded):
		return &fault{code: codeTimeout, message: "Operation timed out"}
	case errors.Is(err, context.Canceled):
		return &fault{code: http.StatusRequestTimeout, message: "The client went away"}
	}
	a.log.Error("a request failed", "request", callOf(ctx).id, "err", err)
	return internal(callOf(ctx).id)
}

// saying is the code of a reason, the form of its message as documents show it, and the message.
type saying struct {
	code int
	form string
	text func(*catalog.Error) string
}

// say is a saying whose form has a place for each of what.
func say(code int, form string, what ...func(*catalog.Error) any) saying {
	return saying{code, form, func(e *catalog.Error) string {
		args := make([]any, len(what))
		for i, w := range what {
			args[i] = w(e)
		}
		return fmt.Sprintf(form, args...)
	}}
}

// What messages have places for.
func subject(e *catalog.Error) any { return e.Name.String() }
func version(e *catalog.Error) any { return strconv.Itoa(e.Version) }
func schemaID(e *catalog.Error) any {
	return strconv.Itoa(e.ID)
}
func detail(e *catalog.Error) any { return e.Detail }

// spelled is a subject that may not be one: as it was sent.
func spelled(e *catalog.Error) any {
	if e.Name.Context == "" {
		return cut(e.Name.Subject, catalog.MaxSubjectBytes)
	}
	return e.Name.String()
}

// inside is the place with what lies below it.
func inside(e *catalog.Error) any {
	words := fmt.Sprint(place(e))
	if e.Detail != "" && e.Err != nil {
		words += ": " + e.Err.Error()
	}
	return words
}

// scope is the context as Confluent prints it: the default one as nothing.
func scope(e *catalog.Error) any { return e.Name.Context }

// place is the detail with the JSON Pointer it is about.
func place(e *catalog.Error) any {
	words := e.Detail
	switch {
	case words == "" && e.Err != nil:
		words = e.Err.Error()
	case words == "":
		words = string(e.Reason)
	}
	if e.Pointer != "" {
		words += " (at " + e.Pointer + ")"
	}
	return words
}

// target is the name of what a schema was asked by.
func target(e *catalog.Error) any {
	switch {
	case e.GUID != "":
		return " " + e.GUID
	case e.Name.Subject != "": // asked by content
		return ""
	}
	return " " + strconv.Itoa(e.ID)
}

// reasons is the table of what Confluent's clients read for each reason of the catalog. Texts are Confluent's to the
// letter where Confluent has one, oddities included: tools compare them. Source: Confluent Schema Registry, "Errors".
var reasons = map[catalog.Reason]saying{
	catalog.SubjectNotFound:      say(40401, "Subject '%s' not found.", subject),
	catalog.VersionNotFound:      say(40402, "Version %s not found.", version),
	catalog.SchemaNotFound:       say(40403, "Schema%s not found", target),
	catalog.SubjectDeleted:       say(40404, "Subject '%s' was soft deleted.Set permanent=true to delete permanently", subject),
	catalog.SubjectNotDeleted:    say(40405, "Subject '%s' was not deleted first before being permanently deleted", subject),
	catalog.VersionDeleted:       say(40406, "Subject '%s' Version %s was soft deleted.Set permanent=true to delete permanently", subject, version),
	catalog.VersionNotDeleted:    say(40407, "Subject '%s' Version %s was not deleted first before being permanently deleted", subject, version),
	catalog.NoCompatibility:      say(40408, "Subject '%s' does not have subject-level compatibility configured", subject),
	catalog.NoMode:               say(40409, "Subject '%s' does not have subject-level mode configured", subject),
	catalog.DocumentNotFound:     say(404, "Document %s not found", detail),
	catalog.InvalidSchema:        say(42201, "Invalid schema of type JSON, details: %s", place),
	catalog.ReferenceNotFound:    say(42201, "Invalid schema of type JSON, details: reference not found: %s", place),
	catalog.GUIDCollision:        say(42201, "Invalid schema of type JSON, details: its GUID means another schema"),
	catalog.EmptySchema:          say(42201, "Empty schema"),
	catalog.NotNextVersion:       say(42201, "Version is not one more than previous version"),
	catalog.InvalidVersion:       say(42202, `The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`, detail),
	catalog.InvalidCompatibility: say(42203, "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"),
	catalog.RawReader:            say(42203, "Invalid compatibility policy. SEMANTIC_UPCAST needs every declared reader to decode by lenses; %s reads '%s' as it was written", detail, subject),
	catalog.InvalidPolicy:        say(42203, "Invalid policy: %s", detail),
	catalog.InvalidMode:          say(42204, "Invalid mode. Valid values are READWRITE, READONLY, IMPORT and FORWARD."),
	catalog.ReadOnly:             say(42205, "Subject %s in context %s is in read-only mode", subject, scope),
	catalog.NotImport:            say(42205, "Subject %s in context %s is not in import mode", subject, scope),
	catalog.NotReadWrite:         say(42205, "Subject %s in context %s is not in read-write mode", subject, scope),
	catalog.IDTaken:              say(42205, "Overwrite new schema with id %s in context %s is not permitted.", schemaID, scope),
	catalog.VersionTaken:         say(42205, "Overwrite version %s of subject '%s' is not permitted.", version, subject),
	catalog.TooManyVersions:      say(42205, "Subject '%s' has as many versions as it may", subject),
	catalog.NotEmpty:             say(42205, "Cannot import since found existing subjects"),
	catalog.Referenced:           say(42206, "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=%s,version=%s}.", subject, version),
	catalog.ChainNeeded:          say(42206, "Subject '%s' Version %s is needed by a chain of lenses: %s", subject, version, detail),
	catalog.InUse:                say(409, "Subject '%s' is in use: %s", subject, detail),
	catalog.IDMismatch:           say(42207, "The ID of an imported schema does not match the existing ID"),
	catalog.InvalidSubject:       say(42208, "The specified subject '%s' is not a valid.", spelled),
	catalog.TooLarge:             say(42209, "Register operation failed because schema is too large"),
	catalog.InvalidRuleSet:       say(42210, "Invalid ruleset: %s", place),
	catalog.InvalidLens:          say(42210, "Invalid lens: %s", place),
	catalog.ContextNotEmpty:      say(42211, "The specified context '%s' is not empty.", func(e *catalog.Error) any { return e.Name.ContextName() }),
	catalog.InvalidDocument:      say(422, "Invalid document: %s", inside),
	catalog.InvalidReport:        say(422, "Invalid report: %s", place),
	catalog.LensNotFound:         say(404, "Version %s of subject '%s' has no lens", version, subject),
	catalog.NoLensPath:           say(422, "No lens leads there: %s", place),
	catalog.WrongDirection:       say(422, "Wrong direction: %s", place),
	catalog.TooMany:              say(413, "Too many: %s", detail),
	catalog.Busy:                 say(429, "Too many registrations are being judged: try again"),
	catalog.InvalidDump:          say(422, "Not a dump as it was exported: %s", detail),
	catalog.PolicyTaken:          say(42205, "Overwrite the policy of %s is not permitted.", subject),
	catalog.DocumentTaken:        say(42205, "Overwrite document %s is not permitted.", detail),
	catalog.HistoryTaken:         say(42205, "Overwrite history %s is not permitted.", detail),
	catalog.PreconditionFailed:   say(412, "Changed since it was read"),
	catalog.TokenNotFound:        say(404, "Token not found"),
	catalog.InvalidToken:         say(422, "Invalid token: %s", detail),
	catalog.NotPermitted:         say(403, "Forbidden: subject '%s' stands for another one, and this needs a grant of role %s on that", subject, detail),
	catalog.Unavailable:          say(codeStore, "Error in the backend data store: %s", detail),
	catalog.TimedOut:             say(codeTimeout, "Register operation timed out"),
}
