package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/postgres"
	"github.com/accordhq/accord/catalog/storetest"
	"github.com/jackc/pgx/v5"
)

// database makes a database for one test and returns its URL; the test is left out without a server.
func database(t *testing.T) string {
	t.Helper()
	server := os.Getenv("ACCORD_TEST_POSTGRES")
	if server == "" {
		const missing = "left out: PostgreSQL (ACCORD_TEST_POSTGRES)"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("accord_store_%d", os.Getpid())
	exec := func(query string) {
		t.Helper()
		conn, err := pgx.Connect(context.Background(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)")
	exec("CREATE DATABASE " + name)
	t.Cleanup(func() { exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

// open opens an empty store in a database that may have been used before.
func open(t *testing.T, url string) *postgres.Store {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "DROP SCHEMA IF EXISTS accord CASCADE"); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	url := database(t)
	storetest.Run(t, func(t *testing.T) catalog.Store { return open(t, url) })
}

func TestMigrationNumbers(t *testing.T) { storetest.Migrations(t, os.DirFS("migration")) }
