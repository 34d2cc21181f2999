package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// child is an engine of another language: a process that judges the events of all kinds.
type child struct {
	name    string
	engines []string // the lines that it fills
	install func() error
	run     func(folder string) (map[string][]float64, error) // by kind, nanoseconds an event for each of engines
}

var children = []*child{
	{
		name: "ajv", engines: []string{"ajv 8.20.0 in node, with JSON.parse", "ajv 8.20.0 in node, already parsed"},
		install: sync.OnceValue(installNode), run: runAjv,
	},
	{
		name: "jsonschema-rs", engines: []string{"jsonschema-rs 0.60.2, with serde_json", "jsonschema-rs 0.60.2, already parsed"},
		install: sync.OnceValue(installRust), run: runRust,
	},
	{
		name: "Blaze", engines: []string{"Blaze in jsonschema CLI 16.11.0, already parsed"},
		install: sync.OnceValue(installNode), run: runBlaze,
	},
}

// round adds one child process's figures; without its tools the engine is left out.
func (c *child) round(folder string, t times) {
	err := c.install()
	var found map[string][]float64
	if err == nil {
		found, err = c.run(folder)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "left out: %s: %v\n", c.name, err)
		return
	}
	for kind, ns := range found {
		for k, name := range c.engines {
			t.add(name, kind, ns[k])
		}
	}
}

// installNode installs what package-lock.json names, beside the program.
func installNode() error {
	if _, err := exec.LookPath("node"); err != nil {
		return err
	}
	if _, err := os.Stat(blazeProgram()); err == nil {
		return nil
	}
	return command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
}

// installRust builds the program in rust/.
func installRust() error {
	return command("cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", "rust/Cargo.toml")
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func runAjv(folder string) (map[string][]float64, error) {
	return figures("node", "ajv.js", folder, strconv.FormatInt(slice.Milliseconds(), 10))
}

func runRust(folder string) (map[string][]float64, error) {
	return figures("rust/target/release/engine", folder, strconv.FormatInt(slice.Milliseconds(), 10))
}

// figures runs a program that prints {kind: [ns an event …]}.
func figures(name string, args ...string) (found map[string][]float64, err error) {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return nil, err
	}
	return found, json.Unmarshal(out, &found)
}

func blazeProgram() string {
	return filepath.Join("node_modules", "@sourcemeta", "jsonschema", "build", "github-releases", "jsonschema-linux-x86_64")
}

// blazeLoops is how often Blaze judges each event in one round.
const blazeLoops = 500

// runBlaze asks the command-line program for its own figures. It parses each event once and then only judges it; the time
// that its parser takes cannot be had from it.
func runBlaze(folder string) (map[string][]float64, error) {
	found := map[string][]float64{}
	for _, kind := range kinds {
		out, err := exec.Command(blazeProgram(), "validate", filepath.Join("..", "bench", kind+".json"), filepath.Join(folder, kind+".jsonl"),
			"--fast", "--format-assertion", "--benchmark", "--loop", strconv.Itoa(blazeLoops)).Output()
		if err != nil {
			return nil, err
		}
		sum, n := 0.0, 0
		for line := range strings.Lines(string(out)) {
			_, figure, ok := strings.Cut(line, ": PASS ") // … : PASS 0.211 +- 0.035 us (0.023)
			if !ok {
				return nil, fmt.Errorf("it says %q", line)
			}
			micros, err := strconv.ParseFloat(strings.Fields(figure)[0], 64)
			if err != nil {
				return nil, err
			}
			sum, n = sum+1000*micros, n+1
		}
		found[kind] = []float64{sum / float64(n)}
	}
	return found, nil
}
