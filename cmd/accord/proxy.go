package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/proxy"
	"github.com/accordhq/accord/validator"
)

// proxyCommand runs the gate in front of Kafka.
func proxyCommand(std streams) *cobra.Command {
	var address, httpAddress, brokers, registry, advertise, sni, cacheDir, redactKeyFile, observe, samples, principals string
	var nodes int
	var maxStale days
	var secure tlsFlags
	cmd := &cobra.Command{
		Use:   "proxy",
		Short: "Run the gate in front of Kafka: an invalid event never reaches a topic",
		Long: `Runs the validating produce proxy in front of a Kafka cluster: the Kafka protocol on one listener
(and one port above it for each broker), the same gate over HTTP on another. Producers point here
instead of at the brokers; nothing else changes.`,
		Example: `  accord proxy --brokers kafka1:9092,kafka2:9092 --registry http://registry:8081 --cache-dir /var/lib/accord`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if brokers == "" {
				return exit(exitUsage, fmt.Errorf("--brokers is missing: name the cluster, as HOST:PORT,…"))
			}
			insecure, _ := cmd.Flags().GetBool("insecure")
			kafka, err := listen("listen", address, insecure)
			if err != nil {
				return err
			}
			defer kafka.Close()
			who, err := newCallers(registry, cacheDir)
			if err != nil {
				return err
			}
			web, err := listen("http", httpAddress, insecure || !isLoopback(httpAddress) && who.required(cmd.Context()))
			if err != nil {
				return err
			}
			defer web.Close()
			log := newLog(std.err)
			certificates, err := secure.config(log)
			if err != nil {
				return err
			}
			token := tokenOf(cmd.Context())
			options := []client.Option{client.WithNegativeTTL(validator.NegativeTTL), client.WithTokenFrom(token)}
			if cacheDir != "" {
				options = append(options, client.WithCacheDir(cacheDir))
			}
			source, err := client.Open(registry, options...)
			if err != nil {
				return exit(exitUsage, err)
			}
			defer source.Close()
			report, err := newReporter(registry, token)
			if err != nil {
				return err
			}
			audit, err := newAuditor(registry)
			if err != nil {
				return err
			}
			redactKey, err := readKey(redactKeyFile)
			if err != nil {
				return err
			}
			watched, err := observation(observe, samples, principals)
			if err != nil {
				return err
			}
			server, err := proxy.New(proxy.Config{
				Brokers: strings.Split(brokers, ","), Schemas: source, Advertise: advertise,
				Nodes: proxy.NodeRange{Count: int32(nodes)}, MaxStale: time.Duration(maxStale), Report: report, Log: log,
				TLS: certificates, SNI: sni, Authenticate: who.identify, Audit: audit, RedactKey: redactKey, Observe: watched,
			})
			if err != nil {
				return exit(exitUsage, err)
			}
			limitMemory()
			log.Info("serving", "kafka", kafka.Addr().String(), "http", web.Addr().String(), "brokers", brokers, "registry", masked(registry))
			g := newGroup(cmd.Context())
			g.run(func(ctx context.Context) error { return server.Serve(ctx, kafka) })
			g.run(func(ctx context.Context) error {
				return serveHTTP(ctx, secured(web, certificates), server.Handler(), nil)
			})
			return g.wait()
		},
	}
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:9092", "address for Kafka clients; node n answers on its port + 1 + n")
	cmd.Flags().StringVar(&httpAddress, "http", "127.0.0.1:8082", "address for HTTP producers, health and metrics")
	cmd.Flags().StringVar(&brokers, "brokers", "", "the cluster behind it: HOST:PORT,…")
	cmd.Flags().StringVar(&registry, "registry", defaultRegistry, "URL of the registry")
	cmd.Flags().StringVar(&advertise, "advertise", "", "host told to clients (default: where their connection arrived)")
	cmd.Flags().StringVar(&sni, "sni", "", "with TLS: domain under which clients find bootstrap.DOMAIN and broker-N.DOMAIN, all on one port")
	cmd.Flags().StringVar(&cacheDir, "cache-dir", "", "folder that keeps what the registry answered, for a start while it is away")
	cmd.Flags().Var(&maxStale, "max-stale", "how old bindings may grow while the registry is away, such as 12h or 7d (default: however old)")
	cmd.Flags().StringVar(&redactKeyFile, "redact-key-file", "", "file whose bytes key the digests that stand for personal data where a schema says x-accord-redact: hash (default: it is masked)")
	cmd.Flags().StringVar(&observe, "observe", "all", "what is reported to the registry of what goes through: all or none")
	cmd.Flags().StringVar(&samples, "samples", "redacted", "refused events in reports: redacted or none")
	cmd.Flags().StringVar(&principals, "observe-principals", "plain", "principals in reports: plain or hash, keyed by --redact-key-file")
	cmd.Flags().IntVar(&nodes, "nodes", proxy.DefaultNodes, "how many node ports are bound at start")
	secure.add(cmd)
	roleFlags(cmd)
	return cmd
}

// limitMemory has the collector work harder before the process takes twice what the gate may hold of requests, unless the
// environment says otherwise (GOMEMLIMIT): without a limit it lets garbage grow to the size of what is in use.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(proxy.MaxInFlightBytes + proxy.MaxInFlightBytes/2)
	}
}

// observation is what the flags say about reports.
func observation(observe, samples, principals string) (o proxy.Observation, err error) {
	for _, f := range []struct {
		name, value, on, off string
		into                 *bool // whether it is off
	}{{"observe", observe, "all", "none", &o.Nothing}, {"samples", samples, "redacted", "none", &o.NoSamples}, {"observe-principals", principals, "plain", "hash", &o.HashPrincipals}} {
		if f.value != f.on && f.value != f.off {
			return o, exit(exitUsage, fmt.Errorf("--%s %s: want %s or %s", f.name, f.value, f.on, f.off))
		}
		*f.into = f.value == f.off
	}
	return o, nil
}

// readKey reads the key of digests; nil without a file.
func readKey(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, exit(exitUsage, fmt.Errorf("--redact-key-file: %w", err))
	}
	if key = bytes.TrimSpace(key); len(key) < minRedactKey {
		return nil, exit(exitUsage, fmt.Errorf("--redact-key-file %s: %d bytes, want at least %d", file, len(key), minRedactKey))
	}
	return key, nil
}

// minRedactKey is the shortest key that makes digests hard to guess.
const minRedactKey = 16

// newReporter sends what the gate observed to the registry.
func newReporter(registry string, token func() string) (func(context.Context, proxy.Report) error, error) {
	at, err := newRemote("registry", registry)
	if err != nil {
		return nil, err
	}
	at.token = token
	send := func(ctx context.Context, path string, body any) error {
		err := at.call(ctx, "POST", path, body, nil)
		if refused, ok := errors.AsType[*remoteError](err); ok && slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, refused.Status) {
			return fmt.Errorf("%s: %w", refused.Message, proxy.ErrReportRefused)
		}
		return err
	}
	return func(ctx context.Context, r proxy.Report) error {
		if r.Usage != nil {
			return send(ctx, "/v1/usage", r.Usage)
		}
		return send(ctx, "/v1/rejections", r.Rejections)
	}, nil
}
