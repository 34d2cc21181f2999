// Command accord keeps the promises between services that talk by events: schema registry, validating produce
// proxy, event catalog, CI gate and reference order system in one binary.
//
// main parses, wires and maps errors to exit statuses; each verb has a file of its own.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}
