package validator

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
)

// ErrCloudEvent says that a value whose content type promises a structured CloudEvent is not one. What wraps it
// names the attribute, never its value.
var ErrCloudEvent = errors.New("not a structured CloudEvent")

// ContentTypeCloudEvent marks a record value, or an HTTP body, as one CloudEvent in structured mode.
const ContentTypeCloudEvent = "application/cloudevents+json"

// A CloudEvent is the envelope of an event in structured mode. Slices alias the value it was split from, but for
// strings with escapes and for decoded data. An optional attribute that is absent is nil.
type CloudEvent struct {
	SpecVersion, ID, Source, Type []byte // required; not empty
	DataSchema, Subject           []byte
	Data                          []byte // bytes of the member data, or data_base64 decoded; nil if neither is there
	Offset                        int    // of Data in the value; -1 if decoded or absent

	envelope []byte
}

// Attribute returns any other attribute of the envelope by its name, as Member returns it ("time", "correlationid").
// false if it is absent or not a scalar.
func (c *CloudEvent) Attribute(name string) ([]byte, bool) {
	at := findMember(c.envelope, skipSpace(c.envelope, 0), name)
	if at < 0 {
		return nil, false
	}
	return Member(c.envelope[at:], "")
}

// Attributes yields every attribute of the envelope that is a scalar and not null, in its order, the required ones
// too; data is none.
func (c *CloudEvent) Attributes() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		eachMember(c.envelope, skipSpace(c.envelope, 0), func(quoted []byte, from, to int) bool {
			name, _ := unquote(quoted)
			value, ok := Member(c.envelope[from:to], "")
			if !ok || string(c.envelope[from:to]) == "null" || string(name) == "data" || string(name) == "data_base64" {
				return true
			}
			return yield(string(name), value)
		})
	}
}

// SplitCloudEvent takes a CloudEvent in structured mode apart: one JSON object whose specversion, id, source and
// type are strings that are not empty, dataschema and subject strings or null if they are there, and at most one of
// data and data_base64. Every name may stand once only. The bytes of data are not judged beyond being JSON; that is the
// schema's work.
//
// Every fault wraps ErrCloudEvent. It allocates for data_base64 and for strings with escapes only.
// Source: CloudEvents 1.0, JSON Event Format, section 3; a batch is not one event.
func SplitCloudEvent(value []byte) (CloudEvent, error) {
	ce := CloudEvent{Offset: -1, envelope: value}
	start := skipSpace(value, 0)
	if start >= len(value) || value[start] != '{' {
		return CloudEvent{}, fmt.Errorf("%w: no JSON object", ErrCloudEvent)
	}
	var fault error
	seen := make(map[string]bool, 16)
	end := eachMember(value, start, func(quoted []byte, from, to int) bool {
		name, ok := unquote(quoted)
		if !ok || seen[string(name)] {
			fault = fmt.Errorf("%w: a name is not UTF-8 or stands twice", ErrCloudEvent)
			return false
		}
		seen[string(name)] = true
		fault = ce.take(string(name), from, to)
		return fault == nil
	})
	switch {
	case fault != nil:
		return CloudEvent{}, fault
	case end < 0 || skipSpace(value, end) != len(value):
		return CloudEvent{}, fmt.Errorf("%w: not JSON", ErrCloudEvent)
	case seen["data"] && seen["data_base64"]:
		return CloudEvent{}, fmt.Errorf("%w: data and data_base64 exclude each other", ErrCloudEvent)
	}
	for _, a := range []struct {
		name  string
		value []byte
	}{{"specversion", ce.SpecVersion}, {"id", ce.ID}, {"source", ce.Source}, {"type", ce.Type}} {
		if len(a.value) == 0 {
			return CloudEvent{}, fmt.Errorf("%w: %s is missing or empty", ErrCloudEvent, a.name)
		}
	}
	return ce, nil
}

// take stores one member of the envelope, whose value stands at from to to.
func (c *CloudEvent) take(name string, from, to int) error {
	raw := c.envelope[from:to]
	var into *[]byte
	switch name {
	case "specversion":
		into = &c.SpecVersion
	case "id":
		into = &c.ID
	case "source":
		into = &c.Source
	case "type":
		into = &c.Type
	case "dataschema":
		into = &c.DataSchema
	case "subject":
		into = &c.Subject
	case "data":
		c.Data, c.Offset = raw, from
		return nil
	case "data_base64":
		into = &c.Data
	default:
		return nil
	}
	optional := name == "dataschema" || name == "subject"
	if optional && string(raw) == "null" {
		return nil
	}
	text, ok := []byte(nil), raw[0] == '"'
	if ok {
		text, ok = unquote(raw)
	}
	if !ok {
		return fmt.Errorf("%w: %s is not a string", ErrCloudEvent, name)
	}
	*into = text
	if name == "data_base64" {
		decoded, err := base64.StdEncoding.AppendDecode(make([]byte, 0, base64.StdEncoding.DecodedLen(len(text))), text)
		if err != nil {
			return fmt.Errorf("%w: data_base64 is not base64", ErrCloudEvent)
		}
		c.Data = decoded
	}
	return nil
}

// isStructured says whether a content type, parameters aside, is that of a structured CloudEvent.
func isStructured(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte(";"))
	return bytes.EqualFold(bytes.TrimSpace(media), []byte(ContentTypeCloudEvent))
}
