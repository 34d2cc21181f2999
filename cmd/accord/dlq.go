package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/proxy"
)

// dlqCommand deals with letters: what the gate refused and kept, and what consumers gave up on.
func dlqCommand(std streams) *cobra.Command {
	o := &dlqOptions{std: std}
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "List, show, redrive and discard dead letters and quarantined records",
		Long: `Works on the topics that keep what went wrong: <group>.dlq, where consumers put what they gave up on,
and <topic>.quarantine, where the gate keeps what it refused. NAME is a consumer group, with
--quarantine a topic, or the whole name. A letter is named PARTITION/OFFSET. All of it goes through
the gate's HTTP door, which asks for the role operator before it changes anything.`,
		Example: `  accord dlq list
  accord dlq list payments
  accord dlq show payments 0/17
  accord dlq diff payments
  accord dlq redrive payments --class poison --dry-run
  accord dlq redrive orders.events --quarantine --reason "v4 allows it"
  accord dlq discard payments 0/17 --reason "test data"`,
	}
	cmd.AddCommand(dlqListCommand(o), dlqShowCommand(o), dlqDiffCommand(o), dlqActCommand(o, "redrive"), dlqActCommand(o, "discard"))
	for _, below := range cmd.Commands() {
		below.Flags().StringVar(&o.proxy, "proxy-http", defaultProxyHTTP, "URL of the gate's HTTP door")
		below.Flags().BoolVar(&o.quarantine, "quarantine", false, "NAME is a topic whose quarantine is meant")
	}
	return cmd
}

// dlqOptions are the flags that the verbs below dlq share.
type dlqOptions struct {
	std        streams
	proxy      string
	quarantine bool
	typ, class string
	address    string
	since      days
	state      string
	asJSON     bool
}

func (o *dlqOptions) choosing(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.typ, "type", "", "only events of this type, or of this subject")
	cmd.Flags().StringVar(&o.class, "class", "", "only of this class: the gate's reason, or the class of the consumer's error")
	cmd.Flags().StringVar(&o.address, "pointer", "", "only with a fault at this address, such as /lines/*/quantity")
	cmd.Flags().Var(&o.since, "since", "only those put there within this time, such as 30m or 7d")
}

// topic is the topic of letters that a name means.
func (o *dlqOptions) topic(name string) string {
	switch {
	case strings.HasSuffix(name, proxy.QuarantineSuffix), strings.HasSuffix(name, proxy.DeadSuffix):
		return name
	case o.quarantine:
		return name + proxy.QuarantineSuffix
	}
	return name + proxy.DeadSuffix
}

// dlqLetter is a letter as the gate tells it.
type dlqLetter struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	At        time.Time `json:"at"`
	State     string    `json:"state"`
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Class     string    `json:"class"`
	Error     string    `json:"error"`
	Address   string    `json:"address"`
	Keyword   string    `json:"keyword"`
	Subject   string    `json:"subject"`
	Version   int32     `json:"version"`
	Passes    bool      `json:"passes"`
	From      *struct {
		Topic string `json:"topic"`
	} `json:"from"`
}

func (l *dlqLetter) place() string { return fmt.Sprintf("%d/%d", l.Partition, l.Offset) }

// what is the letter's subject, or its type where there is none.
func (l *dlqLetter) what() string { return cmp.Or(l.Subject, l.Type, "(no type)") }

// pages hands over the letters that are asked for, raw and decoded.
func (o *dlqOptions) pages(ctx context.Context, at *remote, topic string, take func(raw json.RawMessage, l *dlqLetter) error) error {
	query := url.Values{"topic": {topic}, "limit": {"1000"}}
	for name, value := range map[string]string{"type": o.typ, "class": o.class, "address": o.address, "state": o.state} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.since > 0 {
		query.Set("since", time.Now().Add(-time.Duration(o.since)).UTC().Format(time.RFC3339))
	}
	for {
		var page struct {
			Letters []json.RawMessage `json:"letters"`
			Next    string            `json:"next"`
		}
		if err := at.call(ctx, "GET", "/v1/letters?"+query.Encode(), nil, &page); err != nil {
			return exit(statusOf(err), err)
		}
		for _, raw := range page.Letters {
			var l dlqLetter
			if err := json.Unmarshal(raw, &l); err != nil {
				return exit(exitUnavailable, fmt.Errorf("a letter of %s is told in words that this program does not know: %w", topic, err))
			}
			if err := take(raw, &l); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Set("after", page.Next)
	}
}

func dlqListCommand(o *dlqOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [NAME]",
		Short: "List the topics that hold letters, or the letters of one, by type, class and place of the fault",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := newRemote("proxy", o.proxy)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return o.listTopics(cmd.Context(), at)
			}
			return o.listGroups(cmd.Context(), at, o.topic(args[0]))
		},
	}
	o.choosing(cmd)
	cmd.Flags().StringVar(&o.state, "state", "waiting", "waiting, redriven, discarded or all")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print letters as lines of JSON")
	return cmd
}

