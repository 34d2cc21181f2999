package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// A report prints the result of a check in one format.
type report struct {
	format string
	file   string // "" = standard output
}

type reports []report

// reportFormats are the formats of `accord check --out`, with their printers.
var reportFormats = map[string]func(io.Writer, *checkResult) error{
	"text":   textReport,
	"json":   func(out io.Writer, r *checkResult) error { return printJSON(out, r, nil) },
	"github": githubReport,
}

// parseReports reads --out values: FORMAT or FORMAT=FILE.
func parseReports(values []string) (reports, error) {
	var all reports
	for _, value := range values {
		format, file, _ := strings.Cut(value, "=")
		if reportFormats[format] == nil {
			return nil, exit(exitUsage, fmt.Errorf("--out %s: want text, json or github", value))
		}
		all = append(all, report{format, file})
	}
	return all, nil
}

func (all reports) write(out io.Writer, result *checkResult) error {
	for _, r := range all {
		if r.file == "" {
			if err := reportFormats[r.format](out, result); err != nil {
				return err
			}
			continue
		}
		f, err := os.Create(r.file)
		if err != nil {
			return exit(exitUsage, err)
		}
		if err := reportFormats[r.format](f, result); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// worstFirst orders findings: errors before warnings, then by place.
func worstFirst(findings []finding) []finding {
	sorted := slices.Clone(findings)
	rank := func(f finding) int {
		switch {
		case f.Waived != "":
			return 2
		case f.Severity == catalog.SeverityError:
			return 0
		}
		return 1
	}
	slices.SortStableFunc(sorted, func(a, b finding) int { return rank(a) - rank(b) })
	return sorted
}

// maxTextFindings is how many findings of one subject the text report shows; the JSON report has them all.
const maxTextFindings = 200

// textReport is for people: one block per step, what fails, and what to run next.
func textReport(out io.Writer, r *checkResult) error {
	var b strings.Builder
	findings := worstFirst(r.Findings)
	shown := 0
	for _, s := range r.Subjects {
		step := fmt.Sprintf("v%d", s.To)
		if s.Draft {
			step = "draft v" + fmt.Sprint(s.To)
		}
		if s.From > 0 {
			step = fmt.Sprintf("v%d -> %s", s.From, step)
		}
		verdict := "fits"
		if !s.Passes {
			verdict = "BREAKS"
		}
		fmt.Fprintf(&b, "%s  %s  %s  %s: %s\n", s.Subject, step, s.Level, verdict, s.Sentence)
		for _, f := range findings {
			if f.Subject == s.Subject && f.To == s.To && f.Against == s.Against {
				if shown++; shown <= maxTextFindings {
					printFinding(&b, f)
				}
			}
		}
	}
	for _, f := range findings {
		if !slices.ContainsFunc(r.Subjects, func(s checkedSubject) bool {
			return f.Subject == s.Subject && f.To == s.To && f.Against == s.Against
		}) {
			if shown++; shown <= maxTextFindings {
				fmt.Fprintf(&b, "%s\n", f.Subject)
				printFinding(&b, f)
			}
		}
	}
	if shown > maxTextFindings {
		fmt.Fprintf(&b, "and %d more findings: --out json has them all\n", shown-maxTextFindings)
	}
	for _, n := range r.NotChecked {
		fmt.Fprintf(&b, "NOT CHECKED  %s against %s: %s\n", n.Subject, n.Against, n.Reason)
	}
	errs, warnings, waived := count(findings)
	fmt.Fprintf(&b, "%d errors, %d warnings, %d waived, %d not checked; %d steps judged\n", errs, warnings, waived, len(r.NotChecked), len(r.Subjects))
	_, err := io.WriteString(out, b.String())
	return err
}

func printFinding(b *strings.Builder, f finding) {
	at := f.Path
	if f.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", f.Path, f.Line, f.Column)
	}
	severity := f.Severity
	if f.Waived != "" {
		severity = "waived"
	}
	fmt.Fprintf(b, "  %s  %s  %s  %s  [%s]\n    %s\n", at, severity, f.Rule, f.Address, f.Fingerprint, f.Message)
	if f.Counterexample != nil {
		fmt.Fprintf(b, "    %s\n", clip(string(f.Counterexample), 1024))
	}
	if f.Waived != "" {
		fmt.Fprintf(b, "    waived: %s\n", f.Waived)
	}
}

// clip cuts a text for people at a number of bytes, between characters.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

func count(findings []finding) (errs, warnings, waived int) {
	for _, f := range findings {
		switch {
		case f.Waived != "":
			waived++
		case f.Severity == catalog.SeverityError:
			errs++
		default:
			warnings++
		}
	}
	return errs, warnings, waived
}

// githubAnnotations is how many errors, and how many warnings, GitHub shows for one step.
const githubAnnotations = 10

// githubReport prints workflow commands, worst first, and fills the step summary where GitHub names one. Source:
// GitHub Docs, "Workflow commands for GitHub Actions".
func githubReport(out io.Writer, r *checkResult) error {
	printed := map[string]int{}
	for _, f := range worstFirst(r.Findings) {
		command := "warning"
		switch {
		case f.Waived != "":
			command = "notice"
		case f.Severity == catalog.SeverityError:
			command = "error"
		}
		if printed[command]++; printed[command] > githubAnnotations {
			continue
		}
		message := f.Message
		if f.Counterexample != nil {
			message += "\n" + clip(string(f.Counterexample), 1024)
		}
		fmt.Fprintf(out, "::%s file=%s,line=%d,col=%d,title=%s::%s\n", command, githubProperty(f.Path), max(f.Line, 1), max(f.Column, 1), githubProperty(f.Rule+" "+f.Subject), githubData(message))
	}
	for _, n := range r.NotChecked {
		fmt.Fprintf(out, "::error title=NOT CHECKED::%s\n", githubData(n.Subject+" against "+n.Against+": "+n.Reason))
	}
	for _, command := range []string{"error", "warning", "notice"} {
		if more := printed[command] - githubAnnotations; more > 0 {
			fmt.Fprintf(out, "%d more of kind %s are only in the summary\n", more, command)
		}
	}
	return githubSummary(r)
}

// maxGitHubSummary keeps below the megabyte that GitHub takes.
const maxGitHubSummary = 900 << 10

func githubSummary(r *checkResult) error {
	name := os.Getenv("GITHUB_STEP_SUMMARY")
	if name == "" {
		return nil
	}
	var b strings.Builder
	b.WriteString("## accord check\n\n```\n")
	if err := textReport(&b, r); err != nil {
		return err
	}
	text := b.String()
	if len(text) > maxGitHubSummary {
		text = clip(text, maxGitHubSummary) + "\ncut here: the whole report is larger than GitHub shows"
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, text+"```\n"); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// githubData escapes the message of a workflow command, githubProperty one of its properties.
func githubData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func githubProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
