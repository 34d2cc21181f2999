package main

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/orders"
	"github.com/accordhq/accord/schemas"
)

// lockFile is the reference system's pinned schemas and lenses: with it the services go on while the registry is away.
const lockFile = "schemas.lock"

// ordersCommand runs the reference order system.
func ordersCommand(std streams) *cobra.Command {
	var address, store, brokers, proxy, registry string
	var services []string
	var createTopics, simulators bool
	var secure tlsFlags
	cmd := &cobra.Command{
		Use:   "orders",
		Short: "Run the reference order system",
		Long: `Runs the reference order system: ordering, inventory, payments, shipping, notifications, customers
and views as services that write to their own stores, produce through the gate and read every
version of an event as the one they were built for.`,
		Example: `  accord orders --brokers kafka:9092 --proxy gate:9092 --registry http://registry:8081 --create-topics
  accord orders --service payments,inventory --store postgres://accord@db/orders --brokers kafka:9092`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if brokers == "" {
				return exit(exitUsage, fmt.Errorf("--brokers is missing: name the cluster, as HOST:PORT,…"))
			}
			insecure, _ := cmd.Flags().GetBool("insecure")
			log := newLog(std.err)
			certificates, err := secure.required(log)
			if err != nil {
				return err
			}
			l, err := listen("listen", address, insecure || secure.clientCA != "")
			if err != nil {
				return err
			}
			defer l.Close()
			lock, err := fs.ReadFile(schemas.FS(), lockFile)
			if err != nil {
				return err
			}
			config := orders.Config{
				Store: store, Brokers: strings.Split(brokers, ","), Registry: registry, Lock: lock,
				Services: services, CreateTopics: createTopics, Log: log, Token: tokenOf(cmd.Context()),
			}
			if proxy != "" {
				config.Proxy = strings.Split(proxy, ",")
			}
			if simulators {
				config.Simulators = orders.DemoSimulators()
			}
			system, err := orders.New(cmd.Context(), config)
			if err != nil {
				return exit(exitUnavailable, err)
			}
			log.Info("serving", "address", l.Addr().String(), "store", masked(store), "brokers", brokers, "tls", certificates != nil)
			g := newGroup(cmd.Context())
			g.run(system.Run)
			g.run(func(ctx context.Context) error {
				return serveHTTP(ctx, secured(l, certificates), system.Handler(), nil)
			})
			return g.wait()
		},
	}
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:8083", "address of the order API and page")
	cmd.Flags().StringVar(&store, "store", "sqlite:accord-data/orders", "the services' stores: sqlite:FOLDER or postgres://…")
	cmd.Flags().StringVar(&brokers, "brokers", "", "the cluster that is read: HOST:PORT,…")
	cmd.Flags().StringVar(&proxy, "proxy", "", "the gate that is produced through: HOST:PORT (default: the brokers, events are then validated by the encoder alone)")
	cmd.Flags().StringVar(&registry, "registry", defaultRegistry, "URL of the registry")
	cmd.Flags().StringSliceVar(&services, "service", nil, "run only these: "+strings.Join(orders.Services(), ", "))
	cmd.Flags().BoolVar(&createTopics, "create-topics", false, "make the topics that are missing")
	cmd.Flags().BoolVar(&simulators, "simulators", false, "let the outside world fail now and then: cards are declined, parcels take time")
	secure.add(cmd)
	roleFlags(cmd)
	return cmd
}
