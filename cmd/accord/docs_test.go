package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// documents are the texts that speak of files and verbs.
var documents = []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "OPERATING.md"}

func TestDocumentsNameFilesThatAreThere(t *testing.T) {
	path := regexp.MustCompile("`([a-zA-Z_.][a-zA-Z0-9_./-]*/[a-zA-Z0-9_./-]*|[A-Z]+\\.md)`")
	link := regexp.MustCompile(`\]\(([^):\s"]+)\)`)
	for _, name := range documents {
		text := readDocument(t, name)
		for _, re := range []*regexp.Regexp{path, link} {
			for _, m := range re.FindAllStringSubmatch(text, -1) {
				if strings.HasPrefix(m[1], "/") || strings.Contains(m[1], "testdata/fuzz") {
					continue
				}
				if _, err := os.Stat("../../" + m[1]); err != nil {
					t.Errorf("%s names %s, which is not there", name, m[1])
				}
			}
		}
	}
}

func TestDocumentsNameVerbsAndFlagsThatAreThere(t *testing.T) {
	fence := regexp.MustCompile("(?s)```[a-z]*\n(.*?)```")
	block := regexp.MustCompile("(?m)^(?:go run \\./cmd/)?accord ([^#\n]*)")
	inline := regexp.MustCompile("`(?:go run \\./cmd/)?accord ([^`\n]*)`")
	for _, name := range documents {
		text := readDocument(t, name)
		var commands []string
		for _, code := range fence.FindAllStringSubmatch(text, -1) {
			for _, m := range block.FindAllStringSubmatch(code[1], -1) {
				commands = append(commands, m[1])
			}
		}
		for _, m := range inline.FindAllStringSubmatch(text, -1) {
			commands = append(commands, m[1])
		}
		for _, command := range commands {
			root := rootCommand(streams{strings.NewReader(""), io.Discard, io.Discard})
			verb, rest, err := root.Find(strings.Fields(command))
			if strings.HasPrefix(command, "VERB ") {
				continue // stands for any verb
			}
			if err != nil || verb == root {
				t.Errorf("%s shows accord %s: there is no such verb", name, command)
			} else if err := verb.ParseFlags(rest); err != nil {
				t.Errorf("%s shows accord %s: %v", name, command, err)
			}
		}
	}
}

func readDocument(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
