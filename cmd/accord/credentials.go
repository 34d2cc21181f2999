package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// credentials are how a tool signs in to a registry of someone else. Secrets come by file or environment, never by the
// value of a flag.
type credentials struct {
	side                string // "source" or "target": the beginning of flags and variables
	userFile, tokenFile string
}

// flags declares --SIDE-user-file and --SIDE-token-file.
func (c *credentials) flags(cmd *cobra.Command) {
	upper := strings.ToUpper(c.side)
	cmd.Flags().StringVar(&c.userFile, c.side+"-user-file", "", "file with USER:PASSWORD for the "+c.side+" (or environment ACCORD_"+upper+"_USER)")
	cmd.Flags().StringVar(&c.tokenFile, c.side+"-token-file", "", "file with a bearer token for the "+c.side+" (or environment ACCORD_"+upper+"_TOKEN)")
}

// authorization is the header's value, "" without credentials.
func (c *credentials) authorization() (string, error) {
	user, err := secret(c.userFile, "ACCORD_"+strings.ToUpper(c.side)+"_USER")
	if err != nil {
		return "", err
	}
	token, err := secret(c.tokenFile, "ACCORD_"+strings.ToUpper(c.side)+"_TOKEN")
	if err != nil {
		return "", err
	}
	switch {
	case user != "" && token != "":
		return "", exit(exitUsage, errors.New("both a user and a token are given for the "+c.side))
	case token != "":
		return "Bearer " + token, nil
	case user == "":
		return "", nil
	case !strings.Contains(user, ":"):
		return "", exit(exitInput, errors.New("the credentials for the "+c.side+" are not USER:PASSWORD"))
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user)), nil
}

// secret reads the first line of a file, or without a file the environment.
func secret(file, variable string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(variable)), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", exit(exitInput, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", exit(exitInput, fmt.Errorf("%s is empty", file))
	}
	return line, nil
}
