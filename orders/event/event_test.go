package event_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/schemas"
)

// Every example of the version that a struct was written for goes through the struct and comes out as it went in.
func TestStructsFollowTheSchemas(t *testing.T) {
	for _, k := range event.Kinds() {
		names, err := fs.Glob(schemas.FS(), fmt.Sprintf("events/%s/examples/v%d/*.json", k.Subject, k.Version))
		if err != nil || len(names) == 0 {
			t.Errorf("%s: no example of version %d (%v)", k.Subject, k.Version, err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(schemas.FS(), name)
			if err != nil {
				t.Fatal(err)
			}
			data := k.New()
			d := json.NewDecoder(bytes.NewReader(text))
			d.DisallowUnknownFields()
			if err := d.Decode(data); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			back, err := json.Marshal(data)
			if err != nil {
				t.Fatal(err)
			}
			var want, got any
			if json.Unmarshal(text, &want) != nil || json.Unmarshal(back, &got) != nil {
				t.Fatalf("%s: not JSON", name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s through %T (-want +got):\n%s", name, data, diff)
			}
			if found, ok := event.KindOf(data); !ok || found.Subject != k.Subject {
				t.Errorf("KindOf(%T) = %s, %v, want %s", data, found.Subject, ok, k.Subject)
			}
		}
	}
}

// The table of kinds, the topics and the services' declarations say the same.
func TestKindsAgreeWithTheFolder(t *testing.T) {
	sent := map[string][]int{}
	files, _ := fs.Glob(schemas.FS(), "services/*.yaml")
	for _, name := range files {
		var service struct {
			Sends []struct {
				Event    string
				Versions []int
			}
		}
		load(t, name, &service)
		for _, s := range service.Sends {
			sent[s.Event] = append(sent[s.Event], s.Versions...)
		}
	}
	known := map[string][]int{}
	for _, k := range event.Kinds() {
		known[k.Subject] = append(known[k.Subject], k.Version)
		var e struct{ Channel string }
		load(t, path.Join("events", k.Subject, "event.yaml"), &e)
		var channel struct {
			Kafka struct{ Topic, Cleanup string }
		}
		load(t, "channels/"+e.Channel+".yaml", &channel)
		if channel.Kafka.Topic != k.Topic {
			t.Errorf("%s goes to %s, its channel says %s", k.Subject, k.Topic, channel.Kafka.Topic)
		}
		if want := channel.Kafka.Cleanup == "compact"; event.Compacted(k.Topic) != want {
			t.Errorf("Compacted(%s) = %v, want %v", k.Topic, !want, want)
		}
	}
	if diff := cmp.Diff(sent, known); diff != "" {
		t.Errorf("declared in services (-) and known to the code (+):\n%s", diff)
	}
}

func TestKindOfStranger(t *testing.T) {
	for _, stranger := range []any{nil, 7, struct{}{}, event.Money{}} {
		if k, ok := event.KindOf(stranger); ok {
			t.Errorf("KindOf(%T) = %s, want none", stranger, k.Subject)
		}
	}
	if k, _ := event.KindOf(event.OrderPlaced{}); k.Type() != "com.example.orders.OrderPlaced" || slices.Contains([]string{k.Topic}, "") || !strings.HasPrefix(k.Topic, "orders.") {
		t.Errorf("KindOf(OrderPlaced) = %+v", k)
	}
}

func load(t *testing.T, name string, into any) {
	t.Helper()
	text, err := fs.ReadFile(schemas.FS(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
