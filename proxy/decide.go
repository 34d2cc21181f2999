package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/accordhq/accord/validator"
)

// A verdict is what the gate thinks of one record. The zero value accepts it without having named a schema.
type verdict struct {
	reason     Reason // "" accepts
	subject    string // qualified; "" where none is known
	version    int32
	violations []validator.Violation // of Instance, NotJSON and OverLimit, where a schema was asked
	text       string                // in words, without subject and violations
	key        bool                  // it is the record's key that is judged so

	// of a value for which there is a schema:
	guid     validator.GUID // of the schema
	explicit bool           // the record itself names exactly this schema
	payload  []byte         // what was judged; aliases the record
	schema   *validator.Schema
}

func (v *verdict) accepted() bool { return v.reason == "" }

// keyword is what groups equal rejections beside the address: the violated keyword, else the reason.
func (v *verdict) keyword() string {
	if len(v.violations) > 0 {
		return v.violations[0].Keyword
	}
	return string(v.reason)
}

// address is where the first violation is, without any text of the payload.
func (v *verdict) address() string {
	if len(v.violations) > 0 {
		return v.violations[0].Address
	}
	return ""
}

// pointer is where the first violation is in this record.
func (v *verdict) pointer() string {
	if len(v.violations) > 0 {
		return v.violations[0].Pointer
	}
	return ""
}

const (
	headerInvalid = "accord-invalid" // on a record that policy mark let through
	maxMark       = 256              // bytes of its value
)

// mark is the value of headerInvalid: subject, version, pointer and keyword, as far as they are known.
func (v *verdict) mark() string {
	version := ""
	if v.version != 0 {
		version = fmt.Sprintf("v%d", v.version)
	}
	return cut(strings.Join([]string{v.subject, version, v.pointer(), v.keyword()}, ";"), maxMark)
}

