package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what scripts compare with")

// TestMain lets scripts call the program as `accord`.
func TestMain(m *testing.M) {
	if setting := os.Getenv(brokerVariable); setting != "" {
		runBrokerProcess(setting)
	}
	testscript.Main(m, map[string]func(){
		"accord": func() {
			os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
		},
	})
}

// TestScripts runs the transcripts in testdata/script: each shows one behaviour of one verb.
func TestScripts(t *testing.T) {
	if *update && os.Getenv("CI") == "true" {
		t.Fatal("-update is refused under CI=true")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "registry": startRegistry, "request": request},
		Setup: func(env *testscript.Env) error {
			// The reference folder of this repository, for scripts that need a real one.
			root, err := os.Getwd()
			if err != nil {
				return err
			}
			env.Setenv("SCHEMAS", root+"/../../schemas")
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
	})
}

// exits runs a program and demands an exit status: `exits 4 accord lint`. Its streams are compared with stdout and
// stderr as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("%q ends with exit status %d, want %d", args[1:], got, want)
	}
}
