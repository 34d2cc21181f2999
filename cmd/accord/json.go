package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// printJSON prints one value, indented, and returns status unless printing itself failed.
func printJSON(out io.Writer, value any, status error) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%s\n", text); err != nil {
		return err
	}
	return status
}
