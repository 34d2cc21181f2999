package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog"
)

// lintCommand judges a schemas folder by itself, without registry or network.
func lintCommand(std streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint [DIR]",
		Short: "Judge a schemas folder by itself: forms, examples, references",
		Long: `Reads a schemas folder (default: schemas) and reports what is wrong with it: files that are not of
their form, schemas that do not compile, examples that do not behave as they say, names that lead
nowhere. It asks nobody else.`,
		Example: "  accord lint\n  accord lint schemas --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := folderArgument(args)
			files, err := openFolder(dir)
			if err != nil {
				return err
			}
			_, problems, err := readTree(files)
			if err != nil {
				return err
			}
			if asJSON {
				if problems == nil {
					problems = []catalog.Problem{}
				}
				return printJSON(std.out, problems, lintStatus(problems))
			}
			errs := 0
			for _, p := range problems {
				if p.Severity == catalog.SeverityError {
					errs++
				}
				fmt.Fprintf(std.out, "%s/%s\n", dir, p)
			}
			fmt.Fprintf(std.out, "%d errors, %d warnings\n", errs, len(problems)-errs)
			return lintStatus(problems)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the problems as JSON")
	return cmd
}

// lintStatus is exit status 4 if any problem is an error, else success.
func lintStatus(problems []catalog.Problem) error {
	for _, p := range problems {
		if p.Severity == catalog.SeverityError {
			return exit(exitInput, nil)
		}
	}
	return nil
}
