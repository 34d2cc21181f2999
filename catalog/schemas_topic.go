package catalog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// topicKey is a key of the topic in which a Confluent registry keeps everything. Source: Confluent Schema Registry,
// SchemaRegistryKey and its kinds.
type topicKey struct {
	KeyType string  `json:"keytype"`
	Subject *string `json:"subject"`
	Version int     `json:"version"`
}

// topicSchema is the value of a SCHEMA key. Source: Confluent Schema Registry, SchemaValue.
type topicSchema struct {
	Subject    string      `json:"subject"`
	Version    int         `json:"version"`
	ID         int         `json:"id"`
	GUID       string      `json:"guid"`
	Type       string      `json:"schemaType"`
	Schema     string      `json:"schema"`
	References []Reference `json:"references"`
	Metadata   *Metadata   `json:"metadata"`
	RuleSet    *RuleSet    `json:"ruleSet"`
	Deleted    bool        `json:"deleted"`
	Timestamp  int64       `json:"ts"` // milliseconds since 1970
}

// ForeignConfig is a configuration as a Confluent registry writes it, in its topic and in its answers.
type ForeignConfig struct {
	Level string `json:"compatibilityLevel"`
	Config
}

// Own is the configuration as it is kept here. A level that is not known is left as it is, for an import to refuse.
func (c ForeignConfig) Own() Config {
	own := c.Config
	own.Compatibility = Level(strings.ToUpper(c.Level))
	own.CompatibilityPolicy = strings.ToUpper(own.CompatibilityPolicy)
	return own
}

// ReadTopic reads a dump of the topic _schemas, a record a line, in the order in which they were written: the key, then
// white space and the value, both as JSON; or an object with the members key and value (or payload, as kcat -J names
// it), each JSON or a string of it. No value, null or NULL is a tombstone. The error names the line.
func (f *Foreign) ReadTopic(in io.Reader) error {
	lines := bufio.NewReaderSize(in, 64<<10)
	for n := 1; ; n++ {
		line, err := boundedLine(lines)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = f.record(line)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
}

// boundedLine reads a line of at most MaxLineBytes; io.EOF behind the last.
func boundedLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > MaxLineBytes:
			return nil, errTooLong
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return line, err
		}
	}
}

var errTooLong = fmt.Errorf("longer than MaxLineBytes (%d)", MaxLineBytes)

// record takes one record.
func (f *Foreign) record(line []byte) error {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	var first json.RawMessage
	if err := decoder.Decode(&first); err != nil {
		return fmt.Errorf("no key: %w", err)
	}
	value := json.RawMessage(bytes.TrimSpace(line[decoder.InputOffset():]))
	var envelope struct{ Key, Value, Payload json.RawMessage }
	if err := json.Unmarshal(first, &envelope); err != nil {
		return fmt.Errorf("no key: %w", err)
	}
	if envelope.Key != nil {
		if len(value) > 0 {
			return errors.New("text behind the record")
		}
		first, value = unquoted(envelope.Key), unquoted(envelope.Value)
		if envelope.Value == nil {
			value = unquoted(envelope.Payload)
		}
	}
	if s := string(value); s == "" || s == "NULL" {
		value = json.RawMessage("null")
	}
	var key topicKey
	if err := json.Unmarshal(first, &key); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if !json.Valid(value) {
		return errors.New("the value is not JSON")
	}
	if err := f.event(key, value); err != nil {
		return fmt.Errorf("%s: %w", key.KeyType, err)
	}
	return nil
}

// unquoted is JSON that may stand in a string.
func unquoted(raw json.RawMessage) json.RawMessage {
	var s string
	if json.Unmarshal(raw, &s) == nil && len(raw) > 0 && raw[0] == '"' {
		return json.RawMessage(s)
	}
	return raw
}

