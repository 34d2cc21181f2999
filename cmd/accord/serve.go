package main

import (
	"context"
	"errors"
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
	var address, store, direct, migrate string
	var defaultJSON bool
	var cacheBytes int
	var secure tlsFlags
	var signIn signInFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the registry, its APIs and the catalog site",
		Long: `Runs the schema registry (Confluent-compatible and native API) and the event catalog site on one
port. The store is a SQLite file, for one process, or PostgreSQL, for as many replicas as wanted.`,
		Example: `  accord serve
  accord serve --store postgres://accord@db/accord --listen 0.0.0.0:8081 \
    --users users.yaml --tls-cert accord.pem --tls-key accord.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			insecure, _ := cmd.Flags().GetBool("insecure")
			if cacheBytes < 1 {
				return exit(exitUsage, fmt.Errorf("--cache-bytes %d: want at least 1", cacheBytes))
			}
			log := newLog(std.err)
			certificates, err := secure.config(log)
			if err != nil {
				return err
			}
			access, err := signIn.access(log, secure.clientCA != "")
			if err != nil {
				return err
			}
			role, err := openRegistry(cmd.Context(), registryOptions{
				store: store, direct: direct, migrate: migrate, defaultJSON: defaultJSON, cacheBytes: cacheBytes, log: log, access: access,
				insecure: insecure && !isLoopback(address) && !signIn.on(secure.clientCA != ""),
			})
			if err != nil {
				return err
			}
			defer role.close()
			signed := signIn.on(secure.clientCA != "")
			if !signed {
				if signed, err = role.registry.TokensThere(cmd.Context()); err != nil {
					return exit(exitUnavailable, err)
				}
			}
			l, err := listen("listen", address, insecure || signed)
			if err != nil {
				return err
			}
			defer l.Close()
			if !signed && !isLoopback(address) {
				log.Warn("nobody has to sign in, and the address is reachable from other machines", "address", l.Addr().String())
			}
			log.Info("serving", "address", l.Addr().String(), "store", masked(store), "tls", certificates != nil, "sign_in", signed)
			g := newGroup(cmd.Context())
			g.run(role.registry.Run)
			g.run(func(ctx context.Context) error {
				return serveHTTP(ctx, secured(l, certificates), role.handler, role.drain)
			})
			return g.wait()
		},
	}
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:8081", "address of APIs and site")
	cmd.Flags().StringVar(&store, "store", "sqlite:accord.db", "where everything is kept: sqlite:FILE or postgres://…")
	cmd.Flags().StringVar(&direct, "store-direct", "", "postgres://… past a pooler, to hear of changes; needed where --store goes through one that lends connections by the transaction")
	cmd.Flags().StringVar(&migrate, "migrate", "on", "bring the store's tables up to date at start: on, or off, to leave that to 'accord migrate'")
	cmd.Flags().BoolVar(&defaultJSON, "default-json", false, "read a registration without schemaType as JSON, for people with curl")
	cmd.Flags().IntVar(&cacheBytes, "cache-bytes", catalog.AnswerCacheBytes, "how much memory schemas, answers and lists may take that were read before; compiled schemas have a bound of their own")
	secure.add(cmd)
	signIn.add(cmd)
	roleFlags(cmd)
	return cmd
}

type registryOptions struct {
	store       string
	direct      string // --store-direct
	migrate     string // --migrate; "" = on
	defaultJSON bool
	cacheBytes  int    // --cache-bytes; 0 = AnswerCacheBytes
	cluster     string // Kafka cluster id, "" = unknown
	log         *slog.Logger
	metrics     *prometheus.Registry // nil: one of its own
	access      api.Access
	insecure    bool // /readyz warns that anybody may do everything
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
	store, err := openStore(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.metrics == nil {
		o.metrics = newMetrics()
	}
	registry := catalog.New(store, catalog.Options{Log: o.log, AnswerCacheBytes: o.cacheBytes})
	version, commit := buildVersion()
	apis := api.New(api.Config{
		Registry: registry, Version: version, Commit: commit, KafkaCluster: o.cluster,
		DefaultJSON: o.defaultJSON, Metrics: o.metrics, Log: o.log,
		Access: o.access, Insecure: o.insecure,
	})
	o.metrics.MustRegister(apis.Collectors()...)
	o.metrics.MustRegister(registry.Collectors()...)
	site, err := web.New(web.Config{
		Registry: registry, Operations: apis.Operations(), NotFound: apis.NotFound(), Admit: apis.Admit,
		Login: o.access.Login, Passwords: o.access.Keys || o.access.Users != nil, Log: o.log,
	})
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
func openStore(ctx context.Context, o registryOptions) (catalog.Store, error) {
	var store catalog.Store
	var err error
	file, isFile := strings.CutPrefix(o.store, "sqlite:")
	switch {
	case o.migrate != "" && o.migrate != "on" && o.migrate != "off":
		return nil, exit(exitUsage, fmt.Errorf("--migrate %s: want on or off", o.migrate))
	case isFile && o.direct != "":
		return nil, exit(exitUsage, errors.New("--store-direct is for postgres:// stores: a SQLite file is opened by this process alone"))
	case isFile:
		store, err = sqlite.Options{KeepTables: o.migrate == "off"}.Open(ctx, file)
	case isPostgres(o.store) && (o.direct == "" || isPostgres(o.direct)):
		store, err = postgres.Options{Direct: o.direct, KeepTables: o.migrate == "off"}.Open(ctx, o.store)
	case isPostgres(o.store):
		return nil, exit(exitUsage, fmt.Errorf("--store-direct %s: want postgres://USER@HOST/DATABASE", masked(o.direct)))
	default:
		return nil, wrongStore(o.store)
	}
	if err != nil {
		return nil, exit(exitUnavailable, fmt.Errorf("open store %s: %w", masked(o.store), err))
	}
	return store, nil
}

func isPostgres(store string) bool {
	return strings.HasPrefix(store, "postgres://") || strings.HasPrefix(store, "postgresql://")
}

func wrongStore(name string) error {
	return exit(exitUsage, fmt.Errorf("--store %s: want sqlite:FILE or postgres://USER@HOST/DATABASE", masked(name)))
}

// newMetrics is a registry with what every role tells about its process.
func newMetrics() *prometheus.Registry {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return metrics
}