func (o *dlqOptions) listTopics(ctx context.Context, at *remote) error {
	var boxes struct {
		Topics []json.RawMessage `json:"topics"`
	}
	if err := at.call(ctx, "GET", "/v1/letters", nil, &boxes); err != nil {
		return exit(statusOf(err), err)
	}
	table := tabwriter.NewWriter(o.std.out, 0, 0, 2, ' ', 0)
	if !o.asJSON {
		fmt.Fprintln(table, "TOPIC\tWAITING\tSETTLED\tGO BACK TO")
	}
	for _, raw := range boxes.Topics {
		if o.asJSON {
			fmt.Fprintf(o.std.out, "%s\n", raw)
			continue
		}
		var box struct {
			Topic, To        string
			Waiting, Settled int64
		}
		if err := json.Unmarshal(raw, &box); err != nil {
			return exit(exitUnavailable, err)
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", box.Topic, box.Waiting, box.Settled, box.To)
	}
	return table.Flush()
}

// listGroups counts letters that are alike.
func (o *dlqOptions) listGroups(ctx context.Context, at *remote, topic string) error {
	type kind struct{ what, class, address string }
	type sum struct {
		kind
		n, passing    int
		first, newest string
		last          time.Time
	}
	sums := map[kind]*sum{}
	err := o.pages(ctx, at, topic, func(raw json.RawMessage, l *dlqLetter) error {
		if o.asJSON {
			_, err := fmt.Fprintf(o.std.out, "%s\n", raw)
			return err
		}
		k := kind{l.what(), l.Class, l.Address}
		s := sums[k]
		if s == nil {
			s = &sum{kind: k, first: l.place()}
			sums[k] = s
		}
		s.n++
		if l.Passes {
			s.passing++
		}
		if !l.At.Before(s.last) {
			s.last, s.newest = l.At, l.place()
		}
		return nil
	})
	if err != nil || o.asJSON {
		return err
	}
	all := make([]*sum, 0, len(sums))
	for _, s := range sums {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *sum) int {
		return cmp.Or(b.n-a.n, cmp.Compare(a.what, b.what), cmp.Compare(a.class, b.class), cmp.Compare(a.address, b.address))
	})
	table := tabwriter.NewWriter(o.std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LETTERS\tPASS NOW\tTYPE\tCLASS\tPOINTER\tFIRST\tNEWEST\tAT")
	for _, s := range all {
		fmt.Fprintf(table, "%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", s.n, s.passing, s.what, s.class, cmp.Or(s.address, "-"), s.first, s.newest, s.last.UTC().Format(time.RFC3339))
	}
	return table.Flush()
}

func dlqShowCommand(o *dlqOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show NAME PARTITION/OFFSET",
		Short: "Show one letter: why it is there, what the gate says of it now, which versions would take it",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := newRemote("proxy", o.proxy)
			if err != nil {
				return err
			}
			l, err := o.letter(cmd.Context(), at, o.topic(args[0]), args[1])
			if err != nil {
				return err
			}
			return printJSON(o.std.out, l, nil)
		},
	}
	return cmd
}

// letter asks for all that is known of one letter.
func (o *dlqOptions) letter(ctx context.Context, at *remote, topic, place string) (json.RawMessage, error) {
	if _, err := placesOf([]string{place}); err != nil {
		return nil, err
	}
	var l json.RawMessage
	err := at.call(ctx, "GET", "/v1/letters/"+url.PathEscape(topic)+"/"+place, nil, &l)
	if err != nil {
		return nil, exit(statusOf(err), err)
	}
	return l, nil
}

// dlqPlace is a letter's place in its topic.
type dlqPlace struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// placesOf reads PARTITION/OFFSET arguments.
func placesOf(args []string) ([]dlqPlace, error) {
	var all []dlqPlace
	for _, arg := range args {
		var p dlqPlace
		var rest string
		if n, err := fmt.Sscanf(arg, "%d/%d%s", &p.Partition, &p.Offset, &rest); n != 2 || err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || p.Partition < 0 || p.Offset < 0 {
			return nil, exit(exitUsage, fmt.Errorf("%q is not a letter: want PARTITION/OFFSET, such as 0/17", arg))
		}
		all = append(all, p)
	}
	return all, nil
}

