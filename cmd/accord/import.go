package main

import "github.com/spf13/cobra"

// importCommand holds the verbs that bring into a registry what stands elsewhere.
func importCommand(std streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Bring into the registry what stands elsewhere",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(importAllCommand(std), importConfluentCommand(std))
	return cmd
}
