package orders_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/accordhq/accord/orders"
	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/inventory"
	"github.com/accordhq/accord/orders/notifications"
	"github.com/accordhq/accord/orders/ordering"
	"github.com/accordhq/accord/orders/payments"
	"github.com/accordhq/accord/orders/shipping"
	"github.com/accordhq/accord/orders/views"
	"github.com/accordhq/accord/schemas"
)

// What the services read is what the catalog says they read, at the version it says, and they send only as what they are.
func TestRoutesAreTheDeclaredReceives(t *testing.T) {
	routes := map[string][]consume.Route{
		"orders": (&ordering.Service{}).Routes(), "payments": (&payments.Service{}).Routes(), "inventory": (&inventory.Service{}).Routes(),
		"shipping": (&shipping.Service{}).Routes(), "notifications": (&notifications.Service{}).Routes(), "views": (&views.Service{}).Routes(),
	}
	for _, name := range orders.Services() {
		var declared struct {
			ConsumerGroups []string `yaml:"consumerGroups"`
			Sends          []struct{ Event string }
			Receives       []struct {
				Event   string
				Version int
			}
		}
		text, err := fs.ReadFile(schemas.FS(), "services/"+name+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &declared); err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, r := range declared.Receives {
			want = append(want, fmt.Sprintf("%s@%d", r.Event, r.Version))
		}
		for _, r := range routes[name] {
			got = append(got, fmt.Sprintf("%s@%d", r.Kind.Subject, r.Kind.Version))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("services/%s.yaml (-) and the routes (+):\n%s", name, diff)
		}
		if len(want) > 0 && !slices.Equal(declared.ConsumerGroups, []string{name}) {
			t.Errorf("services/%s.yaml: consumerGroups = %q, want the service's name", name, declared.ConsumerGroups)
		}
		for _, s := range declared.Sends {
			if !strings.HasPrefix(s.Event, name+".") {
				t.Errorf("services/%s.yaml sends %s, which is another domain's", name, s.Event)
			}
		}
	}
}

// Each step of the flow file is done by the service that it names: it reads what starts the step.
func TestFlowStepsAreTheRoutes(t *testing.T) {
	var flow struct {
		Steps []struct {
			ID, Service, On string
			OnAny           []string `yaml:"onAny"`
		}
	}
	text, err := fs.ReadFile(schemas.FS(), "flows/reserve-first.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &flow); err != nil {
		t.Fatal(err)
	}
	all := map[string][]consume.Route{
		"orders": (&ordering.Service{}).Routes(), "payments": (&payments.Service{}).Routes(),
		"inventory": (&inventory.Service{}).Routes(), "shipping": (&shipping.Service{}).Routes(),
	}
	for _, step := range flow.Steps {
		starts := step.OnAny
		if step.On != "" {
			starts = append(starts, step.On)
		}
		for _, start := range starts {
			reads := slices.ContainsFunc(all[step.Service], func(r consume.Route) bool { return r.Kind.Subject == start })
			// A parcel's own way is shipping's business and goes through no topic.
			if !reads && step.ID != "deliver" {
				t.Errorf("step %s starts by %s, which %s does not read", step.ID, start, step.Service)
			}
		}
	}
}

// floors says what each package of the room may import of the room. B21: no service knows another one.
var floors = map[string][]string{
	"event":   {},
	"journal": {"event"},
	"work":    {"journal"},
	"consume": {"event", "journal", "work"},
	"sim":     {"consume", "event", "inventory", "journal", "notifications", "ordering", "payments", "shipping", "views"},
}

func TestServicesShareNothingButTopics(t *testing.T) {
	const module = "github.com/accordhq/accord/"
	folders, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !folder.IsDir() || folder.Name() == "testdata" {
			continue
		}
		allowed, known := floors[folder.Name()]
		if !known {
			allowed = []string{"consume", "event", "journal", "work"} // a service
		}
		files, err := os.ReadDir(folder.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
				continue
			}
			name := path.Join(folder.Name(), f.Name())
			parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				p, _ := strconv.Unquote(spec.Path.Value)
				if p == "net/http" {
					t.Errorf("%s imports net/http: services speak by topics", name)
				}
				if rest, ours := strings.CutPrefix(p, module); ours && !slices.Contains(allowed, strings.TrimPrefix(rest, "orders/")) {
					t.Errorf("%s imports %s; it may import only %s", name, rest, strings.Join(allowed, " "))
				}
			}
		}
	}
}
