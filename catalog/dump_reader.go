package catalog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// dumpReader reads a dump line by line, each bounded.
type dumpReader struct {
	in   *bufio.Reader
	line int
	raw  []byte // the line that next returned, with its end; valid until the next call
}

func newDumpReader(in io.Reader) *dumpReader { return &dumpReader{in: bufio.NewReaderSize(in, 64<<10)} }

// next reads a line; InvalidDump if it is none that Export writes. io.EOF is the end of the file.
func (d *dumpReader) next() (dumpLine, error) {
	var l dumpLine
	var err error
	if d.raw, err = boundedLine(d.in); errors.Is(err, io.EOF) {
		return l, io.EOF
	} else if errors.Is(err, errTooLong) {
		d.line++
		return l, d.bad("%v", err)
	} else if err != nil {
		return l, fmt.Errorf("read the dump: %w", err)
	}
	d.line++
	decoder := json.NewDecoder(bytes.NewReader(d.raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		return l, d.bad("%v", err)
	}
	if decoder.More() {
		return l, d.bad("more than one value")
	}
	return l, nil
}

// bad is a fault of the line.
func (d *dumpReader) bad(format string, args ...any) error {
	return &Error{Reason: InvalidDump, Detail: fmt.Sprintf("line %d: ", d.line) + fmt.Sprintf(format, args...)}
}
