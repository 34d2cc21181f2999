package proxy_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/proxy"
)

// A development broker stands behind two doors of this package and never bare, because it ends the process on a request
// that it does not know: one door validates, the other (every topic off) only speaks the table of requests.
func Example() {
	data, err := os.MkdirTemp("", "accord-data")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(data)

	// The socket stands in a folder of its own, made anew at each start: a stale one cannot be in the way, and the path
	// of a Unix socket must be short.
	run, err := os.MkdirTemp("", "accord")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(run)
	socket := filepath.Join(run, "kafka")
	broker, err := kfake.NewCluster(
		kfake.NumBrokers(1), // node id 0
		kfake.ListenFn(func(string, string) (net.Listener, error) { return net.Listen("unix", socket) }),
		kfake.DataDir(filepath.Join(data, "broker")), // read at start, written as it goes; Close syncs it
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(3),
	)
	if err != nil {
		panic(err)
	}
	defer broker.Close()

	ctx, stop := context.WithCancel(context.Background())
	var stopped []chan error
	open := func(source *memory, override map[string]proxy.Policy) string {
		gate, err := proxy.New(proxy.Config{
			Brokers: []string{"embedded:9092"}, // a name that Dial does not look at
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", socket)
			},
			Schemas:  source,
			Override: override,
			Nodes:    proxy.NodeRange{First: 0, Count: 1}, // the one node's port: listener's + 1
			Log:      slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		if err != nil {
			panic(err)
		}
		l := freeRun(1)
		done := make(chan error, 1)
		stopped = append(stopped, done)
		go func() { done <- gate.Serve(ctx, l) }()
		return l.Addr().String()
	}
	source := shop("")
	validating := open(source, nil)
	bare := open(source, map[string]proxy.Policy{"*": proxy.Off})

	for _, address := range []string{validating, bare} {
		client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation())
		if err != nil {
			panic(err)
		}
		err = client.ProduceSync(ctx, &kgo.Record{Topic: "orders.placed", Value: []byte(`{"orderId":"o-1"}`)}).FirstErr()
		fmt.Println(err)
		client.Close()
	}
	stop()
	for _, done := range stopped {
		fmt.Println(<-done)
	}
	// Output:
	// INVALID_RECORD: This record has failed the validation on the broker and hence been rejected.
	// <nil>
	// <nil>
	// <nil>
}
