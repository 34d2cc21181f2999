package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// subjectWrite is a change of a subject.
type subjectWrite struct {
	Subject string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	IfMatch string `header:"If-Match" doc:"Revision that the subject must still have; a write with another is refused" example:"42"`
}

// reasoned is what the body of each change of a subject may say.
type reasoned struct {
	Reason string `json:"reason,omitempty" doc:"Kept in the audit; absent: that of X-Accord-Reason." example:"v3 was a mistake"`
}

// because is the context of a change whose body gives a reason.
func (b reasoned) because(ctx context.Context) context.Context {
	if b.Reason == "" {
		return ctx
	}
	author := catalog.AuthorOf(ctx)
	author.Reason = strings.ReplaceAll(cut(b.Reason, MaxReasonBytes), "\x00", "") // which not every database keeps
	return catalog.WithAuthor(ctx, author)
}

// promoteBody asks that a version be the latest again.
type promoteBody struct {
	reasoned
	Version int             `json:"version" doc:"The version whose schema is to be the latest." example:"1"`
	Lens    json.RawMessage `json:"lens,omitempty" doc:"The step from the version that is the latest now, where the level asks for one."`
}

// promoteAnswer is the version that is the latest now.
type promoteAnswer struct {
	Version  int      `json:"version" example:"4"`
	ID       int      `json:"id" example:"5"`
	GUID     string   `json:"guid" example:"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55"`
	New      bool     `json:"new" doc:"false: it was the latest already, and nothing changed."`
	Warnings []string `json:"warnings,omitempty"`
}

// rollbackBody asks that every version above one be soft-deleted.
type rollbackBody struct {
	reasoned
	To     int  `json:"to" doc:"The version that is to be the latest." example:"2"`
	DryRun bool `json:"dry_run,omitempty" doc:"Say what would happen, and change nothing."`
	Force  bool `json:"force,omitempty" doc:"Also while somebody writes one of the versions."`
}

// deleteBody asks that versions be deleted.
type deleteBody struct {
	reasoned
	Versions  []int `json:"versions" doc:"All that the subject has are the subject as a whole: references inside it do not count then."`
	Permanent bool  `json:"permanent,omitempty" doc:"Remove for good what is soft-deleted already."`
	DryRun    bool  `json:"dry_run,omitempty" doc:"Say what would happen, and change nothing."`
}

// undeleteBody asks that versions come back.
type undeleteBody struct {
	reasoned
	Versions []int `json:"versions"`
}

// removedBody is what was, or would be, deleted.
type removedBody struct {
	Deleted   []int         `json:"deleted" doc:"Numbers that were deleted, or would be; empty while something stands against it."`
	BlockedBy []blockerBody `json:"blocked_by" doc:"What stands against it."`
	UsedBy    []userBody    `json:"used_by" doc:"Who is known to write or read these versions: declared first, then the newest."`
}

// blockerBody is one thing that stands against a deletion.
type blockerBody struct {
	Why     string       `json:"why" doc:"reference: a schema refers to it; lens: an older version has its way up through it; writer: somebody wrote it in the last 24 hours" example:"reference"`
	Version int          `json:"version" doc:"The version that cannot go." example:"1"`
	By      *versionName `json:"by,omitempty" doc:"The referrer, or the version that would be cut off; absent: the caller may not read it."`
	User    *userBody    `json:"user,omitempty" doc:"The writer."`
}

// versionName is a version of a subject.
type versionName struct {
	Subject string `json:"subject" doc:"Qualified" example:"orders.OrderPlaced"`
	Version int    `json:"version" example:"3"`
}

// userBody is somebody who writes or reads a version.
type userBody struct {
	Name    string `json:"name" doc:"The service where it is known, else the group, principal or client ID." example:"payments"`
	Role    string `json:"role" doc:"write or read" example:"read"`
	Version int    `json:"version" example:"1"`
	Source  string `json:"source" doc:"declared in a document, pinned by its decoder, or observed" example:"declared"`
	Records int64  `json:"records,omitempty" doc:"Seen so far."`
	Last    string `json:"last,omitempty" doc:"Seen last, RFC 3339." example:"2026-01-02T15:04:05Z"`
}

func userBodyOf(u catalog.User) userBody {
	b := userBody{Name: u.Name, Role: u.Role, Version: u.Version, Source: u.Source, Records: u.Records}
	if !u.Last.IsZero() {
		b.Last = timeText(u.Last)
	}
	return b
}

// removedBodyOf leaves out the names of what the caller may not read.
func removedBodyOf(ctx context.Context, r catalog.Removed) removedBody {
	b := removedBody{Deleted: window(page{}, r.Deleted), BlockedBy: []blockerBody{}, UsedBy: []userBody{}}
	for _, u := range r.UsedBy {
		b.UsedBy = append(b.UsedBy, userBodyOf(u))
	}
	for _, x := range r.BlockedBy {
		one := blockerBody{Why: x.Why, Version: x.Version}
		if x.User != nil {
			user := userBodyOf(*x.User)
			one.User = &user
		} else if mayRead(ctx, x.By.Name) {
			one.By = &versionName{x.By.Name.String(), x.By.Version}
		}
		b.BlockedBy = append(b.BlockedBy, one)
	}
	return b
}

