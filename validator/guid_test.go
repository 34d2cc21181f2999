package validator_test

import (
	"encoding/json"
	"testing"

	"github.com/accordhq/accord/validator"
)

func TestGUID(t *testing.T) {
	const text = "01234567-89ab-cdef-0123-456789abcdef"
	want := validator.GUID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}
	for _, s := range []string{text, "01234567-89AB-CDEF-0123-456789ABCDEF"} {
		if got, err := validator.ParseGUID(s); err != nil || got != want {
			t.Errorf("ParseGUID(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	if got := want.String(); got != text {
		t.Errorf("String() = %q, want %q", got, text)
	}
	for _, s := range []string{
		"", "0123456789abcdef0123456789abcdef", text + "0", "{" + text[1:], "01234567-89ab-cdef-0123-456789abcdeg",
		"01234567x89ab-cdef-0123-456789abcdef", "-1234567-89ab-cdef-0123-456789abcdef", "urn:uuid:" + text,
	} {
		if got, err := validator.ParseGUID(s); err == nil || got != (validator.GUID{}) {
			t.Errorf("ParseGUID(%q) = %v, %v, want zero and an error", s, got, err)
		}
	}
	if !(validator.GUID{}).IsZero() || want.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestGUIDInJSON(t *testing.T) {
	type doc struct{ GUID validator.GUID }
	const text = `{"GUID":"01234567-89ab-cdef-0123-456789abcdef"}`
	var d doc
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if out, err := json.Marshal(d); err != nil || string(out) != text {
		t.Errorf("Marshal = %s, %v, want %s", out, err, text)
	}
	if err := json.Unmarshal([]byte(`{"GUID":"x"}`), &d); err == nil {
		t.Error("a GUID of one letter was accepted")
	}
}
