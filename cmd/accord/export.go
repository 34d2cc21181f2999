package main

import "github.com/spf13/cobra"

// exportCommand holds the verbs that write what a registry keeps in the form of something else.
func exportCommand(std streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what the registry keeps, for elsewhere",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(exportAllCommand(std), exportConfluentCommand(std))
	return cmd
}
