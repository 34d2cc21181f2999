package validator_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/accordhq/accord/validator"
)

var someGUID = validator.GUID{0xde, 0xad, 0xbe, 0xef, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

func TestParseFrame(t *testing.T) {
	guidFrame := append([]byte{1}, someGUID[:]...)
	for _, c := range []struct {
		name    string
		value   []byte
		ref     validator.Ref
		payload string
		err     error
	}{
		{"empty", nil, validator.Ref{}, "", validator.ErrNoFrame},
		{"plain JSON", []byte(`{"a":1}`), validator.Ref{}, "", validator.ErrNoFrame},
		{"magic of Avro's single object", []byte{0xc3, 1}, validator.Ref{}, "", validator.ErrNoFrame},
		{"id", []byte("\x00\x00\x00\x01\x02{}"), validator.Ref{ID: 258}, "{}", nil},
		{"highest id", []byte("\x00\x7f\xff\xff\xff{}"), validator.Ref{ID: 1<<31 - 1}, "{}", nil},
		{"id without payload", []byte("\x00\x00\x00\x00\x01"), validator.Ref{ID: 1}, "", nil},
		{"id cut", []byte("\x00\x00\x00\x01"), validator.Ref{}, "", validator.ErrFrame},
		{"id zero", []byte("\x00\x00\x00\x00\x00{}"), validator.Ref{}, "", validator.ErrFrame},
		{"id negative", []byte("\x00\xff\xff\xff\xff{}"), validator.Ref{}, "", validator.ErrFrame},
		{"guid", append(bytes.Clone(guidFrame), "{}"...), validator.Ref{GUID: someGUID}, "{}", nil},
		{"guid cut", guidFrame[:16], validator.Ref{}, "", validator.ErrFrame},
	} {
		ref, payload, err := validator.ParseFrame(c.value)
		if ref != c.ref || string(payload) != c.payload || err != c.err {
			t.Errorf("%s: ParseFrame(%q) = %v, %q, %v, want %v, %q, %v", c.name, c.value, ref, payload, err, c.ref, c.payload, c.err)
		}
	}
}

func TestParseHeader(t *testing.T) {
	id, guid := validator.AppendID(nil, 7), validator.AppendGUID(nil, someGUID)
	if ref, err := validator.ParseHeader(id); err != nil || ref != (validator.Ref{ID: 7}) {
		t.Errorf("ParseHeader(%q) = %v, %v", id, ref, err)
	}
	if ref, err := validator.ParseHeader(guid); err != nil || ref != (validator.Ref{GUID: someGUID}) {
		t.Errorf("ParseHeader(%q) = %v, %v", guid, ref, err)
	}
	for _, h := range [][]byte{{}, []byte("7"), append(id, 0), append(guid, 0), id[:4], guid[:9]} {
		if ref, err := validator.ParseHeader(h); !errors.Is(err, validator.ErrFrame) {
			t.Errorf("ParseHeader(%q) = %v, %v, want ErrFrame", h, ref, err)
		}
	}
}

func TestAppendFrameKeepsWhatStandsBefore(t *testing.T) {
	if got, want := validator.AppendID([]byte("x"), 0x01020304), []byte("x\x00\x01\x02\x03\x04"); !bytes.Equal(got, want) {
		t.Errorf("AppendID = %q, want %q", got, want)
	}
	if got, want := validator.AppendGUID([]byte("x"), someGUID), append([]byte("x\x01"), someGUID[:]...); !bytes.Equal(got, want) {
		t.Errorf("AppendGUID = %q, want %q", got, want)
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, seed := range [][]byte{nil, []byte("{}"), validator.AppendID(nil, 1), append(validator.AppendGUID(nil, someGUID), "{}"...), {0, 0, 0, 0, 0}, {1, 2}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		ref, payload, err := validator.ParseFrame(value)
		if err != nil {
			if payload != nil || !ref.IsZero() {
				t.Fatalf("ParseFrame(%q) = %v, %q beside error %v", value, ref, payload, err)
			}
			return
		}
		var again []byte
		if ref.ID != 0 {
			again = validator.AppendID(nil, ref.ID)
		} else {
			again = validator.AppendGUID(nil, ref.GUID)
		}
		if again = append(again, payload...); !bytes.Equal(again, value) {
			t.Fatalf("ParseFrame(%q) prints as %q", value, again)
		}
	})
}
