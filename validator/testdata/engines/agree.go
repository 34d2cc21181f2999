package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/accordhq/accord/validator"
)

// agreeWithV6 reads cases, one schema a line with events and accord's verdicts, and fails where jsonschema v6 judges
// otherwise. Formats and the media type are accord's own on both sides. The cases are written by
//
//	go test ./validator -run TestAgreement -rounds 5000 -cases FILE
func agreeWithV6(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var schemas, refused, events, panics, differ int
	for in := json.NewDecoder(f); ; {
		var c struct {
			Schema string
			Events []string
			Valid  []bool
		}
		if err := in.Decode(&c); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		schemas++
		s, err := compileStrictV6(c.Schema)
		if err != nil {
			fmt.Printf("refused: %v: %s\n", err, c.Schema)
			refused++
			continue
		}
		for k, event := range c.Events {
			events++
			got, ok := askV6(s, event)
			switch {
			case !ok:
				panics++
			case got != c.Valid[k]:
				fmt.Printf("v6 says %v of %s under %s\n", got, event, c.Schema)
				differ++
			}
		}
	}
	fmt.Printf("%d schemas, %d of them refused by v6; %d events, %d that made it panic; %d verdicts differ\n", schemas, refused, events, panics, differ)
	if refused+differ > 0 || events == 0 {
		return errors.New("accord and jsonschema v6 do not agree")
	}
	return nil
}

// ownFormats are the formats that accord asserts; v6 is given accord's checks.
var ownFormats = strings.Fields(`date-time date time duration email hostname ipv4 ipv6 uuid uri uri-reference iri
	iri-reference uri-template json-pointer relative-json-pointer regex`)

func compileStrictV6(text string) (*v6.Schema, error) {
	c := v6.NewCompiler()
	c.DefaultDraft(v6.Draft7)
	c.AssertFormat()
	for _, name := range ownFormats {
		own, err := validator.Compile(validator.Document{Text: fmt.Appendf(nil, `{"format":%q}`, name)}, validator.Limits{})
		if err != nil {
			return nil, err
		}
		c.RegisterFormat(&v6.Format{Name: name, Validate: func(v any) error { return check(own, v) }})
	}
	if strings.Contains(text, "draft-07") {
		anything, err := validator.Compile(validator.Document{Text: []byte("true")}, validator.Limits{})
		if err != nil {
			return nil, err
		}
		c.AssertContent()
		c.RegisterContentMediaType(&v6.MediaType{Name: "application/json", Validate: func(b []byte) error {
			if !anything.Valid(b) {
				return errors.New("no JSON")
			}
			return nil
		}})
	}
	doc, err := v6.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	if !strings.Contains(text, "json-schema.org/draft/") {
		dropBesideRef(doc)
	}
	if err := c.AddResource("x:///schema", doc); err != nil {
		return nil, err
	}
	return c.Compile("x:///schema")
}

// dropBesideRef removes what v6 judges beside $ref in draft-06 and draft-07, though all of it must be ignored there
// (draft-07 core, 8.3): the keywords that came with these drafts. The random schemas have no member of such a name
// that is no keyword.
func dropBesideRef(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			dropBesideRef(item)
		}
	case map[string]any:
		if v["$ref"] != nil {
			for _, keyword := range strings.Fields("const contains propertyNames if then else contentEncoding contentMediaType") {
				delete(v, keyword)
			}
		}
		for _, member := range v {
			dropBesideRef(member)
		}
	}
}

// check holds a string against a schema.
func check(s *validator.Schema, v any) error {
	if text, ok := v.(string); ok {
		quoted := new(bytes.Buffer)
		out := json.NewEncoder(quoted)
		out.SetEscapeHTML(false)
		if err := out.Encode(text); err != nil {
			return err
		}
		if !s.Valid(bytes.TrimSpace(quoted.Bytes())) {
			return errors.New("is not of this format")
		}
	}
	return nil
}

// askV6 is v6's verdict; false if it panics.
func askV6(s *v6.Schema, event string) (valid, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	v, err := v6.UnmarshalJSON(strings.NewReader(event))
	return err == nil && s.Validate(v) == nil, true
}
