package validator

import (
	"bytes"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Record headers that carry a schema reference or a CloudEvents attribute that leads to one. Header names are
// compared letter by letter.
const (
	HeaderValueSchema = "__value_schema_id" // a frame: byte 0 and ID, or byte 1 and GUID
	HeaderKeySchema   = "__key_schema_id"   // the same, for the record's key
	HeaderDataSchema  = "ce_dataschema"     // CloudEvents binary mode: URI of the schema
	HeaderType        = "ce_type"           // CloudEvents binary mode: its last two segments are the subject
	HeaderContentType = "content-type"      // application/cloudevents+json means structured mode
)

// MaxReferenceText is the number of bytes of a dataschema URI or a type that is looked at: a longer one is no
// reference.
const MaxReferenceText = 2048

// A Ref says which schema is meant, in one of three ways; the first that is set counts:
//
//   - GUID;
//   - Context and ID, Context "" being the default context;
//   - Subject (qualified: ":.ctx:name" outside the default context) and Version, Version 0 being the latest.
//
// The zero value means no schema. Ref is comparable and may be a map key. In an Entry all members are set as far as
// they are known.
type Ref struct {
	GUID    GUID
	Context string
	ID      int32
	Subject string
	Version int32
}

// IsZero says whether r means no schema.
func (r Ref) IsZero() bool { return r.GUID.IsZero() && r.ID == 0 && r.Subject == "" }

// String prints the way of r that counts: "guid …", "id 7", "id 7 in .ctx", "orders.OrderPlaced v3",
// "orders.OrderPlaced latest" or "no schema". For logs and errors.
func (r Ref) String() string {
	switch {
	case !r.GUID.IsZero():
		return "guid " + r.GUID.String()
	case r.ID != 0 && r.Context != "":
		return fmt.Sprintf("id %d in %s", r.ID, r.Context)
	case r.ID != 0:
		return fmt.Sprintf("id %d", r.ID)
	case r.Subject != "" && r.Version == 0:
		return r.Subject + " latest"
	case r.Subject != "":
		return fmt.Sprintf("%s v%d", r.Subject, r.Version)
	}
	return "no schema"
}

// Headers are the headers of one record.
type Headers interface {
	// Last returns the value of the last header of that name, and whether there is one. A null header (nil
	// value) counts as absent whatever the second result is.
	Last(name string) ([]byte, bool)
}

// How says where Find found the reference.
type How uint8

// The ways in which a record refers to its schema, in the order in which Find looks.
const (
	NoReference  How = iota
	ByHeader         // HeaderValueSchema or HeaderKeySchema
	ByPrefix         // frame before the payload
	ByDataSchema     // dataschema of a CloudEvent, binary or structured
	ByType           // type of a CloudEvent: subject without version
)

// String gives the word that reports use: none, header, prefix, dataschema, type.
func (h How) String() string {
	return [...]string{"none", "header", "prefix", "dataschema", "type"}[min(h, ByType)]
}

// Found is what Find saw in a record.
type Found struct {
	Ref     Ref // zero if How is NoReference
	How     How
	Payload []byte // what the schema speaks about; aliases value, but for decoded data_base64
	Offset  int    // of Payload in value; -1 if it was decoded from base64 and so stands nowhere
	Type    []byte // the CloudEvents type, nil if there is none; aliases its header or value

	// Event is the envelope of a CloudEvent in structured mode, else nil.
	Event *CloudEvent
}

// Find looks for a record's schema in the one order that proxy and decoder share:
//
//  1. the header HeaderValueSchema (key: HeaderKeySchema);
//  2. a frame before the payload, which is then cut off whatever the header said: only a value that begins with a
//     frame has byte 0 or 1 there;
//  3. dataschema of a CloudEvent, as ParseDataSchema reads it;
//  4. type of a CloudEvent, as TypeSubject reads it: the subject's latest version.
//
// A value whose content-type is application/cloudevents+json is taken apart by SplitCloudEvent, and its attributes
// stand for the headers; Payload is then its data. A key has no CloudEvents attributes, steps 3 and 4 are not for it.
// A record without any reference is no error: How is NoReference, and the caller goes on with what it knows about
// the topic. An empty or null value is no error either.
//
// Errors: ErrFrame (broken header or prefix) and ErrCloudEvent. It allocates only for a structured CloudEvent and
// for a reference that names a subject.
func Find(value []byte, h Headers, key bool) (Found, error) {
	f := Found{Payload: value}
	if err := f.findFrame(value, h, key); err != nil {
		return Found{}, err
	}
	if key {
		return f, nil
	}
	dataSchema, _ := h.Last(HeaderDataSchema)
	f.Type, _ = h.Last(HeaderType)
	if ct, _ := h.Last(HeaderContentType); isStructured(ct) && len(f.Payload) > 0 {
		ce, err := SplitCloudEvent(f.Payload)
		if err != nil {
			return Found{}, err
		}
		f.Event, f.Payload, f.Type, dataSchema = &ce, ce.Data, ce.Type, ce.DataSchema
		if ce.Offset < 0 {
			f.Offset = -1
		} else {
			f.Offset += ce.Offset
		}
	}
	if f.How != NoReference {
		return f, nil
	}
	if ref, ok := ParseDataSchema(dataSchema); ok {
		f.Ref, f.How = ref, ByDataSchema
	} else if subject := TypeSubject(f.Type); subject != nil {
		f.Ref, f.How = Ref{Subject: string(subject)}, ByType
	}
	return f, nil
}

// findFrame is steps 1 and 2 of Find.
func (f *Found) findFrame(value []byte, h Headers, key bool) error {
	name := HeaderValueSchema
	if key {
		name = HeaderKeySchema
	}
	if header, ok := h.Last(name); ok && header != nil {
		ref, err := ParseHeader(header)
		if err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
		f.Ref, f.How = ref, ByHeader
	}
	ref, payload, err := ParseFrame(value)
	switch {
	case err == ErrNoFrame:
		return nil
	case err != nil:
		return err
	case f.How == NoReference:
		f.Ref, f.How = ref, ByPrefix
	}
	f.Payload, f.Offset = payload, len(value)-len(payload)
	return nil
}

// TypeSubject returns the subject that a CloudEvents type names: its last two segments, "orders.OrderPlaced" of
// "com.example.orders.OrderPlaced". nil if there are fewer than two segments, one of the two is empty, or the type is
// over MaxReferenceText. The result aliases typ.
func TypeSubject(typ []byte) []byte {
	last := bytes.LastIndexByte(typ, '.')
	if last <= 0 || last == len(typ)-1 || len(typ) > MaxReferenceText {
		return nil
	}
	first := bytes.LastIndexByte(typ[:last], '.')
	if first == last-1 {
		return nil
	}
	return typ[first+1:]
}

// ParseDataSchema reads the reference that the URI of a schema ends in; the URI is never fetched, and the host does
// not matter. Known endings, each possibly after /contexts/{context}:
//
//	/schemas/guids/{guid}   /schemas/ids/{id}   /subjects/{subject}/versions/{number or latest}   /{subject}/{number}
//
// Each segment is percent-decoded once; query and fragment are left aside. false for anything else.
func ParseDataSchema(uri []byte) (Ref, bool) {
	if len(uri) == 0 || len(uri) > MaxReferenceText {
		return Ref{}, false
	}
	text := string(uri)
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		text = text[:i]
	}
	if _, after, ok := strings.Cut(text, "://"); ok {
		_, text, _ = strings.Cut(after, "/")
	}
	segments := strings.Split(strings.Trim(text, "/"), "/")
	for i, s := range segments {
		decoded, err := url.PathUnescape(s)
		if err != nil {
			return Ref{}, false
		}
		segments[i] = decoded
	}
	ref, ok := parseSegments(segments)
	if !ok {
		return Ref{}, false
	}
	return ref, true
}

// parseSegments reads the end of a schema's path, its segments decoded.
func parseSegments(s []string) (Ref, bool) {
	n := len(s)
	at := func(back int) string {
		if back > n {
			return ""
		}
		return s[n-back]
	}
	last := at(1)
	switch {
	case at(3) == "schemas" && at(2) == "guids":
		g, err := ParseGUID(last)
		return Ref{GUID: g}, err == nil
	case at(3) == "schemas" && at(2) == "ids":
		id, ok := positive(last)
		ref := Ref{ID: id}
		if at(5) == "contexts" && at(4) != "." {
			ref.Context = at(4)
		}
		return ref, ok
	case at(4) == "subjects" && at(2) == "versions":
		subject := at(3)
		if at(6) == "contexts" && at(5) != "." && !strings.HasPrefix(subject, ":") {
			subject = ":" + at(5) + ":" + subject
		}
		version, ok := positive(last)
		return Ref{Subject: subject, Version: version}, subject != "" && (ok || last == "latest")
	}
	version, ok := positive(last)
	return Ref{Subject: at(2), Version: version}, ok && at(2) != ""
}

// positive reads a decimal number of 1 to 2^31-1 without sign or leading zero.
func positive(s string) (int32, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return int32(n), err == nil
}