// id is the rejection's name: the first 12 hex digits of a hash over subject (topic where there is none), version, address
// and keyword, so that equal mistakes have one page whoever makes them.
func (v *verdict) id(topic string) string {
	subject := v.subject
	if subject == "" {
		subject = topic
	}
	h := sha256.New()
	for _, part := range []string{subject, strconv.Itoa(int(v.version)), v.address(), v.keyword()} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// place prints a JSON Pointer so that the empty one can be seen.
func place(pointer string) string {
	if pointer == "" {
		return "(root)"
	}
	return pointer
}

// String says why, by pointer: for the producer, who knows its own payload.
func (v *verdict) String() string {
	return v.describe(func(x *validator.Violation) string { return place(x.Pointer) })
}

// logged says why, by address: for logs, which hold nothing of a payload.
func (v *verdict) logged() string {
	return v.describe(func(x *validator.Violation) string { return place(x.Address) })
}

func (v *verdict) describe(where func(*validator.Violation) string) string {
	var b strings.Builder
	if v.key {
		b.WriteString("key: ")
	}
	if v.subject != "" {
		b.WriteString(v.subject)
		if v.version != 0 {
			fmt.Fprintf(&b, " v%d", v.version)
		}
		b.WriteString(": ")
	}
	if len(v.violations) == 0 {
		b.WriteString(v.text)
		return b.String()
	}
	x := &v.violations[0]
	if v.reason == Instance {
		fmt.Fprintf(&b, "%s: %s: %s", where(x), x.Keyword, x.Message)
	} else {
		fmt.Fprintf(&b, "%s: %s at byte %d", x.Keyword, x.Message, x.Offset)
	}
	return b.String()
}

const (
	// UnknownWait is how long a request waits for schemas that the snapshot lacks, all together.
	UnknownWait = 500 * time.Millisecond
	// MaxAny is how many versions "choose: any" tries, newest first.
	MaxAny = 16
)

// A judge decides the records of one request, under one snapshot.
type judge struct {
	srv        *Server
	ctx        context.Context
	plans      *plans
	stale      bool // the bindings are older than Config.MaxStale
	principal  string
	violations int // how many violations of a record are told; 0: only that there are some

	// what an HTTP request says about records that do not say it themselves
	subject string
	version int32

	waited  time.Duration // for schemas, out of UnknownWait
	fetched map[validator.Ref]fetched
	service *string // of the principal, once somebody asked
}

type fetched struct {
	entry *validator.Entry
	err   error
}

func (s *Server) judge(ctx context.Context, principal string, violations int) *judge {
	j := &judge{srv: s, ctx: ctx, plans: s.current(), principal: principal, violations: violations}
	j.stale = s.stale(j.plans.snapshot)
	return j
}

// stale says whether bindings are too old to be enforced.
func (s *Server) stale(snapshot *validator.Snapshot) bool {
	return s.cfg.MaxStale > 0 && time.Since(snapshot.At) > s.cfg.MaxStale
}

// record judges one record: its key where the topic has a promise about keys, then its value.
func (j *judge) record(p *plan, key, value []byte, h validator.Headers) verdict {
	if j.stale && p.binding != nil {
		return j.missing(p, validator.Ref{}, errStale)
	}
	if p.binding != nil && len(p.binding.Keys) > 0 && key != nil {
		if v := j.part(p, p.binding.Keys, key, h, true); !v.accepted() {
			v.key = true
			return v
		}
	}
	if value == nil {
		if p.tombstone() {
			return verdict{}
		}
		return verdict{reason: Tombstone, text: "null value: this topic takes no tombstones"}
	}
	var promises []validator.Promise
	if p.binding != nil {
		promises = p.binding.Values
	}
	return j.part(p, promises, value, h, false)
}

// part judges a key or a value.
func (j *judge) part(p *plan, promises []validator.Promise, value []byte, h validator.Headers, key bool) verdict {
	if len(value) == 0 {
		return verdict{reason: Empty, text: "empty value: a tombstone is null, an event is JSON"}
	}
	found, err := validator.Find(value, h, key)
	if err != nil {
		return verdict{reason: NotJSON, text: err.Error()}
	}
	if len(found.Payload) == 0 {
		return verdict{reason: Empty, text: "nothing after the schema reference"}
	}
	how, ref := found.How, found.Ref
	if how == validator.ByType && promiseOf(promises, ref.Subject) == nil && p.binding != nil && !p.binding.Declared {
		how = validator.NoReference // a topic bound by its name alone says nothing about types of events
	}
	if how != validator.NoReference {
		if how == validator.ByType && !key {
			ref.Version = j.version
		}
		return j.referred(p, promises, ref, &found)
	}
	if d := p.discriminator; d != nil && !key {
		if ref, ok := d.find(&found, h); ok {
			return j.referred(p, promises, ref, &found)
		}
	}
	if j.subject != "" && !key {
		return j.referred(p, promises, validator.Ref{Subject: j.subject, Version: j.version}, &found)
	}
	switch {
	case len(promises) == 1 && p.any && j.version == 0:
		return j.anyOf(p, promises, &found)
	case len(promises) == 1:
		version := p.pinned
		if j.version != 0 && !key {
			version = j.version
		}
		return j.referred(p, promises, validator.Ref{Subject: promises[0].Subject, Version: version}, &found)
	case key && len(promises) == 0:
		return verdict{}
	}
	return verdict{reason: NoReference, text: p.howToRefer(promises)}
}

// howToRefer names the ways to say which schema is meant.
func (p *plan) howToRefer(promises []validator.Promise) string {
	ways := "header " + validator.HeaderValueSchema + ", a schema ID before the value, " + validator.HeaderDataSchema + " or " + validator.HeaderType
	if len(promises) == 0 {
		return "the record names no schema: give it by " + ways
	}
	return fmt.Sprintf("the topic carries %d subjects and the record names none: give it by %s", len(promises), ways)
}

// find reads the subject that the record itself names.
func (d *discriminator) find(found *validator.Found, h validator.Headers) (validator.Ref, bool) {
	var name, version []byte
	if d.Header != "" {
		name, _ = h.Last(d.Header)
	} else {
		name, _ = validator.Member(found.Payload, d.Type)
		if d.Version != "" {
			version, _ = validator.Member(found.Payload, d.Version)
		}
	}
	subject := validator.TypeSubject(name)
	if subject == nil {
		return validator.Ref{}, false
	}
	ref := validator.Ref{Subject: string(subject)}
	if n, err := strconv.ParseInt(string(version), 10, 32); err == nil && n > 0 {
		ref.Version = int32(n)
	}
	return ref, true
}

// anyOf accepts what is valid under one version of the topic's only subject; the newest speaks for a refusal.
func (j *judge) anyOf(p *plan, promises []validator.Promise, found *validator.Found) verdict {
	var first verdict
	versions := promises[0].Versions
	for i, version := range versions[:min(len(versions), MaxAny)] {
		v := j.referred(p, promises, validator.Ref{Subject: promises[0].Subject, Version: version}, found)
		if v.accepted() || v.reason == Unavailable {
			return v
		}
		if i == 0 {
			first = v
		}
	}
	if len(versions) == 0 {
		return verdict{reason: UnknownSchema, subject: promises[0].Subject, text: "has no version"}
	}
	return first
}

// referred judges a payload under the schema that ref means.
func (j *judge) referred(p *plan, promises []validator.Promise, ref validator.Ref, found *validator.Found) verdict {
	if ref.Subject != "" && p.binding != nil && promiseOf(promises, ref.Subject) == nil {
		return verdict{reason: WrongSubject, subject: ref.Subject, version: ref.Version, text: "is not sent on this topic"}
	}
	entry, err := j.entry(ref)
	if err != nil {
		return j.missing(p, ref, err)
	}
	subject, version, fault := j.allowed(p, promises, entry, ref, found)
	v := verdict{subject: subject, version: version}
	switch {
	case fault != "":
		v.reason, v.text = WrongSubject, fault
	case entry.Broken != nil:
		v.reason, v.text = BrokenSchema, "the stored schema does not compile"
	default:
		if p.senders || j.srv.cfg.EnforceSenders {
			if text := j.sender(promiseOf(promises, subject)); text != "" {
				v.reason, v.text = Sender, text
				return v
			}
		}
		v.guid, v.payload, v.schema = entry.GUID, found.Payload, entry.Schema
		v.explicit = found.How != validator.NoReference && found.How != validator.ByType
		if entry.Schema.Valid(found.Payload) {
			return v
		}
		v.reason, v.text = Instance, "is not an instance of its schema"
		if j.violations == 0 {
			return v
		}
		v.violations = entry.Schema.Explain(found.Payload, j.violations)
		if len(v.violations) > 0 {
			v.reason = faultReason(v.violations[0].Keyword)
			if found.Offset > 0 {
				v.violations[0].Offset += found.Offset
			}
		}
	}
	return v
}

// faultReason sorts a violation's keyword: the byte rules of the validator come as keywords of their own.
func faultReason(keyword string) Reason {
	switch keyword {
	case "syntax", "utf8", "surrogate", "duplicate", "number", "depth":
		return NotJSON
	case "size", "budget":
		return OverLimit
	}
	return Instance
}

// allowed finds under which subject of the topic an entry is, and what speaks against it.
func (j *judge) allowed(p *plan, promises []validator.Promise, entry *validator.Entry, ref validator.Ref, found *validator.Found) (subject string, version int32, fault string) {
	snapshot := j.plans.snapshot
	switch {
	case ref.Subject != "":
		subject, version = ref.Subject, ref.Version
		if version == 0 {
			latest, _ := snapshot.Latest(subject)
			version = latest.Version
		}
	case p.binding == nil:
		subject, version = entry.Subject, entry.Version
		if subject == "" && len(entry.Versions) > 0 {
			subject, version = entry.Versions[0].Subject, entry.Versions[0].Version
		}
	default:
		for i := range promises {
			if n := entry.In(promises[i].Subject); n != 0 {
				subject, version = promises[i].Subject, n
				break
			}
			// The entry may be older than the registration of its text under this subject.
			if latest, ok := snapshot.Latest(promises[i].Subject); ok && latest.GUID == entry.GUID {
				subject, version = promises[i].Subject, latest.Version
				break
			}
		}
		if subject == "" {
			return entry.Subject, entry.Version, ref.String() + " is not a schema of this topic"
		}
	}
	named := validator.TypeSubject(found.Type)
	if p.binding == nil || found.How == validator.ByType || named == nil || string(named) == subject || entry.In(string(named)) != 0 {
		return subject, version, ""
	}
	if p.binding.Declared || promiseOf(promises, string(named)) != nil {
		return subject, version, "is not what the event's type says"
	}
	return subject, version, ""
}

// entry finds a schema: in the snapshot without waiting, else by asking the source, for UnknownWait at most.
func (j *judge) entry(ref validator.Ref) (*validator.Entry, error) {
	if e, ok := j.plans.snapshot.Entry(ref); ok {
		return e, nil
	}
	if f, ok := j.fetched[ref]; ok {
		return f.entry, f.err
	}
	f := fetched{err: validator.ErrUnavailable}
	if left := UnknownWait - j.waited; left > 0 {
		began := time.Now()
		ctx, cancel := context.WithTimeout(j.ctx, left)
		f.entry, f.err = j.srv.cfg.Schemas.Fetch(ctx, ref)
		cancel()
		j.waited += time.Since(began)
		j.srv.metrics.schemaRequest(f.err)
	}
	if j.fetched == nil {
		j.fetched = map[validator.Ref]fetched{}
	}
	j.fetched[ref] = f
	return f.entry, f.err
}

// errStale is why nothing is judged by bindings that nobody confirmed for too long.
var errStale = errors.New("the bindings are too old")

// missing is the verdict where there is no schema to judge by.
func (j *judge) missing(p *plan, ref validator.Ref, err error) verdict {
	v := verdict{subject: ref.Subject, version: ref.Version}
	what := ""
	switch {
	case errors.Is(err, errStale):
		what = errStale.Error() + ": "
	case ref.Subject == "":
		what = ref.String() + ": "
	}
	if errors.Is(err, validator.ErrUnknownSchema) {
		v.reason, v.text = UnknownSchema, what+"the registry knows no such schema"
		return v
	}
	switch p.unknown {
	case "open":
		return verdict{}
	case "closed":
		v.reason, v.text = UnknownSchema, what+"the schema could not be asked for"
	default:
		v.reason, v.text = Unavailable, what+"the schema could not be asked for; try again"
	}
	return v
}

// sender says why the principal may not send what was promised; "" if it may.
func (j *judge) sender(promise *validator.Promise) string {
	if promise == nil {
		return ""
	}
	if j.service == nil {
		service := j.plans.snapshot.Service(j.principal)
		j.service = &service
	}
	switch {
	case *j.service == "":
		return "principal " + j.principal + " belongs to no declared service"
	case !slices.Contains(promise.Senders, *j.service):
		return "service " + *j.service + " does not declare sending this event"
	}
	return ""
}
