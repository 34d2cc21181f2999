package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// defaultConfigFile is read when it is there and --config does not name another.
const defaultConfigFile = "accord.config.yaml"

// sharedFlags are those that all tools understand: they may also be set without the verb, as ACCORD_REGISTRY.
var sharedFlags = []string{"registry", "proxy-http", "token-file"}

// settle fills every flag that the command line left alone: from ACCORD_<VERB>_<FLAG>, for shared flags from
// ACCORD_<FLAG>, then, for roles, from the configuration file. So a flag beats the environment, which beats the file,
// which beats the default. With --print-config the settings are printed and the verb ends with success.
func settle(cmd *cobra.Command) error {
	from := map[string]string{}
	if err := settleFromEnvironment(cmd, from); err != nil {
		return exit(exitUsage, err)
	}
	if cmd.Flags().Lookup("config") == nil {
		return nil
	}
	if err := settleFromFile(cmd, from); err != nil {
		return exit(exitUsage, err)
	}
	if show, _ := cmd.Flags().GetBool("print-config"); show {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "print-config" || f.Name == "help" {
				return
			}
			origin := from[f.Name]
			if origin == "" {
				origin = map[bool]string{true: "flag", false: "default"}[f.Changed]
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s  # %s\n", f.Name, masked(f.Value.String()), origin)
		})
		return exit(0, nil)
	}
	return nil
}

func settleFromEnvironment(cmd *cobra.Command, from map[string]string) error {
	var fault error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		path := strings.Fields(cmd.CommandPath())[1:] // without the program
		names := []string{environmentName(strings.Join(path, "_") + "_" + f.Name)}
		if slices.Contains(sharedFlags, f.Name) {
			names = append(names, environmentName(f.Name))
		}
		for _, name := range names {
			value, ok := os.LookupEnv(name)
			if !ok || f.Changed {
				continue
			}
			if err := cmd.Flags().Set(f.Name, value); err != nil {
				fault = fmt.Errorf("environment %s: %w", name, err)
			}
			from[f.Name] = "environment " + name
		}
	})
	return fault
}

func environmentName(flag string) string {
	return "ACCORD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// settleFromFile reads a flat file of flag names. A key that no flag has is an error that names the nearest one.
func settleFromFile(cmd *cobra.Command, from map[string]string) error {
	file, _ := cmd.Flags().GetString("config")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("config") {
		return nil
	}
	if err != nil {
		return err
	}
	var values map[string]string
	if err := yaml.Unmarshal(text, &values); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for name, value := range values {
		f := cmd.Flags().Lookup(name)
		if f == nil {
			return fmt.Errorf("%s: unknown setting %q; the nearest is %q", file, name, nearestFlag(cmd, name))
		}
		if f.Changed {
			continue
		}
		if err := cmd.Flags().Set(name, value); err != nil {
			return fmt.Errorf("%s: %s: %w", file, name, err)
		}
		from[name] = "file " + file
	}
	return nil
}

// nearestFlag is the flag that is most like a name.
func nearestFlag(cmd *cobra.Command, name string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return nearest(names, name)
}

// nearest is the first of some names that has the most pairs of letters in common with another, for its length.
func nearest(names []string, name string) string {
	best, score := "", -1.0
	for _, candidate := range names {
		common := 0
		for i := range len(name) - 1 {
			if strings.Contains(candidate, name[i:i+2]) {
				common++
			}
		}
		if s := float64(common) / float64(len(candidate)+len(name)); s > score {
			best, score = candidate, s
		}
	}
	return best
}

// masked hides the password of a URL.
func masked(value string) string {
	scheme, rest, ok := strings.Cut(value, "://")
	if !ok {
		return value
	}
	user, host, ok := strings.Cut(rest, "@")
	if !ok {
		return value
	}
	name, _, hasPassword := strings.Cut(user, ":")
	if !hasPassword {
		return value
	}
	return scheme + "://" + name + ":***@" + host
}

// roleFlags gives a role its two common flags.
func roleFlags(cmd *cobra.Command) {
	cmd.Flags().String("config", defaultConfigFile, "configuration file: one 'flag: value' a line")
	cmd.Flags().Bool("print-config", false, "print the settings and where each came from, then end")
	cmd.Flags().Bool("insecure", false, "allow an address beyond loopback although nobody has to sign in")
}
