package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/orders"
	"github.com/accordhq/accord/proxy"
	"github.com/accordhq/accord/schemas"
)

// devOptions are the settings of accord dev.
type devOptions struct {
	data, schemas                       string
	listen, proxy, http, orders, broker string
	insecure                            bool
}

// devCommand runs everything on embedded parts.
func devCommand(std streams) *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run all of accord on embedded parts, with the reference order system",
		Long: `Runs registry, site, gate and the reference order system in one process, on a SQLite file and an
embedded broker that keeps its data on disk. Nothing has to be installed. The broker is for
development: one node, no replication.`,
		Example: "  accord dev\n  accord dev --data-dir /tmp/accord --schemas schemas",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.insecure, _ = cmd.Flags().GetBool("insecure")
			return runDev(cmd.Context(), std, o)
		},
	}
	cmd.Flags().StringVar(&o.data, "data-dir", "accord-data", "folder for everything that is kept")
	cmd.Flags().StringVar(&o.schemas, "schemas", "", "schemas folder to apply at start (default: the reference system's, built in)")
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8081", "address of registry and site")
	cmd.Flags().StringVar(&o.proxy, "proxy-listen", "127.0.0.1:9092", "address for Kafka clients, behind the gate; the port above it is taken too")
	cmd.Flags().StringVar(&o.http, "http-listen", "127.0.0.1:8082", "address for HTTP producers")
	cmd.Flags().StringVar(&o.orders, "orders-listen", "127.0.0.1:8083", "address of the order system")
	cmd.Flags().StringVar(&o.broker, "broker-listen", "127.0.0.1:9192", "address of the bare broker; the port above it is taken too")
	roleFlags(cmd)
	return cmd
}

// runDev starts everything, tells where it is, and runs until ctx ends.
func runDev(ctx context.Context, std streams, o devOptions) error {
	d := &dev{options: o, log: newLog(std.err)}
	defer d.close()
	if err := d.bind(); err != nil {
		return err
	}
	if err := d.open(ctx); err != nil {
		return err
	}
	// Three floors, each ended before the one it stands on: order system, gates, registry.
	floor := newGroup(context.WithoutCancel(ctx))
	gates := newGroup(floor.ctx)
	shop := newGroup(gates.ctx)
	interrupted := context.AfterFunc(ctx, func() { shop.cancel(context.Canceled) })
	defer interrupted()
	err := d.start(shop.ctx, floor, gates, shop, std)
	if err != nil {
		shop.cancel(err)
	}
	ended := []error{err, shop.wait(), gates.stop(), floor.stop()}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		ended[0] = nil // interrupted while starting
	}
	return errors.Join(ended...)
}

// dev is the whole house in one process.
type dev struct {
	options   devOptions
	log       *slog.Logger
	listeners struct{ site, kafka, http, orders, broker net.Listener }

	broker   *broker
	registry *registryRole
}

// bind takes every port before anything is started, so that a taken one is told at once.
func (d *dev) bind() error {
	for _, b := range []struct {
		flag, address string
		into          *net.Listener
	}{
		{"listen", d.options.listen, &d.listeners.site},
		{"proxy-listen", d.options.proxy, &d.listeners.kafka},
		{"http-listen", d.options.http, &d.listeners.http},
		{"orders-listen", d.options.orders, &d.listeners.orders},
		{"broker-listen", d.options.broker, &d.listeners.broker},
	} {
		l, err := listen(b.flag, b.address, d.options.insecure)
		if err != nil {
			return err
		}
		*b.into = l
	}
	return nil
}

// open opens what is kept on disk.
func (d *dev) open(ctx context.Context) error {
	if err := os.MkdirAll(d.options.data, 0o700); err != nil {
		return exit(exitUnavailable, err)
	}
	var err error
	d.registry, err = openRegistry(ctx, registryOptions{
		store: "sqlite:" + filepath.Join(d.options.data, "accord.db"), defaultJSON: true, cluster: devCluster, log: d.log,
	})
	if err != nil {
		return err
	}
	d.broker, err = startBroker(d.options.data)
	return err
}

