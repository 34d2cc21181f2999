package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// counter counts the statements that a pool sends.
type counter struct{ n atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestListsAskAFixedNumberOfQueries: a page of subjects costs as many statements as one subject, whatever it brings
// along.
func TestListsAskAFixedNumberOfQueries(t *testing.T) {
	server := os.Getenv("ACCORD_TEST_POSTGRES")
	if server == "" {
		const missing = "left out: PostgreSQL (ACCORD_TEST_POSTGRES)"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	ctx := t.Context()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("accord_queries_%d", os.Getpid())
	admin, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		admin.Close(context.Background())
	})
	u.Path = "/" + name
	config, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		t.Fatal(err)
	}
	var sent counter
	config.ConnConfig.Tracer = &sent
	if err := migrate(ctx, config.ConnConfig, false); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{pool: &line{Pool: pool, conns: map[*lineConn]struct{}{}}}
	t.Cleanup(func() { s.Close() })
	all := catalog.Query{Expand: catalog.ExpandVersions | catalog.ExpandLatest | catalog.ExpandPolicies | catalog.ExpandUsage}
	cost := map[int]int64{}
	for _, upTo := range []int{1, 60} {
		for i := len(cost); i < upTo; i++ {
			schema := catalog.Schema{Text: fmt.Sprintf(`{"n":%d}`, i)}
			schema.GUID = schema.GUIDOf()
			if _, _, err := s.Append(ctx, catalog.Name{Subject: fmt.Sprintf("s%d", i)}, catalog.Head{}, catalog.Version{Schema: schema, Lens: &catalog.StoredLens{Lens: json.RawMessage(`{}`), Rev: 1}}); err != nil {
				t.Fatal(err)
			}
		}
		before := sent.n.Load()
		page, err := s.Subjects(ctx, all)
		if err != nil || len(page) != upTo {
			t.Fatalf("Subjects = %d of them, %v, want %d", len(page), err, upTo)
		}
		cost[upTo] = sent.n.Load() - before
	}
	if cost[1] != cost[60] || cost[1] == 0 || cost[1] > 8 {
		t.Errorf("statements of a page = %v, want as many for 60 subjects as for one, and at most 8", cost)
	}
}
