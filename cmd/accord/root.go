package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Exit statuses, the same for every verb; where several apply the strongest wins in the order 2, 4, 3, 1.
const (
	exitFindings    = 1   // findings at or above --fail-on; invalid events
	exitUsage       = 2   // wrong flags or arguments
	exitUnavailable = 3   // could not check: registry, git, network
	exitInput       = 4   // input not valid: bad JSON or YAML, bad schema, dangling reference
	exitChanges     = 10  // the plan has changes (--detailed-exitcode)
	exitInterrupted = 130 // ended by an interrupt
)

// exitError is an error that knows its exit status. A nil cause means that everything was said already.
type exitError struct {
	status int
	cause  error
}

func (e *exitError) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.cause.Error()
}

func (e *exitError) Unwrap() error { return e.cause }

// exit gives an error its status.
func exit(status int, err error) error { return &exitError{status, err} }

// streams are a verb's standard streams: data on out, everything else on err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, std streams) int {
	root := rootCommand(std)
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	known, ok := errors.AsType[*exitError](err)
	switch {
	case ok && known.cause == nil:
		return known.status
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	fmt.Fprintf(std.err, "accord: %v\n", err)
	if ok {
		return known.status
	}
	return exitUsage // what cobra itself refuses: unknown verb or flag
}

// rootCommand is the whole command tree.
func rootCommand(std streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "accord",
		Short: "Keeps the promises between services that talk by events",
		Long: `accord keeps the promises between services that talk by events: a registry of versioned JSON
Schemas, compatibility that is decided and shown by counterexample, a proxy that lets no invalid
event into Kafka, proved upcasting, an event catalog, and a CI gate.

Start here:  accord dev`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exit(exitUsage, fmt.Errorf("%w (see '%s --help')", err, cmd.CommandPath()))
	})
	for _, verb := range verbs {
		cmd := verb(std)
		settled(cmd, std)
		root.AddCommand(cmd)
	}
	return root
}

// settled makes a verb, and those below it, fill their flags before they run.
func settled(cmd *cobra.Command, std streams) {
	credentialFlags(cmd)
	prepare := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if err := settle(cmd); err != nil {
			return err
		}
		if err := withToken(cmd, newLog(std.err)); err != nil {
			return err
		}
		if prepare != nil {
			return prepare(cmd, args)
		}
		return nil
	}
	for _, below := range cmd.Commands() {
		settled(below, std)
	}
}

// verbs lists every verb's constructor; a verb has one file.
var verbs = []func(streams) *cobra.Command{
	devCommand, serveCommand, proxyCommand, ordersCommand,
	lintCommand, checkCommand, diffCommand, applyCommand, explainCommand,
	validateCommand, dlqCommand,
	exportCommand, importCommand, migrateCommand, tokenCommand,
	versionCommand,
}
