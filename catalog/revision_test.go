package catalog_test

import (
	"testing"

	"github.com/accordhq/accord/catalog"
)

func TestContractFingerprint(t *testing.T) {
	const schema = `{"title":"a","type":"object","properties":{"title":{"type":"string","description":"b"},"n":{"enum":[1,2]}},"items":[{"$comment":"c"}]}`
	of := func(text string) string {
		t.Helper()
		got, err := catalog.ContractFingerprint([]byte(text))
		if err != nil {
			t.Fatalf("ContractFingerprint(%s) = %v", text, err)
		}
		return got
	}
	same := of(schema)
	for _, text := range []string{
		`{"type":"object","items":[{}],"properties":{"n":{"enum":[1,2],"examples":[1],"x-accord-pii":"name"},"title":{"deprecated":true,"type":"string"}}}`,
		` {"type" : "object","properties":{"title":{"type":"string"},"n":{"enum":[1,2]}},"items":[{"title":"z"}],"$comment":"why"}`,
	} {
		if got := of(text); got != same {
			t.Errorf("ContractFingerprint(%s) differs by annotations alone", text)
		}
	}
	for _, text := range []string{
		`{"type":"object","properties":{"n":{"enum":[1,2]}},"items":[{}]}`,                                                                                      // a property named title is no annotation
		`{"type":"object","properties":{"title":{"type":"string"},"n":{"enum":[1,2],"x-accord-extensible":true}},"items":[{}]}`,                                 // readers rely on it
		`{"type":"object","properties":{"title":{"type":"string"},"n":{"enum":[2,1]}},"items":[{}]}`,                                                            // order of values is kept
		`{"type":"object","default":{"title":"x"},"properties":{"title":{"type":"string"},"n":{"enum":[1,2]}},"items":[{}]}`,                                    // inside default it is a value
		`{"type":"object","properties":{"title":{"type":"string","const":{"description":"b"}},"n":{"enum":[1,2]}},"items":[{}]}`,                                // and inside const
		`{"type":"object","properties":{"title":{"type":"string"},"n":{"enum":[1.0,2]}},"items":[{"type":"null"}]}`,                                             // numbers as written
		`{"type":"object","properties":{"title":{"type":"string"},"n":{"enum":[1,2]}},"items":[{}],"dependentSchemas":{"title":{"title":"t","type":"object"}}}`, // a schema below
	} {
		if got := of(text); got == same {
			t.Errorf("ContractFingerprint(%s) does not differ", text)
		}
	}
	if a, b := of(`{"const":{"title":"x"}}`), of(`{"const":{"title":"y"}}`); a == b {
		t.Error("a constant's title counts as an annotation")
	}
	if a, b := of(`{"dependentSchemas":{"title":{"title":"t"}}}`), of(`{"dependentSchemas":{"title":{}}}`); a != b {
		t.Error("the title of a dependent schema does not count as an annotation")
	}
	if of(`true`) == of(`false`) {
		t.Error("true and false promise the same")
	}
	if _, err := catalog.ContractFingerprint([]byte(`{`)); err == nil {
		t.Error("what is not JSON has a fingerprint")
	}
}

func TestAdapterAndDocNames(t *testing.T) {
	for _, c := range []struct{ kind, body string }{
		{"Adapter", `"name":"a/","source":true,"to":1,"ops":[]`},
		{"Adapter", `"name":"a","source":true,"to":1,"ops":[]`},
		{"Adapter", `"name":"a/b","source":true,"to":0,"ops":[]`},
		{"Adapter", `"name":"a/b","source":7,"to":1,"ops":[]`},
		{"Adapter", `"name":"a/b","source":true,"to":1,"ops":[{"op":"none"}]`},
		{"Doc", `"name":"a@0","schema":true`},
		{"Doc", `"name":"@1","schema":true`},
		{"Doc", `"name":"a@1"`},
		{"Draft", `"name":"","schema":true`},
		{"Draft", `"name":"a","schema":"text"`},
	} {
		if doc, err := catalog.DecodeDocument([]byte(`{"apiVersion":"accord/v1","kind":"` + c.kind + `",` + c.body + `}`)); err == nil {
			t.Errorf("DecodeDocument(%s, %s) = %+v, want an error", c.kind, c.body, doc)
		}
	}
}
