package client

import (
	"maps"
	"strings"
	"time"

	"github.com/accordhq/accord/validator"
)

// A Header is one record header. A nil Value is a null header.
type Header struct {
	Key   string
	Value []byte
}

// Headers are the headers of a record, in order; a name may stand more than once.
type Headers []Header

var _ validator.Headers = Headers(nil)

// Last returns the value of the last header of that name; false if there is none or it is null.
func (h Headers) Last(name string) ([]byte, bool) {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i].Key == name {
			return h[i].Value, h[i].Value != nil
		}
	}
	return nil, false
}

// Get returns the last header of that name as text, "" if there is none.
func (h Headers) Get(name string) string {
	v, _ := h.Last(name)
	return string(v)
}

// A Record is a Kafka record, free of any Kafka client. A nil Key or Value is null; Partition, Offset and Time are the
// broker's, or zero for a record not sent yet.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      time.Time
	Key       []byte
	Value     []byte
	Headers   Headers
}

// Meta are the CloudEvents attributes of an event, from headers (binary mode) or envelope (structured mode). What the
// event does not carry is zero. Source: CloudEvents 1.0, with the extensions partitioning, sequence, correlation and
// auth context.
type Meta struct {
	ID            string
	Type          string
	Source        string
	Subject       string // what the event is about, such as an order's id; not the registry's word
	Time          time.Time
	DataSchema    string
	PartitionKey  string
	CorrelationID string            // id of the message that began it all
	CausationID   string            // id of the message that led to this one
	Extensions    map[string]string // every other attribute by its name, without "ce_"; nil = none
}

// Upcast says how an event came to the reader version.
type Upcast struct {
	From     int      // writer version
	To       int      // reader version; equal to From = the bytes are the writer's
	Rev      int      // revision of the newest lens used; 0 = none
	Inferred []string // addresses that lenses had to invent, in the reader version; nil = none
	Lost     []string // addresses that lenses had to drop, in the writer version; nil = none
}

// An Event is what a Decoder makes of a record, and what an Encoder makes a record of.
type Event struct {
	// Data is the event itself: from Decode a pointer to the type bound by For. For Encode, a bound type or a
	// pointer to one.
	Data any

	// Subject of the CloudEvent (ce_subject), such as the order's id; Encode also makes it the record's key and
	// ce_partitionkey. From Decode: Meta.Subject.
	Subject string
	// Cause is the event that led to this one: Encode takes its correlation id over and names it as causation.
	// nil = this event begins something new, and its own id is the correlation id. From Decode: nil.
	Cause *Event
	// ID and Time of the CloudEvent; Encode makes a UUIDv7 and takes the clock if they are zero. From Decode: Meta's.
	ID   string
	Time time.Time
	// Attributes are further CloudEvents attributes for Encode by name, such as "aggregateversion": letters a-z and
	// digits only. From Decode: nil (they are in Meta.Extensions).
	Attributes map[string]string

	// The rest is set by Decode and ignored by Encode.

	Name   string // registry subject, such as "orders.OrderPlaced"
	Meta   Meta
	Upcast Upcast
	Raw    Record // as received; its bytes are never changed
}

// metaOf collects the CloudEvents attributes of a record.
func metaOf(rec Record, ce *validator.CloudEvent) Meta {
	var m Meta
	set := func(name, value string) {
		switch name {
		case "specversion", "datacontenttype":
		case "id":
			m.ID = value
		case "type":
			m.Type = value
		case "source":
			m.Source = value
		case "subject":
			m.Subject = value
		case "time":
			m.Time, _ = time.Parse(time.RFC3339Nano, value)
		case "dataschema":
			m.DataSchema = value
		case "partitionkey":
			m.PartitionKey = value
		case "correlationid":
			m.CorrelationID = value
		case "causationid":
			m.CausationID = value
		default:
			if m.Extensions == nil {
				m.Extensions = map[string]string{}
			}
			m.Extensions[name] = value
		}
	}
	if ce != nil {
		for name, value := range ce.Attributes() {
			set(name, string(value))
		}
		return m
	}
	for _, h := range rec.Headers {
		if name, ok := strings.CutPrefix(h.Key, "ce_"); ok && h.Value != nil {
			set(name, string(h.Value))
		}
	}
	return m
}

// envelope gives lenses the attributes that they may ask for.
func (m *Meta) envelope(rec Record) map[string]string {
	env := make(map[string]string, len(m.Extensions)+9)
	maps.Copy(env, m.Extensions)
	for name, value := range map[string]string{
		"id": m.ID, "type": m.Type, "source": m.Source, "subject": m.Subject, "dataschema": m.DataSchema,
		"partitionkey": m.PartitionKey, "correlationid": m.CorrelationID, "causationid": m.CausationID,
	} {
		if value != "" {
			env[name] = value
		}
	}
	switch {
	case !m.Time.IsZero():
		env["time"] = m.Time.UTC().Format(time.RFC3339Nano)
	case !rec.Time.IsZero():
		env["time"] = rec.Time.UTC().Format(time.RFC3339Nano)
	}
	return env
}
