package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// tokenVariable holds the token itself where no file does.
const tokenVariable = "ACCORD_TOKEN"

type tokenKey struct{}

// credentialFlags gives every verb that asks the registry or the gate a way to say who asks: --token-file, read again
// when it changes, else the token in ACCORD_TOKEN, else what stands before the @ of the URL.
func credentialFlags(cmd *cobra.Command) {
	if f := cmd.Flags(); f.Lookup("registry") != nil || f.Lookup("proxy-http") != nil {
		f.String("token-file", "", "file with the token to sign in with; without it that in "+tokenVariable+", or USER:PASSWORD@ in the URL")
	}
}

// withToken puts the token of a verb's flags into its context.
func withToken(cmd *cobra.Command, log *slog.Logger) error {
	token := func() string { return "" }
	if f := cmd.Flags().Lookup("token-file"); f != nil && f.Value.String() != "" {
		file, err := reload(log, parseToken, f.Value.String())
		if err != nil {
			return exit(exitUsage, fmt.Errorf("--token-file: %w", err))
		}
		token = file.get
	} else if set := os.Getenv(tokenVariable); f != nil && set != "" {
		token = func() string { return set }
	}
	cmd.SetContext(context.WithValue(cmd.Context(), tokenKey{}, token))
	return nil
}

func parseToken(texts [][]byte) (string, error) {
	token := strings.TrimSpace(string(texts[0]))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("the file does not hold one token")
	}
	return token, nil
}

// tokenOf returns the token of a verb's context, "" if there is none.
func tokenOf(ctx context.Context) func() string {
	if token, ok := ctx.Value(tokenKey{}).(func() string); ok {
		return token
	}
	return func() string { return "" }
}
