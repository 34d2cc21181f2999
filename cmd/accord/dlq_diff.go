package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/client"
)

// dlqDiffCommand decodes letters again with the schemas and lenses of now.
func dlqDiffCommand(o *dlqOptions) *cobra.Command {
	var registry string
	cmd := &cobra.Command{
		Use:   "diff NAME [PARTITION/OFFSET...]",
		Short: "Decode letters again with today's schemas and lenses and say which would pass",
		Long: `Decodes each letter as its consumer would now: at the version that the consumer group last said it is
built for, else at the latest. Exit status 1 if one would fail again. It needs the role operator,
because it reads whole records.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := placesOf(args[1:]); err != nil {
				return err
			}
			at, err := newRemote("proxy", o.proxy)
			if err != nil {
				return err
			}
			d, err := newRedecoder(cmd.Context(), registry)
			if err != nil {
				return err
			}
			defer d.source.Close()
			topic := o.topic(args[0])
			places := args[1:]
			if len(places) == 0 {
				o.state = "waiting"
				err := o.pages(cmd.Context(), at, topic, func(_ json.RawMessage, l *dlqLetter) error {
					places = append(places, l.place())
					return nil
				})
				if err != nil {
					return err
				}
			}
			failing := 0
			for _, place := range places {
				raw, err := o.letter(cmd.Context(), at, topic, place)
				if err != nil {
					return err
				}
				said, passes := d.again(cmd.Context(), raw)
				if !passes {
					failing++
				}
				fmt.Fprintf(o.std.out, "%s  %s\n", place, said)
			}
			fmt.Fprintf(o.std.err, "%d would pass, %d would fail again\n", len(places)-failing, failing)
			if failing > 0 {
				return exit(exitFindings, nil)
			}
			return nil
		},
	}
	o.choosing(cmd)
	cmd.Flags().StringVar(&registry, "registry", defaultRegistry, "URL of the registry")
	return cmd
}

// A redecoder decodes letters as their consumers would.
type redecoder struct {
	registry *remote
	source   *client.Registry
	decoders map[string]*client.Decoder // by subject and version
	versions map[string]int             // of readers, by group and subject
}

func newRedecoder(ctx context.Context, registry string) (*redecoder, error) {
	at, err := newRemote("registry", registry)
	if err != nil {
		return nil, err
	}
	source, err := client.Open(registry, client.WithTokenFrom(tokenOf(ctx)))
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	return &redecoder{registry: at, source: source, decoders: map[string]*client.Decoder{}, versions: map[string]int{}}, nil
}

// again decodes one letter and says in a line how that went.
func (d *redecoder) again(ctx context.Context, raw json.RawMessage) (said string, passes bool) {
	var l struct {
		dlqLetter
		Group string `json:"group"`
		Whole *struct {
			Key, Value *string
			Base64     []string
			Headers    []struct {
				Name   string
				Value  *string
				Base64 bool
			}
		} `json:"whole"`
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		return "is told in words that this program does not know: " + err.Error(), false
	}
	switch {
	case l.Whole == nil:
		return "is not shown whole: that needs the role operator", false
	case l.Subject == "":
		return l.Class + ": nobody knows its subject", false
	}
	version, err := d.reader(ctx, l.Group, l.Subject)
	if err != nil {
		return fmt.Sprintf("%s: %s", l.Subject, err), false
	}
	decoder, err := d.decoder(l.Subject, version)
	if err != nil {
		return err.Error(), false
	}
	rec := client.Record{Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Time: l.At}
	if l.From != nil && l.From.Topic != "" {
		rec.Topic = l.From.Topic
	}
	rec.Key = bytesOf(l.Whole.Key, slices.Contains(l.Whole.Base64, "key"))
	rec.Value = bytesOf(l.Whole.Value, slices.Contains(l.Whole.Base64, "value"))
	for _, h := range l.Whole.Headers {
		rec.Headers = append(rec.Headers, client.Header{Key: h.Name, Value: bytesOf(h.Value, h.Base64)})
	}
	event, err := decoder.Decode(ctx, rec)
	if err != nil {
		return fmt.Sprintf("%s at v%d: %s: %s", l.Subject, version, client.Class(err), err), false
	}
	return fmt.Sprintf("%s v%d to v%d: passes", l.Subject, event.Upcast.From, event.Upcast.To), true
}

// bytesOf turns text of JSON back into bytes; nil stays nil.
func bytesOf(text *string, coded bool) []byte {
	if text == nil {
		return nil
	}
	if !coded {
		return []byte(*text)
	}
	b, err := base64.StdEncoding.DecodeString(*text)
	if err != nil {
		return []byte(*text)
	}
	return b
}

// reader is the version that a group last said it reads, the highest if its members differ, else the latest.
func (d *redecoder) reader(ctx context.Context, group, subject string) (int, error) {
	key := group + "\n" + subject
	if version := d.versions[key]; version != 0 {
		return version, nil
	}
	var readers struct {
		Readers []struct {
			Group   string
			Version int
		}
	}
	if err := d.registry.call(ctx, "GET", "/v1/readers?subject="+url.QueryEscape(subject), nil, &readers); err != nil {
		return 0, err
	}
	version := 0
	for _, r := range readers.Readers {
		if group != "" && r.Group == group {
			version = max(version, r.Version)
		}
	}
	if version == 0 {
		var latest struct{ Version int }
		if err := d.registry.call(ctx, "GET", "/subjects/"+url.PathEscape(subject)+"/versions/latest", nil, &latest); err != nil {
			return 0, err
		}
		version = latest.Version
	}
	d.versions[key] = version
	return version, nil
}

// decoder makes a decoder for one version of a subject, which leaves the event as JSON.
func (d *redecoder) decoder(subject string, version int) (*client.Decoder, error) {
	key := fmt.Sprintf("%s v%d", subject, version)
	if known := d.decoders[key]; known != nil {
		return known, nil
	}
	made, err := client.NewDecoder(d.source, client.For[json.RawMessage](subject, version))
	if err == nil {
		d.decoders[key] = made
	}
	return made, err
}
