package validator

import (
	"encoding/binary"
	"errors"
)

// Reasons why bytes carry no usable frame.
var (
	// ErrNoFrame says that the bytes do not begin like a frame: they are empty, or the first byte is neither 0 nor
	// 1. No JSON text begins with such a byte, so plain JSON always gives ErrNoFrame.
	ErrNoFrame = errors.New("no schema frame")
	// ErrFrame says that the bytes begin like a frame but are cut short, have an ID below 1, or, in a header, do
	// not end with it.
	ErrFrame = errors.New("broken schema frame")
)

// The two magic bytes of a frame, and the length of each frame with its magic byte.
const (
	magicID   = 0
	magicGUID = 1
	idFrame   = 5
	guidFrame = 17
)

// ParseFrame splits a record value (or key) that begins with a schema reference: byte 0 and a schema ID of 4 bytes,
// big-endian, 1 to 2^31-1; or byte 1 and a GUID of 16 bytes. The Ref holds the ID, in the default context, or the
// GUID, nothing else. The payload is what follows, possibly empty, and aliases value.
//
// It returns ErrNoFrame or ErrFrame, with no payload, and nothing else. It does not allocate.
// Source: Confluent Schema Registry, "Wire format", and its SchemaId for the GUID form.
func ParseFrame(value []byte) (Ref, []byte, error) {
	switch {
	case len(value) == 0 || value[0] > magicGUID:
		return Ref{}, nil, ErrNoFrame
	case value[0] == magicGUID:
		if len(value) < guidFrame {
			return Ref{}, nil, ErrFrame
		}
		return Ref{GUID: GUID(value[1:guidFrame])}, value[guidFrame:], nil
	case len(value) < idFrame:
		return Ref{}, nil, ErrFrame
	}
	id := int32(binary.BigEndian.Uint32(value[1:idFrame]))
	if id < 1 {
		return Ref{}, nil, ErrFrame
	}
	return Ref{ID: id}, value[idFrame:], nil
}

// ParseHeader reads the value of the header __value_schema_id or __key_schema_id: a frame as ParseFrame reads it,
// with nothing after it. Every fault is ErrFrame.
func ParseHeader(header []byte) (Ref, error) {
	ref, rest, err := ParseFrame(header)
	if err != nil || len(rest) != 0 {
		return Ref{}, ErrFrame
	}
	return ref, nil
}

// AppendID appends the frame of a schema ID to dst: 5 bytes. The caller gives an ID of 1 or more; readers refuse
// any other.
func AppendID(dst []byte, id int32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, magicID), uint32(id))
}

// AppendGUID appends the frame of a GUID to dst: 17 bytes. As a prefix only current Confluent clients read it; as
// the header __value_schema_id it leaves the value pure JSON.
func AppendGUID(dst []byte, g GUID) []byte {
	return append(append(dst, magicGUID), g[:]...)
}
