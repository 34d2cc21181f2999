package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/accordhq/accord/catalog"
)

// Limits of export and import.
const (
	MaxDumpBytes  = 16 << 30         // of a dump that is imported; 413
	MaxTransfers  = 2                // exports and imports at once; 429
	TransferStall = 30 * time.Second // a client that neither reads nor sends for so long is cut off
)

// mediaLines is JSON, a value a line.
const mediaLines = "application/x-ndjson"

// importBody is what became of a dump.
type importBody struct {
	Created  int             `json:"created" doc:"Versions, policies, documents and rows of history that were written." example:"12"`
	Same     int             `json:"same" doc:"Those that were there already." example:"0"`
	Refused  []dumpFaultBody `json:"refused" doc:"Lines that were left out, with all of their subject."`
	Broken   []dumpFaultBody `json:"broken" doc:"Schemas that were taken and marked although they do not compile."`
	LeftOff  int             `json:"left_off,omitempty" doc:"Refused and broken lines beyond the first 1000."`
	Revision catalog.Rev     `json:"revision" doc:"Newest change of the import; 0: nothing changed." example:"42"`
}

// dumpFaultBody is what is wrong with a line.
type dumpFaultBody struct {
	Line   int    `json:"line" example:"7"`
	Reason string `json:"reason" example:"orders.OrderPlaced: schema ID means another schema (ID 7)"`
}

// archivedBody is a row of another store's history.
type archivedBody struct {
	Chain string `json:"chain" doc:"Hash of the first row of that history." example:"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"`
	changeBody
	Source string `json:"source,omitempty" doc:"Where the change came from."`
	Hash   string `json:"hash" doc:"Of this row and the one before." example:"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"`
}

// archivedList is a page of them.
type archivedList struct {
	Changes []archivedBody `json:"changes"`
}

type archiveInput struct {
	Chain string `query:"chain" doc:"Rows of this history, and of those whose name sorts behind it; absent: from the beginning" example:"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"`
	After number `query:"after" doc:"Rows after this revision of the chain; absent: from the beginning" example:"41"`
	Limit number `query:"limit" doc:"At most so many, 1000 at most and if absent" example:"100"`
}

const (
	exampleDump    = `{"accord":{"format":1,"at":"2026-01-02T15:04:05Z","revision":42}}`
	exampleImport  = `{"created":12,"same":0,"refused":[],"broken":[],"revision":42}`
	exampleArchive = `{"changes":[{"chain":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae","rev":42,"at":"2026-01-02T15:04:05Z","op":"register","context":".","subject":"orders.OrderPlaced","version":3,"id":7,"hash":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}]}`
)

// nativeTransfer serves everything at once, out and in.
func (a *API) nativeTransfer() {
	out := route{
		native: true, method: http.MethodGet, path: "/v1/export", id: "exportCatalog", needs: somewhere(catalog.Operator), tag: tagTransfer, summary: "Export everything",
		about: "One consistent view as lines of JSON: a header; subjects with their schemas and versions, in every state, each behind those that it refers to; " +
			"documents, history and policies; at last the number of lines and their SHA-256, so that a file that was cut or edited is noticed. " +
			"With context or prefix: subjects with their policies and history alone.",
		answer: exampleDump, produces: mediaLines, status: http.StatusOK,
	}
	in := route{
		native: true, method: http.MethodPost, path: "/v1/import", id: "importCatalog", needs: somewhere(catalog.Operator), tag: tagTransfer, summary: "Import what was exported",
		about: "The file is read whole and written only if it is as it was exported; each subject is one step. IDs, GUIDs, numbers, states, times and authors are kept; " +
			"nothing is overwritten. New things need mode IMPORT in their scope. What broke off is finished by doing it again.",
		request: exampleDump, reads: mediaLines, answer: exampleImport, codes: []int{422, 42205}, status: http.StatusOK, limit: MaxDumpBytes,
	}
	a.mount(out, a.transferring(a.export))
	a.mount(in, a.transferring(a.importDump))
	documented(a.doc, out).Parameters = []*huma.Param{
		{Name: "context", In: "query", Description: "Only this context; absent: all", Schema: &huma.Schema{Type: huma.TypeString}, Example: ".team"},
		{Name: "prefix", In: "query", Description: "Only subjects whose name, without context, begins so", Schema: &huma.Schema{Type: huma.TypeString}, Example: "orders."},
	}
	schemas := a.doc.Components.Schemas
	said := documented(a.doc, in)
	said.Parameters = []*huma.Param{
		{Name: "dry_run", In: "query", Description: "Write nothing, whatever the mode: say what would be", Schema: flag("").Schema(schemas), Example: true},
	}
	said.RequestBody = &huma.RequestBody{Required: true, Content: contents([]string{mediaLines}, raw("").Schema(schemas), example(exampleDump))}
	said.Responses[itoa(in.status)].Content = contents(in.mediaTypes(), schemas.Schema(reflect.TypeFor[importBody](), true, in.id+"Answer"), example(exampleImport))
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/audit/imported", id: "listImportedAudit", needs: somewhere(catalog.Reader), tag: tagTransfer, summary: "Read the history that imports brought",
		about:  "What other stores had recorded before their contents came here, as they recorded it; each history is a chain of its own. It needs a grant on everything.",
		answer: exampleArchive,
	}, a.listArchive)
}