// dlqAsk is the body of a redrive or discard.
type dlqAsk struct {
	Topic   string     `json:"topic"`
	Offsets []dlqPlace `json:"offsets,omitempty"`
	Type    string     `json:"type,omitempty"`
	Class   string     `json:"class,omitempty"`
	Address string     `json:"address,omitempty"`
	Since   time.Time  `json:"since,omitzero"`
	After   string     `json:"after,omitempty"`
	Rate    int        `json:"rate,omitempty"`
	Limit   int        `json:"limit,omitempty"`
	DryRun  bool       `json:"dry_run,omitempty"`
	Reason  string     `json:"reason,omitempty"`
}

// dlqAnswer is what became of the letters.
type dlqAnswer struct {
	Done    int               `json:"done"`
	Already int               `json:"already"`
	Refused int               `json:"refused"`
	Results []json.RawMessage `json:"results"`
	Next    string            `json:"next"`
	Stopped string            `json:"stopped"`
}

// redriveSeconds is how long one call of a redrive may take; the rate makes its size.
const redriveSeconds = 15

func dlqActCommand(o *dlqOptions, op string) *cobra.Command {
	var dryRun bool
	var reason string
	var rate int
	cmd := &cobra.Command{
		Use:   op + " NAME [PARTITION/OFFSET...]",
		Short: "Discard letters: they are out of sight, and expire with their topic",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			places, err := placesOf(args[1:])
			if err != nil {
				return err
			}
			if op == "discard" && reason == "" && !dryRun {
				return exit(exitUsage, errors.New("--reason is missing: a discard needs one, it stands in the audit"))
			}
			at, err := newRemote("proxy", o.proxy)
			if err != nil {
				return err
			}
			ask := dlqAsk{Topic: o.topic(args[0]), Offsets: places, Type: o.typ, Class: o.class, Address: o.address, Reason: reason, Rate: rate}
			if o.since > 0 {
				ask.Since = time.Now().Add(-time.Duration(o.since)).UTC()
			}
			ask.DryRun = true // first: what would become of them
			sum, err := o.act(cmd.Context(), at, op, ask, dryRun)
			if err != nil {
				return err
			}
			if !dryRun && sum.Done > 0 {
				ask.DryRun = false
				if sum, err = o.act(cmd.Context(), at, op, ask, true); err != nil {
					return err
				}
			}
			did := map[string]string{"redrive": "redriven", "discard": "discarded"}[op]
			if dryRun {
				did = "would be " + did
			}
			fmt.Fprintf(o.std.err, "%d %s, %d were before, %d refused\n", sum.Done, did, sum.Already, sum.Refused)
			switch {
			case sum.Stopped != "":
				return exit(exitUnavailable, fmt.Errorf("stopped: %s", sum.Stopped))
			case sum.Refused > 0:
				return exit(exitFindings, nil)
			}
			return nil
		},
	}
	if op == "redrive" {
		cmd.Short = "Send letters back: quarantined records through the gate, dead letters to their group"
		cmd.Flags().IntVar(&rate, "rate", proxy.DefaultRedriveRate, "letters a second")
	}
	o.choosing(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would become of them")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stands in the audit")
	return cmd
}

// act asks for a redrive or discard until there is nothing more to do. show prints what became of each letter.
func (o *dlqOptions) act(ctx context.Context, at *remote, op string, ask dlqAsk, show bool) (sum dlqAnswer, err error) {
	if ask.Rate > 0 && !ask.DryRun && op == "redrive" {
		ask.Limit = min(ask.Rate*redriveSeconds, proxy.MaxLetters)
	}
	for {
		var a dlqAnswer
		if err := at.call(ctx, "POST", "/v1/letters/"+op, ask, &a); err != nil {
			return sum, exit(statusOf(err), err)
		}
		sum.Done, sum.Already, sum.Refused, sum.Stopped = sum.Done+a.Done, sum.Already+a.Already, sum.Refused+a.Refused, a.Stopped
		for _, raw := range a.Results {
			if !show {
				break
			}
			var res struct {
				dlqPlace
				Status, Error string
			}
			if err := json.Unmarshal(raw, &res); err != nil {
				return sum, exit(exitUnavailable, err)
			}
			fmt.Fprintf(o.std.out, "%d/%d  %s  %s\n", res.Partition, res.Offset, res.Status, res.Error)
		}
		if a.Next == "" || a.Stopped != "" {
			return sum, nil
		}
		ask.After = a.Next
	}
}
