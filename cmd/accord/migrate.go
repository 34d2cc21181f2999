package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog/postgres"
	"github.com/accordhq/accord/catalog/sqlite"
)

// migrateCommand brings the tables of a store up to date.
func migrateCommand(std streams) *cobra.Command {
	var store string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the tables of a store up to date",
		Long: `Makes or updates the tables of a store and says how many migrations have run. 'accord serve' does the
same at start unless it is told --migrate=off. Migrations only add: replicas of the release before keep
serving meanwhile. Where a pooler stands before the database, name a direct connection.`,
		Example: `  accord migrate --store postgres://accord@db/accord`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var from, to int
			var err error
			switch file, isFile := strings.CutPrefix(store, "sqlite:"); {
			case isFile:
				from, to, err = sqlite.Migrate(cmd.Context(), file)
			case isPostgres(store):
				from, to, err = postgres.Migrate(cmd.Context(), store)
			default:
				return wrongStore(store)
			}
			if err != nil {
				return exit(exitUnavailable, fmt.Errorf("migrate %s: %w", masked(store), err))
			}
			if from == to {
				fmt.Fprintf(std.out, "%s is up to date: %d migrations\n", masked(store), to)
				return nil
			}
			fmt.Fprintf(std.out, "%s: %d migrations before, %d now\n", masked(store), from, to)
			return nil
		},
	}
	cmd.Flags().StringVar(&store, "store", "sqlite:accord.db", "what to bring up to date: sqlite:FILE or postgres://…")
	return cmd
}