// transferring lets MaxTransfers in at once, and tells what went wrong as long as nothing was sent.
func (a *API) transferring(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case a.transfers <- struct{}{}:
			defer func() { <-a.transfers }()
		default:
			writeFault(w, r, true, busy())
			return
		}
		err := serve(w, r)
		if err == nil {
			return
		}
		if sent, ok := w.(*answer); ok && sent.status != 0 {
			a.log.Warn("an export broke off", "request", callOf(r.Context()).id, "err", err)
			panic(http.ErrAbortHandler) // the client must see that it was cut
		}
		writeFault(w, r, true, a.faultOf(r.Context(), err))
	}
}

// export streams a dump.
func (a *API) export(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	q := catalog.ExportQuery{Prefix: r.URL.Query().Get("prefix")}
	if s := r.URL.Query().Get("context"); s != "" {
		name, err := contextOf(s)
		if err != nil {
			return err
		}
		q.Context = &name
	} else if c := callOf(ctx).context; c != "" {
		q.Context = &c
	}
	scope := catalog.Name{Context: catalog.GlobalContext}
	if q.Context != nil {
		scope.Context = *q.Context
	}
	if err := demand(ctx, catalog.Operator, scope); err != nil {
		return err
	}
	w.Header().Set("Content-Type", mediaLines)
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	defer control.SetWriteDeadline(time.Time{})
	return a.registry.Export(ctx, q, writerFunc(func(b []byte) (int, error) {
		_ = control.SetWriteDeadline(time.Now().Add(TransferStall)) // where there is a connection
		return w.Write(b)
	}))
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// importDump keeps the body in a file until it is known to be whole, and imports it.
func (a *API) importDump(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := demand(ctx, catalog.Operator, catalog.Name{Context: catalog.GlobalContext}); err != nil {
		return err
	}
	file, err := os.CreateTemp("", "accord-import-*.ndjson")
	if err != nil {
		return fmt.Errorf("keep the dump until it is whole: %w", err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	control := http.NewResponseController(w)
	defer control.SetReadDeadline(time.Time{})
	_, err = io.Copy(file, readerFunc(func(b []byte) (int, error) {
		_ = control.SetReadDeadline(time.Now().Add(TransferStall)) // where there is a connection
		n, err := r.Body.Read(b)
		if err != nil && !errors.Is(err, io.EOF) {
			err = &bodyError{err}
		}
		return n, err
	}))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &fault{code: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("The body is larger than %d bytes", tooLarge.Limit)}
	}
	if _, ok := errors.AsType[*bodyError](err); ok {
		return badRequest("The body could not be read")
	}
	if err != nil {
		return fmt.Errorf("keep the dump until it is whole: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	done, err := a.registry.Import(ctx, file, isTrue(r.URL.Query().Get("dry_run")))
	if err != nil {
		return err
	}
	stamp(ctx, done.Rev)
	text, err := encode(importBody{done.Created, done.Same, faultsOf(done.Refused), faultsOf(done.Broken), done.LeftOff, done.Rev})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", mediaJSON)
	_, err = w.Write(text)
	return err
}

// bodyError is a body that broke off.
type bodyError struct{ error }

func (e *bodyError) Unwrap() error { return e.error }

func faultsOf(faults []catalog.DumpFault) []dumpFaultBody {
	list := make([]dumpFaultBody, len(faults))
	for i, f := range faults {
		list[i] = dumpFaultBody{f.Line, f.Reason}
	}
	return list
}

func (a *API) listArchive(ctx context.Context, in *archiveInput, _ *none) (archivedList, error) {
	if err := demand(ctx, catalog.Reader, catalog.Name{Context: catalog.GlobalContext}); err != nil {
		return archivedList{}, err
	}
	after, err := revOf("after", in.After)
	if err != nil {
		return archivedList{}, err
	}
	p, err := pageOf("", in.Limit, catalog.MaxPage)
	if err != nil {
		return archivedList{}, err
	}
	rows, err := a.registry.Archive(ctx, in.Chain, after, p.limit)
	list := archivedList{Changes: []archivedBody{}}
	for _, row := range rows {
		list.Changes = append(list.Changes, archivedBody{row.Chain, changeOf(row.Change, true), row.Source, row.Hash})
	}
	return list, err
}
