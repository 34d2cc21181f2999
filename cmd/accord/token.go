package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog"
)

// tokenCommand makes, lists and revokes API keys.
func tokenCommand(std streams) *cobra.Command {
	var store string
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke API keys",
		Long: `Works on the store itself, so that the first administrator can come to be. From the first key on nobody
may do anything at the registry without signing in, also once all keys are revoked. A SQLite file is
open in one process: while 'accord serve' runs on it, keys are made by POST /v1/tokens.`,
		Example: `  accord token create --role admin
  accord token create --user ci --role developer --context . --subjects 'orders.*' --expires 90d
  accord token list
  accord token revoke k3jd82mfa1`,
	}
	cmd.AddCommand(tokenCreateCommand(std, &store), tokenListCommand(std, &store), tokenRevokeCommand(std, &store))
	for _, below := range cmd.Commands() {
		below.Flags().StringVar(&store, "store", "sqlite:accord.db", "where the keys are kept: sqlite:FILE or postgres://…")
	}
	return cmd
}

// onStore runs f on the registry of a store, as the user of the operating system.
func onStore(ctx context.Context, std streams, name string, f func(context.Context, *catalog.Registry) error) error {
	store, err := openStore(ctx, registryOptions{store: name})
	if err != nil {
		return err
	}
	defer store.Close()
	author := catalog.Author{By: "accord token", Source: "command line"}
	if me, err := user.Current(); err == nil && me.Username != "" {
		author.By = me.Username
	}
	err = f(catalog.WithAuthor(ctx, author), catalog.New(store, catalog.Options{Log: newLog(std.err)}))
	switch {
	case errors.Is(err, catalog.TokenNotFound), errors.Is(err, catalog.InvalidToken):
		return exit(exitInput, err)
	case errors.Is(err, catalog.Unavailable):
		return exit(exitUnavailable, err)
	}
	return err
}

func tokenCreateCommand(std streams, store *string) *cobra.Command {
	var name, role string
	var grant catalog.Grant
	var expires days
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an API key and print it, once",
		Example: `  accord token create --role admin
  accord token create --user ci --role producer --topics 'orders.*' --expires 90d > ci.token`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := grant.Role.UnmarshalText([]byte(role)); err != nil {
				return exit(exitUsage, fmt.Errorf("--%w", err))
			}
			if !cmd.Flags().Changed("topics") && grant.Subjects == "*" {
				grant.Topics = "*"
			}
			if name == "" {
				name = role
			}
			var until time.Time
			if expires > 0 {
				until = time.Now().Add(time.Duration(expires))
			}
			return onStore(cmd.Context(), std, *store, func(ctx context.Context, r *catalog.Registry) error {
				secret, t, err := r.CreateToken(ctx, name, []catalog.Grant{grant}, until)
				if err != nil {
					return err
				}
				fmt.Fprintf(std.err, "key %s of %s: %s; %s. It is shown this once.\n", t.ID, t.User, grantWords(grant), untilWords(t.Expires))
				fmt.Fprintln(std.out, secret)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "what its holder may do: reader, producer, developer, operator or admin, each with what the ones before may")
	cmd.Flags().StringVar(&name, "user", "", "whom it stands for, in the audit (default: the name of the role)")
	cmd.Flags().StringVar(&grant.Context, "context", "*", "context that it holds in: . for the default one, .name, or a pattern")
	cmd.Flags().StringVar(&grant.Subjects, "subjects", "*", "subjects that it holds for: a name, or a pattern such as 'orders.*'")
	cmd.Flags().StringVar(&grant.Topics, "topics", "", "topics that may be produced to over HTTP (default: all, where --subjects is '*')")
	cmd.Flags().Var(&expires, "expires", "how long it is good for, such as 12h or 90d (default: for ever)")
	_ = cmd.MarkFlagRequired("role") // the flag is there
	return cmd
}

func grantWords(g catalog.Grant) string {
	words := fmt.Sprintf("%s on subjects %s of context %s", g.Role, g.Subjects, g.Context)
	if g.Topics != "" {
		words += ", topics " + g.Topics
	}
	return words
}

func untilWords(t time.Time) string {
	if t.IsZero() {
		return "it does not expire"
	}
	return "it expires " + t.Format(time.RFC3339)
}

func tokenListCommand(std streams, store *string) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List API keys, also those that are no longer good",
		Example: "  accord token list --store postgres://accord@db/accord",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return onStore(cmd.Context(), std, *store, func(ctx context.Context, r *catalog.Registry) error {
				w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tUSER\tGRANTS\tMADE\tLAST USED\tSTATE")
				for after := ""; ; {
					tokens, err := r.Tokens(ctx, after, 0)
					if err != nil {
						return err
					}
					for _, t := range tokens {
						var grants []string
						for _, g := range t.Grants {
							grants = append(grants, grantWords(g))
						}
						after = t.ID
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.User, strings.Join(grants, "; "), t.At.Format(time.DateOnly), dayOr(t.Used, "never"), stateOf(t))
					}
					if len(tokens) < catalog.MaxPage {
						return w.Flush()
					}
				}
			})
		},
	}
}

func dayOr(t time.Time, otherwise string) string {
	if t.IsZero() {
		return otherwise
	}
	return t.Format(time.DateOnly)
}

func stateOf(t catalog.Token) string {
	switch {
	case !t.Revoked.IsZero():
		return "revoked " + t.Revoked.Format(time.DateOnly)
	case !t.Valid(time.Now()):
		return "expired " + t.Expires.Format(time.DateOnly)
	case t.Expires.IsZero():
		return "good"
	}
	return "good until " + t.Expires.Format(time.DateOnly)
}

func tokenRevokeCommand(std streams, store *string) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "Make an API key worthless, at once",
		Example: "  accord token revoke k3jd82mfa1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onStore(cmd.Context(), std, *store, func(ctx context.Context, r *catalog.Registry) error {
				if err := r.RevokeToken(ctx, args[0]); err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				fmt.Fprintf(std.err, "key %s is revoked\n", args[0])
				return nil
			})
		},
	}
}