const (
	exampleUser    = `{"name":"payments","role":"read","version":3,"source":"declared"}`
	exampleRemoved = `{"deleted":[3],"blocked_by":[],"used_by":[` + exampleUser + `]}`
)

// nativeLifecycle serves what moves a subject back and forth.
func (a *API) nativeLifecycle() {
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/subjects/{subject}/promote", id: "promote", needs: on(catalog.Developer), tag: tagNative, summary: "Make an older version the latest again",
		about:   "Appends a new number that carries the version's schema and ID, judged as a registration is. Nothing is deleted.",
		request: `{"version":1,"reason":"v3 was a mistake"}`, answer: `{"version":4,"id":5,"guid":"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55","new":true}`,
		codes: []int{409, 40401, 40402, 412, 42201, 42205, 42208, 42210, codeTimeout},
	}, a.promote)
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/subjects/{subject}/rollback", id: "rollback", needs: on(catalog.Operator), tag: tagNative, summary: "Soft-delete every version above one",
		about:   "Refused, with names, while somebody wrote one of them in the last 24 hours, unless forced.",
		request: `{"to":2,"reason":"v3 was a mistake","dry_run":true}`, answer: exampleRemoved,
		codes: []int{409, 40401, 40402, 412, 42205, 42206, 42208, codeTimeout},
	}, func(ctx context.Context, in *subjectWrite, b *rollbackBody) (removedBody, error) {
		name, expect, err := in.parse(ctx)
		if err != nil {
			return removedBody{}, err
		}
		done, err := a.registry.RollBack(b.because(ctx), name, catalog.Rollback{To: b.To, DryRun: b.DryRun, Force: b.Force, Expect: expect})
		return removedBodyOf(ctx, done), err
	})
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/subjects/{subject}/delete", id: "deleteVersions", needs: on(catalog.Developer), tag: tagNative, summary: "Delete versions, softly or for good",
		about:   "All of them or none. For good it needs role operator. With dry_run it says what stands against it and who uses the versions, and changes nothing.",
		request: `{"versions":[3],"dry_run":true,"reason":"nobody reads it"}`, answer: exampleRemoved,
		codes: []int{40401, 40402, 40406, 40407, 412, 42205, 42206, 42208, codeTimeout},
	}, func(ctx context.Context, in *subjectWrite, b *deleteBody) (removedBody, error) {
		name, expect, err := in.parse(ctx)
		if err != nil {
			return removedBody{}, err
		}
		if len(b.Versions) == 0 {
			return removedBody{}, badRequest("versions is empty")
		}
		if b.Permanent {
			if err := demand(ctx, catalog.Operator, name); err != nil {
				return removedBody{}, err
			}
		}
		done, err := a.registry.Remove(b.because(ctx), name, catalog.Removal{Versions: b.Versions, Permanent: b.Permanent, DryRun: b.DryRun, Expect: expect})
		return removedBodyOf(ctx, done), err
	})
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/subjects/{subject}/undelete", id: "undelete", needs: on(catalog.Developer), tag: tagNative, summary: "Bring soft-deleted versions back",
		about:   "Each is judged against the versions that are live now.",
		request: `{"versions":[2],"reason":"it is written again"}`, answer: `{"versions":[2]}`, codes: []int{409, 40402, 40407, 412, 42201, 42205, 42208, codeTimeout},
	}, a.undelete)
}

// parse reads subject and If-Match.
func (in *subjectWrite) parse(ctx context.Context) (catalog.Name, *catalog.Rev, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return name, nil, err
	}
	expect, err := expectOf(in.IfMatch)
	return name, expect, err
}

func (a *API) promote(ctx context.Context, in *subjectWrite, b *promoteBody) (promoteAnswer, error) {
	name, expect, err := in.parse(ctx)
	if err != nil {
		return promoteAnswer{}, err
	}
	done, err := a.registry.Promote(b.because(ctx), name, catalog.Promotion{Version: b.Version, Lens: b.Lens, Expect: expect})
	if err != nil {
		return promoteAnswer{}, err
	}
	stamp(ctx, done.Rev)
	return promoteAnswer{done.Number, done.Schema.ID, done.Schema.GUID, done.New, done.Warnings}, nil
}

// versionNumbers are versions of a subject.
type versionNumbers struct {
	Versions []int `json:"versions"`
}

func (a *API) undelete(ctx context.Context, in *subjectWrite, b *undeleteBody) (versionNumbers, error) {
	name, expect, err := in.parse(ctx)
	if err != nil {
		return versionNumbers{}, err
	}
	if len(b.Versions) == 0 {
		return versionNumbers{}, badRequest("versions is empty")
	}
	numbers, err := a.registry.Undelete(b.because(ctx), name, b.Versions, expect)
	if e, ok := errors.AsType[*catalog.Error](err); ok && e.Reason == catalog.VersionNotDeleted {
		return versionNumbers{}, &fault{code: 40407, message: fmt.Sprintf("Subject '%s' Version %d is not soft-deleted", name, e.Version)}
	}
	return versionNumbers{numbers}, err
}
