package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/accordhq/accord/catalog"
)

// How /readyz asks the store: it waits so long for the answer, and asks so often at most.
const (
	ReadyTimeout = time.Second
	ReadyEvery   = 100 * time.Millisecond
)

// meBody is the caller.
type meBody struct {
	User   string      `json:"user" example:"anonymous"`
	Grants []grantBody `json:"grants"`
}

// grantBody is a role and where it holds.
type grantBody struct {
	Role     string `json:"role" example:"admin"`
	Context  string `json:"context" example:"*"`
	Subjects string `json:"subjects" example:"*"`
	Topics   string `json:"topics" example:"*"`
}

// grantsOf shows grants, never null.
func grantsOf(grants []catalog.Grant) []grantBody {
	list := []grantBody{}
	for _, g := range grants {
		list = append(list, grantBody{g.Role.String(), catalog.Name{Context: g.Context}.ContextName(), g.Subjects, g.Topics})
	}
	return list
}

// healthBody says that the process lives.
type healthBody struct {
	Status string `json:"status" example:"ok"`
}

// readyBody says how the registry stands.
type readyBody struct {
	Store      string      `json:"store" doc:"ok: it was read and written within a second; else unreachable" example:"ok"`
	Migrations string      `json:"migrations" doc:"ok; ahead: of a newer release, which only adds; behind: not done; unknown" example:"ok"`
	Cache      string      `json:"cache" doc:"live while changes are heard; pass-through while each read goes to the store" example:"live"`
	Deaf       string      `json:"deaf,omitempty" doc:"How long nobody has told of changes, while that is so" example:"2.5s"`
	Revision   catalog.Rev `json:"revision" example:"42"`
	Draining   bool        `json:"draining,omitempty" doc:"The process is about to end."`
	Warning    string      `json:"warning,omitempty" doc:"What an operator ought to know."`
}

// programBody is the program.
type programBody struct {
	Version string `json:"version" example:"1.0.0"`
	Commit  string `json:"commit,omitempty" example:"3f2a9c1"`
}

// nativeProcess serves what an operator asks.
func (a *API) nativeProcess() {
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/me", id: "getMe", needs: whoever, tag: tagProcess, summary: "Tell who asks and what that user may do",
		answer: `{"user":"anonymous","grants":[{"role":"admin","context":"*","subjects":"*","topics":"*"}]}`,
	}, func(ctx context.Context, _ *none, _ *none) (meBody, error) {
		who := CallerOf(ctx)
		return meBody{who.User, grantsOf(who.Grants)}, nil
	})
	add(a, route{
		native: true, always: true, method: http.MethodGet, path: "/healthz", id: "getHealth", needs: anyone, tag: tagProcess, summary: "Say that the process lives", answer: `{"status":"ok"}`,
	}, func(context.Context, *none, *none) (healthBody, error) { return healthBody{"ok"}, nil })
	add(a, route{
		native: true, always: true, method: http.MethodGet, path: "/readyz", id: "getReady", needs: anyone, tag: tagProcess, summary: "Say whether the registry can serve",
		answer: `{"store":"ok","migrations":"ok","cache":"live","revision":42}`, codes: []int{codeStore},
	}, a.getReady)
	add(a, route{
		native: true, always: true, method: http.MethodGet, path: "/version", id: "getProgram", needs: anyone, tag: tagProcess, summary: "Tell the version of the program",
		answer: `{"version":"1.0.0","commit":"3f2a9c1"}`,
	}, func(context.Context, *none, *none) (programBody, error) {
		return programBody{a.config.Version, a.config.commit()}, nil
	})
	add(a, route{
		native: true, always: true, method: http.MethodGet, path: "/openapi.json", id: "getOpenAPI", needs: somewhere(catalog.Reader), tag: tagProcess, summary: "Read the OpenAPI 3.1 document of this API",
		answer: `{"openapi":"3.1.0"}`,
	}, func(context.Context, *none, *none) (json.RawMessage, error) { return a.document() })
	if a.config.Metrics != nil {
		a.mount(route{
			native: true, always: true, method: http.MethodGet, path: "/metrics", id: "getMetrics", needs: somewhere(catalog.Reader), tag: tagProcess, summary: "Read the metrics of the process, as Prometheus does",
			answer: "accord_api_requests_total{code=\"200\",route=\"GET /subjects\"} 3", produces: "text/plain", status: http.StatusOK,
		}, promhttp.HandlerFor(a.config.Metrics, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelError)}))
	}
}

// prober finds out how the store stands, once for all who ask within ReadyEvery: whoever may ask for /readyz may ask
// as often as he likes, and each answer costs the store a write.
type prober struct {
	mu     sync.Mutex
	at     time.Time // guarded by mu, as all below
	health catalog.Health
	err    error
}

func (p *prober) ask(ctx context.Context, r *catalog.Registry) (catalog.Health, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() || time.Since(p.at) >= ReadyEvery {
		// Whoever asks first may go away: the answer is for all.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ReadyTimeout)
		defer cancel()
		p.health, p.err = r.Probe(ctx)
		p.at = time.Now()
	}
	return p.health, p.err
}

func (a *API) getReady(ctx context.Context, _ *none, _ *none) (readyBody, error) {
	status := a.registry.Status()
	ready := readyBody{Store: "ok", Migrations: "ok", Draining: a.serving.Err() != nil, Cache: "pass-through", Revision: status.Revision}
	if status.Listening {
		ready.Cache = "live"
	}
	if status.Deaf > 0 {
		ready.Deaf = status.Deaf.Round(time.Millisecond).String()
	}
	if on, err := a.required(ctx); a.config.Insecure && err == nil && !on {
		ready.Warning = "nobody has to sign in, and other machines reach this address (--insecure)"
	}
	health, err := a.prober.ask(ctx, a.registry)
	switch {
	case err != nil:
		a.log.Warn("the store does not answer", "err", err)
		ready.Store, ready.Migrations = "unreachable", "unknown"
	case health.Applied > health.Known:
		ready.Migrations = "ahead"
	case health.Applied < health.Known:
		ready.Migrations = "behind"
	}
	ready.Revision = max(ready.Revision, health.Revision)
	return ready, nil
}

// status is 503 where the registry cannot serve.
func (b readyBody) status() int {
	if b.Store != "ok" || b.Migrations == "behind" || b.Draining {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}
