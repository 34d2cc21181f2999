package client

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strings"

	"github.com/accordhq/accord/validator"
)

// A Corruption is a record as a consumer must never see it, and sees it one day, with what Decode must make of it.
type Corruption struct {
	Name   string         // such as "cut in the middle"
	Record Record         // what was corrupted shares no byte with the original
	Class  Classification // of Decode's error
}

// Corruptions yields variants of a good record, for tests of consumers: malformed ones, one of a schema that nobody knows, and
// ones that are no instance of the schema of any event that is an object. rec is not changed; its value must be a JSON object.
func Corruptions(rec Record) []Corruption {
	value := func(name string, value []byte) Corruption {
		c := Corruption{Name: name, Record: rec, Class: Poison}
		c.Record.Value = value
		return c
	}
	header := func(name string, reference []byte, class Classification) Corruption {
		c := Corruption{Name: name, Record: rec, Class: class}
		c.Record.Value = bytes.Clone(rec.Value)
		c.Record.Headers = append(slices.DeleteFunc(slices.Clone(rec.Headers), func(h Header) bool {
			return h.Key == validator.HeaderValueSchema
		}), Header{Key: validator.HeaderValueSchema, Value: reference})
		return c
	}
	var nobodys validator.GUID
	_, _ = rand.Read(nobodys[:]) // never fails
	text := bytes.TrimSpace(rec.Value)
	doubled := append([]byte(`{"accord twice":1,"accord twice":1,`), bytes.TrimPrefix(bytes.Clone(text), []byte("{"))...)
	if bytes.Equal(text, []byte("{}")) {
		doubled = []byte(`{"accord twice":1,"accord twice":1}`)
	}
	return []Corruption{
		value("null value", nil),
		value("empty value", []byte{}),
		value("cut in the middle", bytes.Clone(text[:len(text)/2])),
		value("text after the end", append(bytes.Clone(text), " x"...)),
		value("not UTF-8", append([]byte("\"\xff\""), text...)),
		value("a name twice", doubled),
		value("nested too deep", []byte(strings.Repeat("[", validator.MaxDepth+1)+strings.Repeat("]", validator.MaxDepth+1))),
		header("reference cut off", []byte{1, 2, 3}, Poison),
		header("schema that nobody knows", validator.AppendGUID(nil, nobodys), Retry),
		value("an array", []byte("[]")),
		value("a number", []byte("0")),
		value("the word null", []byte("null")),
	}
}