// start runs the parts, each once those it needs are there, and prints the summary.
func (d *dev) start(ctx context.Context, floor, gates, shop *group, std streams) error {
	floor.run(d.registry.registry.Run)
	floor.run(func(ctx context.Context) error {
		return serveHTTP(ctx, d.listeners.site, d.registry.handler, d.registry.drain)
	})
	registry := "http://" + d.listeners.site.Addr().String()
	if err := d.applySchemas(ctx, registry); err != nil {
		return err
	}
	if err := d.startGates(gates, registry); err != nil {
		return err
	}
	lock, err := fs.ReadFile(schemas.FS(), lockFile)
	if err != nil {
		return err
	}
	system, err := orders.New(ctx, orders.Config{
		Store:   "sqlite:" + filepath.Join(d.options.data, "orders"),
		Brokers: []string{d.listeners.broker.Addr().String()}, Proxy: []string{d.listeners.kafka.Addr().String()},
		Registry: registry, Lock: lock, CreateTopics: true, Replicas: 1, Simulators: orders.DemoSimulators(), Log: d.log,
	})
	if err != nil {
		return err
	}
	shop.run(system.Run)
	shop.run(func(ctx context.Context) error { return serveHTTP(ctx, d.listeners.orders, system.Handler(), nil) })
	address := "http://" + d.listeners.orders.Addr().String()
	placed, err := placeSamples(ctx, address)
	if err != nil {
		return err
	}
	d.summary(std.out, placed)
	return nil
}

// startGates runs the validating gate and the bare broker's door, which is a gate that judges nothing: the embedded
// broker must not meet requests that it does not know.
func (d *dev) startGates(g *group, registry string) error {
	report, err := newReporter(registry, func() string { return "" })
	if err != nil {
		return err
	}
	audit, err := newAuditor(registry)
	if err != nil {
		return err
	}
	config := proxy.Config{
		Brokers: []string{"broker:0"}, Dial: d.broker.dial, Nodes: proxy.NodeRange{Count: 1},
		Schemas: d.registry.registry, Log: d.log,
	}
	bare := config
	bare.Override = map[string]proxy.Policy{"*": proxy.Off}
	config.Report, config.Audit = report, audit
	gate, err := proxy.New(config)
	if err != nil {
		return err
	}
	door, err := proxy.New(bare)
	if err != nil {
		return err
	}
	g.run(func(ctx context.Context) error { return gate.Serve(ctx, d.listeners.kafka) })
	g.run(func(ctx context.Context) error { return door.Serve(ctx, d.listeners.broker) })
	g.run(func(ctx context.Context) error { return serveHTTP(ctx, d.listeners.http, gate.Handler(), nil) })
	return nil
}

// applySchemas makes the registry hold the schemas folder, by the same door as accord apply.
func (d *dev) applySchemas(ctx context.Context, registry string) error {
	var files fs.FS = schemas.FS()
	if d.options.schemas != "" {
		var err error
		if files, err = openFolder(d.options.schemas); err != nil {
			return err
		}
	}
	tree, problems, err := readTree(files)
	if err != nil {
		return err
	}
	for _, p := range problems {
		if p.Severity == catalog.SeverityError {
			return exit(exitInput, fmt.Errorf("schemas folder: %s", p))
		}
	}
	at, err := newRemote("registry", registry)
	if err != nil {
		return err
	}
	base, err := registryBaseline(ctx, at)
	if err != nil {
		return err
	}
	plan, err := makePlan(ctx, at, tree, base)
	if err != nil {
		return err
	}
	return plan.apply(ctx, at)
}

// close closes what was opened, in the order in which it depends on each other.
func (d *dev) close() {
	for _, l := range []net.Listener{d.listeners.site, d.listeners.kafka, d.listeners.http, d.listeners.orders, d.listeners.broker} {
		if l != nil {
			_ = l.Close()
		}
	}
	if d.broker != nil {
		d.broker.close()
	}
	if d.registry != nil {
		d.registry.close()
	}
}
