package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/postgres"
	"github.com/accordhq/accord/catalog/sqlite"
	"github.com/accordhq/accord/web"
	"github.com/accordhq/accord/web/api"
)

// serveCommand runs the registry and the site.
func serveCommand(std streams) *cobra.Command {
	var address, store string
	var defaultJSON bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the registry, its APIs and the catalog site",
		Long: `Runs the schema registry (Confluent-compatible and native API) and the event catalog site on one
port. The store is a SQLite file, for one process, or PostgreSQL, for as many replicas as wanted.`,
		Example: `  accord serve
  accord serve --store postgres://accord@db/accord --listen 0.0.0.0:8081 --insecure`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			insecure, _ := cmd.Flags().GetBool("insecure")
			l, err := listen("listen", address, insecure)
			if err != nil {
				return err
			}
			defer l.Close()
			log := newLog(std.err)
			role, err := openRegistry(cmd.Context(), registryOptions{store: store, defaultJSON: defaultJSON, log: log})
			if err != nil {
				return err
			}
			defer role.close()
			log.Info("serving", "address", l.Addr().String(), "store", masked(store))
			g := newGroup(cmd.Context())
			g.run(role.registry.Run)
			g.run(func(ctx context.Context) error { return serveHTTP(ctx, l, role.handler, role.drain) })
			return g.wait()
		},
	}
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:8081", "address of APIs and site")
	cmd.Flags().StringVar(&store, "store", "sqlite:accord.db", "where everything is kept: sqlite:FILE or postgres://…")
	cmd.Flags().BoolVar(&defaultJSON, "default-json", false, "read a registration without schemaType as JSON, for people with curl")
	roleFlags(cmd)
	return cmd
}

type registryOptions struct {
	store       string
	defaultJSON bool
	cluster     string // Kafka cluster id, "" = unknown
	log         *slog.Logger
	metrics     *prometheus.Registry // nil: one of its own
}

// registryRole is a registry with everything that is served on its port.
type registryRole struct {
	store    catalog.Store
	registry *catalog.Registry
	handler  http.Handler
	drain    func() // ends requests that wait for changes
}

// openRegistry opens the store and builds the role on it. The caller runs registry.Run, serves handler, and closes.
func openRegistry(ctx context.Context, o registryOptions) (*registryRole, error) {
	store, err := openStore(ctx, o.store)
	if err != nil {
		return nil, err
	}
	if o.metrics == nil {
		o.metrics = newMetrics()
	}
	registry := catalog.New(store, catalog.Options{Log: o.log})
	version, commit := buildVersion()
	apis := api.New(api.Config{
		Registry: registry, Version: version, Commit: commit, KafkaCluster: o.cluster,
		DefaultJSON: o.defaultJSON, Metrics: o.metrics, Log: o.log,
	})
	o.metrics.MustRegister(apis.Collectors()...)
	o.metrics.MustRegister(registry.Collectors()...)
	site, err := web.New(web.Config{Registry: registry, Operations: apis.Operations(), NotFound: apis.NotFound(), Log: o.log})
	if err != nil {
		store.Close()
		return nil, err
	}
	pages := http.NewServeMux()
	site.Install(pages)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if apis.Owns(r) {
			apis.Handler().ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
	return &registryRole{store: store, registry: registry, handler: handler, drain: apis.Drain}, nil
}

func (r *registryRole) close() { r.store.Close() }

// openStore opens what --store names.
func openStore(ctx context.Context, name string) (catalog.Store, error) {
	var store catalog.Store
	var err error
	switch {
	case strings.HasPrefix(name, "sqlite:"):
		store, err = sqlite.Open(ctx, strings.TrimPrefix(name, "sqlite:"))
	case strings.HasPrefix(name, "postgres://"), strings.HasPrefix(name, "postgresql://"):
		store, err = postgres.Open(ctx, name)
	default:
		return nil, exit(exitUsage, fmt.Errorf("--store %s: want sqlite:FILE or postgres://USER@HOST/DATABASE", masked(name)))
	}
	if err != nil {
		return nil, exit(exitUnavailable, fmt.Errorf("open store %s: %w", masked(name), err))
	}
	return store, nil
}

// newMetrics is a registry with what every role tells about its process.
func newMetrics() *prometheus.Registry {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return metrics
}
