package validator

import (
	"bytes"
	"unicode/utf8"
)

// Position turns a byte offset into a line and a column, both from 1 on; a column counts code points, and a line ends
// with its line feed. An offset outside text means the nearer end.
func Position(text []byte, offset int) (line, column int) {
	before := text[:min(max(offset, 0), len(text))]
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}
