package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
)

const (
	ajvRaw     = "ajv 8.20.0 in node, with JSON.parse"
	ajvDecoded = "ajv 8.20.0 in node, already parsed"
)

// installAjv installs what package-lock.json names, beside the program; nil where node or npm are missing.
var installAjv = sync.OnceValue(func() error {
	if _, err := exec.LookPath("node"); err != nil {
		return err
	}
	if _, err := os.Stat("node_modules/ajv-formats"); err == nil {
		return nil
	}
	if out, err := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w: %s", err, out)
	}
	return nil
})

// ajvRound is one child process: ns an event by engine and kind.
func ajvRound(folder string) map[string]float64 {
	if err := installAjv(); err != nil {
		fmt.Fprintf(os.Stderr, "left out: ajv: %v\n", err)
		return nil
	}
	out, err := exec.Command("node", "ajv.js", folder, fmt.Sprint(slice.Milliseconds())).Output()
	if err != nil {
		fmt.Fprintf(os.Stderr, "left out: ajv: %v\n", err)
		return nil
	}
	var times map[string][2]float64
	if err := json.Unmarshal(out, &times); err != nil {
		fmt.Fprintf(os.Stderr, "left out: ajv: %v\n", err)
		return nil
	}
	found := map[string]float64{}
	for kind, ns := range times {
		found[ajvRaw+" "+kind], found[ajvDecoded+" "+kind] = ns[0], ns[1]
	}
	return found
}
