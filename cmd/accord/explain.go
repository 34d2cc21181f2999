package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/compat"
)

// explainCommand shows the page of a rule, or the list of all.
func explainCommand(std streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [RULE]",
		Short: "Say what a rule means, what it breaks, and the ways out",
		Long: `Shows a rule: what it means, the smallest pair of schemas that shows it, whom it breaks and with
which event, and three ways out. RULE is an id as check and diff print it, or the name of a difference
in the Confluent Schema Registry. Without a rule it lists all.`,
		Example: `  accord explain property-removed
  accord explain REQUIRED_ATTRIBUTE_ADDED
  accord explain`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listRules(std.out, asJSON)
			}
			e, err := compat.Explain(cmd.Context(), args[0])
			if errors.Is(err, compat.ErrNoRule) {
				return exit(exitUsage, fmt.Errorf("there is no rule %q; the nearest is %q ('accord explain' lists all)", args[0], nearestRule(args[0])))
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(std.out, e, nil)
			}
			return printRule(std.out, e)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func listRules(out io.Writer, asJSON bool) error {
	rules := compat.Rules()
	if asJSON {
		return printJSON(out, rules, nil)
	}
	var b strings.Builder
	for _, r := range rules {
		fmt.Fprintf(&b, "%-33s  %s\n", r.ID, r.Meaning)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func printRule(out io.Writer, e compat.Explanation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n  old  %s\n  new  %s\n\n", e.ID, e.Meaning, e.Old, e.New)
	if len(e.Breaks) == 0 {
		b.WriteString("breaks nothing: each side accepts every event of the other\n")
	}
	for _, x := range e.Breaks {
		who := "new readers of old events"
		if x.Direction == compat.DirectionForward {
			who = "old readers of new events"
		}
		fmt.Fprintf(&b, "breaks %s (%s): %s\n", who, strings.Join(brokenLevels(x.Direction), ", "), x.Event)
	}
	if e.Confluent != "" {
		fmt.Fprintf(&b, "in the Confluent Schema Registry: %s", e.Confluent)
		var names []string
		for _, p := range e.Refuses {
			names = append(names, p.Word())
		}
		if len(names) > 0 {
			fmt.Fprintf(&b, ", refused by %s", strings.Join(names, " and "))
		}
		b.WriteString("\n")
	}
	b.WriteString("\nways out:\n")
	for i, way := range e.Ways {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, way)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// brokenLevels are the levels that ask about a direction.
func brokenLevels(d compat.Direction) (names []string) {
	for _, l := range compat.Levels() {
		if slices.Contains(l.Directions(), d) {
			names = append(names, l.String())
		}
	}
	return names
}

// nearestRule is the rule whose id is most like a name.
func nearestRule(name string) string {
	rules := compat.Rules()
	ids := make([]string, 0, len(rules))
	for _, r := range rules {
		ids = append(ids, r.ID)
	}
	return nearest(ids, strings.ToLower(strings.ReplaceAll(name, "_", "-")))
}
