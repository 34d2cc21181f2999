package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/proxy"
)

// realClientTime is more than a run takes on a machine that does much else.
const realClientTime = 3 * time.Minute

// The registry clients that people have, unmodified, each in the default context and in another, over both stores.
// What they serialize goes through the gate into a topic and comes back from there: an embedded broker's with the one
// store, Apache Kafka's with the other. Each script asks what it must be
// told, and tells which steps it took; a script that stops early is noticed by the steps that are missing.
func TestRealClients(t *testing.T) {
	node, python := os.Getenv("ACCORD_TEST_NODE"), os.Getenv("ACCORD_TEST_PYTHON")
	for _, c := range []struct {
		name    string
		part    string // what it needs, "" = it is there
		command []string
		steps   []string // in each context
		once    []string // in the default context alone
	}{
		{
			name: "confluent-javascript", part: part(node, "the clients for JavaScript (ACCORD_TEST_NODE)"), command: []string{"node", "confluent.mjs"},
			steps: []string{"register and serialize", "register while serializing", "find", "evolve", "metadata and rules", "references", "configure", "delete"},
		},
		{
			name: "kafkajs", part: part(node, "the clients for JavaScript (ACCORD_TEST_NODE)"), command: []string{"node", "kafkajs.mjs"},
			steps: []string{"register", "find", "serialize", "evolve", "references"}, once: []string{"an invalid event does not get past the gate"},
		},
		{
			name: "confluent-python", part: part(python, "the client for Python (ACCORD_TEST_PYTHON)"), command: []string{python, "confluent.py"},
			steps: []string{"register and serialize", "find", "gate", "evolve", "metadata and rules", "references", "configure", "delete"},
		},
	} {
		for _, b := range backends {
			t.Run(c.name+"/"+b.name, func(t *testing.T) {
				t.Parallel()
				if c.part != "" {
					missing(t, c.part)
				}
				registry, topic := "http://"+registryOn(t, b.open(t)), c.name+"-"+b.name+"-"+rand.Text()
				got, version := runClient(t, c.command, "REGISTRY="+registry, "BROKERS="+gate(t, brokersBeside(t, b), registry, topic), "TOPIC="+topic)
				var want []string
				for _, name := range []string{".", ".team"} {
					for _, s := range append(slices.Clone(c.steps), c.once...) {
						if name == "." || !slices.Contains(c.once, s) {
							want = append(want, name+" "+s)
						}
					}
				}
				slices.Sort(got)
				slices.Sort(want)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("steps (-want +got):\n%s", diff)
				}
				t.Logf("%s: %d steps", version, len(got))
			})
		}
	}
}

// part is what is missing, "" if the environment names it.
func part(value, what string) string {
	if value != "" {
		return ""
	}
	return what
}

// missing leaves a test out for want of a part; under CI every part must be there.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("left out: " + what)
	}
	t.Skip("left out: " + what)
}

// runClient runs a script and returns the steps that it took and the versions it says it is of.
func runClient(t *testing.T, command []string, env ...string) (steps []string, version string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), realClientTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = filepath.Join("testdata", "clients")
	cmd.Env = append(os.Environ(), env...)
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command, " "), err, out.Bytes(), errors.Bytes())
	}
	for line := range bytes.Lines(out.Bytes()) {
		var said struct{ Step, Client string }
		if err := json.Unmarshal(line, &said); err != nil {
			t.Fatalf("%s says %q", strings.Join(command, " "), line)
		}
		if said.Step != "" {
			steps = append(steps, said.Step)
		}
		version = said.Client
	}
	return steps, version
}

// brokersBeside are the brokers of the tests that run on a store: beside PostgreSQL the Kafka that tests are given, and
// an embedded broker beside SQLite, or where there is no other.
func brokersBeside(t *testing.T, b backend) []string {
	t.Helper()
	if given := os.Getenv("ACCORD_TEST_BOOTSTRAP"); b.name == "postgres" && given != "" {
		return []string{given}
	}
	if b.name == "postgres" && os.Getenv("CI") == "true" {
		missing(t, "Apache Kafka (ACCORD_TEST_BOOTSTRAP)")
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}

// gate starts the gate, which holds a topic to the registry's schemas, in front of brokers, and returns its address.
func gate(t *testing.T, brokers []string, registry, topic string) string {
	t.Helper()
	source, err := client.Open(registry, client.WithNegativeTTL(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	server, err := proxy.New(proxy.Config{
		Brokers: brokers, Schemas: source, Override: map[string]proxy.Policy{topic: proxy.Reject}, Nodes: proxy.NodeRange{Count: 1}, Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	l := twoPorts(t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return l.Addr().String()
}

// twoPorts listens on a port above which another is free: that of the gate's first node.
func twoPorts(t *testing.T) net.Listener {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		above, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(l.Addr().(*net.TCPAddr).Port+1)))
		if err == nil {
			_ = above.Close()
			return l
		}
		_ = l.Close()
	}
	t.Fatal("no two free ports in a row")
	return nil
}
