package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// The development broker's topics.
const (
	devPartitions = 12
	devRetention  = 7 * 24 * time.Hour
)

// broker is the embedded development broker: one node of the Kafka protocol, its data in a folder, behind a Unix
// socket. Nobody but the gate may dial it: a request that it does not know ends the whole process, and the gate's
// table of requests is what keeps those away.
type broker struct {
	cluster *kfake.Cluster
	socket  string
}

// startBroker starts the broker on the data in dir. What was acknowledged is there again after a restart.
func startBroker(dir string) (*broker, error) {
	// The name of a Unix socket is bounded (108 bytes), that of a data folder is not.
	sockets, err := os.MkdirTemp("", "accord-broker-")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(sockets, "s")
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ClusterID("accord-dev"),
		kfake.DataDir(filepath.Join(dir, "broker")),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(devPartitions),
		kfake.BrokerConfigs(map[string]string{"log.retention.ms": fmt.Sprint(devRetention.Milliseconds())}),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return net.Listen("unix", socket) }),
	)
	if err != nil {
		_ = os.RemoveAll(sockets)
		return nil, fmt.Errorf("embedded broker on %s: %w", dir, err)
	}
	return &broker{cluster, socket}, nil
}

// dial connects to the broker, whatever the address.
func (b *broker) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", b.socket)
}

// close ends the broker and flushes its data.
func (b *broker) close() {
	b.cluster.Close()
	_ = os.RemoveAll(filepath.Dir(b.socket))
}