// event does what a record says.
func (f *Foreign) event(key topicKey, value json.RawMessage) error {
	subject := ""
	if key.Subject != nil {
		subject = *key.Subject
	}
	name, err := ParseName(subject)
	if err != nil {
		return err
	}
	tombstone := string(value) == "null"
	switch strings.ToUpper(key.KeyType) {
	case "SCHEMA":
		if tombstone {
			f.Remove(name, key.Version)
			return nil
		}
		var v topicSchema
		if err := json.Unmarshal(value, &v); err != nil {
			return err
		}
		return f.putTopic(name, key.Version, v)
	case "CONFIG":
		var c ForeignConfig
		if err := json.Unmarshal(value, &c); err != nil {
			return err
		}
		f.SetConfig(name, c.Own())
	case "MODE":
		var m struct {
			Mode string `json:"mode"`
		}
		if err := json.Unmarshal(value, &m); err != nil {
			return err
		}
		f.SetMode(name, Mode(strings.ToUpper(m.Mode)))
	case "DELETE_SUBJECT":
		var d struct {
			Version int `json:"version"`
		}
		if err := json.Unmarshal(value, &d); err != nil {
			return err
		}
		if !tombstone {
			f.DeleteUpTo(name, d.Version)
		}
	case "CLEAR_SUBJECT":
		if !tombstone {
			f.Clear(name, key.Subject == nil)
		}
	case "CONTEXT", "NOOP": // a context is there from its first version
	case "ASSOC":
		if !tombstone {
			f.Leave("association of "+name.String(), "there are no associations here")
		}
	default:
		if !tombstone {
			f.Leave(fmt.Sprintf("%.40s record of %s", key.KeyType, name), "this program does not know it")
		}
	}
	return nil
}

func (f *Foreign) putTopic(name Name, number int, v topicSchema) error {
	if number < 1 || number > maxID || v.ID < 1 || v.ID > maxID {
		return fmt.Errorf("version %d with ID %d is none", number, v.ID)
	}
	one := ForeignVersion{
		Name: name, Number: number, ID: v.ID, Type: v.Type, Text: v.Schema, References: v.References,
		Metadata: v.Metadata, RuleSet: v.RuleSet, GUID: v.GUID, Deleted: v.Deleted,
	}
	if v.Timestamp > 0 {
		one.At = time.UnixMilli(v.Timestamp).UTC()
	}
	f.Put(one)
	return nil
}

// ReadDump takes what Export wrote; InvalidDump. Versions that are gone, documents and history are left out.
func (f *Foreign) ReadDump(dump io.ReadSeeker) error {
	m := &importer{targets: map[SubjectVersion]bool{}}
	if err := m.verify(dump); err != nil {
		return err
	}
	if _, err := dump.Seek(0, io.SeekStart); err != nil {
		return err
	}
	in := newDumpReader(dump)
	var name Name
	var schemas map[int]Schema
	for {
		l, err := in.next()
		if err != nil {
			return err // verify saw the last line
		}
		switch {
		case l.End:
			return nil
		case l.Subject != nil:
			if name.Context, err = contextOfLine(l.Subject.Context); err == nil {
				name.Subject, schemas = l.Subject.Name, map[int]Schema{}
			}
		case l.Schema != nil:
			schemas[l.Schema.ID], _, err = l.Schema.moved(name)
		case l.Version != nil:
			var v Version
			if v, err = l.Version.moved(name); err == nil && v.State == Gone {
				f.Leave(fmt.Sprintf("%s version %d (ID %d)", name, l.Version.Number, l.Version.ID), "it was registered again under a later number")
			} else if err == nil {
				s := schemas[l.Version.ID]
				f.Put(ForeignVersion{
					Name: name, Number: v.Number, ID: l.Version.ID, Type: "JSON", Text: s.Text, References: s.References, Metadata: s.Metadata,
					RuleSet: s.RuleSet, GUID: s.GUID, Deleted: v.State == Deleted, Lens: v.Lens, At: v.At, By: v.By,
				})
			}
		case l.Policy != nil:
			var p Policy
			var scope Scope
			if p, scope, err = l.Policy.policy(); err == nil {
				f.setPolicy(scope, func(to *Policy) { *to = p })
			}
		}
		if err != nil {
			return in.bad("%v", err)
		}
	}
}
