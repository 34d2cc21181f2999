package orders_test

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/orders"
	"github.com/accordhq/accord/orders/event"
)

// need returns an environment variable that names a real part, or leaves the test out.
func need(t *testing.T, variable, part string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		left := "left out: " + part + " (" + variable + ")"
		if os.Getenv("CI") == "true" {
			t.Fatal(left)
		}
		t.Skip(left)
	}
	return value
}

// database makes a PostgreSQL database for one test.
func database(t *testing.T) string {
	t.Helper()
	base := need(t, "ACCORD_TEST_POSTGRES", "PostgreSQL")
	db, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("orders_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		db.Close()
	})
	return base[:strings.LastIndex(base, "/")+1] + name
}

// Real time, real sockets, PostgreSQL, and two instances of everything, one of which stops in the middle.
func TestTwoInstancesOverPostgreSQL(t *testing.T) {
	store := database(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	twoInstances(t, store, cluster.ListenAddrs())
}

// The same over Apache Kafka, on topics of its own making.
func TestTwoInstancesOverPostgreSQLAndApacheKafka(t *testing.T) {
	brokers := strings.Split(need(t, "ACCORD_TEST_BOOTSTRAP", "Apache Kafka"), ",")
	store := database(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	var topics []string
	for _, k := range event.Kinds() {
		topics = append(topics, k.Topic)
	}
	drop := func() {
		if _, err := admin.DeleteTopics(t.Context(), topics...); err != nil {
			t.Fatal(err)
		}
	}
	drop() // what an earlier run left belongs to a database that is gone
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		left, err := admin.ListTopics(t.Context(), topics...)
		left.FilterInternal()
		there := 0
		left.EachPartition(func(kadm.PartitionDetail) { there++ })
		if err == nil && there == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("topics are still there: %v", left.Names())
		}
	}
	twoInstances(t, store, brokers)
}

func twoInstances(t *testing.T, store string, brokers []string) {
	t.Helper()
	sims := orders.Simulators{Seed: 3, PaymentDeclined: 0.2, AnswerLost: 0.2, CarrierRefused: 0.1}
	first := newShop(t, orders.Config{Store: store, Brokers: brokers, CreateTopics: true, Simulators: sims})
	first.start()
	second := newShop(t, orders.Config{Store: store, Brokers: brokers, CreateTopics: true, Simulators: sims})
	second.start()
	const n = 30
	for i := range n {
		s := first
		if i%2 == 1 || i > n/2 {
			s = second
		}
		id := s.place(fmt.Sprintf(`{"sku":"PROD-10%d","quantity":%d}`, 1+i%5, 1+i%3))
		if i%7 == 0 {
			s.cancel(id)
		}
		if i == n/2 {
			first.stop()
		}
	}
	second.rest(2*time.Minute, 200*time.Millisecond)
	second.stop()
}
