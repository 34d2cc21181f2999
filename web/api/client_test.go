package api_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

// The registry client of franz-go, as it is used by people who know nothing of this registry, over both stores.
func TestFranzGoClient(t *testing.T) {
	for name, c := range map[string]struct {
		subject string
		options []sr.ClientOpt
	}{
		"plain":   {subject: "orders-value"},
		"slash":   {subject: "a/b c"},
		"context": {subject: "orders-value", options: []sr.ClientOpt{sr.DefaultSchemaContext(".team")}},
	} {
		for _, b := range backends {
			t.Run(name+"/"+b.name, func(t *testing.T) {
				t.Parallel()
				client, err := sr.NewClient(append(c.options, sr.URLs("http://"+registryOn(t, b.open(t))))...)
				if err != nil {
					t.Fatal(err)
				}
				drive(t, client, c.subject)
			})
		}
	}
}

// What franz-go's Serde frames goes through the gate into a topic and comes back; what does not fit does not.
func TestFranzGoSerde(t *testing.T) {
	type order struct {
		ID string `json:"id"`
	}
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			registry, topic := "http://"+registryOn(t, b.open(t)), "franz-go-"+b.name+"-"+rand.Text()
			client, err := sr.NewClient(sr.URLs(registry))
			if err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			schema, err := client.CreateSchema(ctx, topic+"-value", sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"id":{"type":"string","minLength":1}},"required":["id"]}`})
			if err != nil {
				t.Fatal(err)
			}
			var serde sr.Serde
			serde.Register(schema.ID, order{}, sr.EncodeFn(json.Marshal), sr.DecodeFn(json.Unmarshal))
			kafka, err := kgo.NewClient(kgo.SeedBrokers(gate(t, brokersBeside(t, b), registry, topic)), kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			if err != nil {
				t.Fatal(err)
			}
			defer kafka.Close()
			send := func(o order) error {
				return kafka.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: serde.MustEncode(o)}).FirstErr()
			}
			if err := send(order{"o-1"}); err != nil {
				t.Fatalf("produce: %v", err)
			}
			if err := send(order{""}); !errors.Is(err, kerr.InvalidRecord) {
				t.Errorf("produce an invalid event = %v, want %v", err, kerr.InvalidRecord)
			}
			records := kafka.PollFetches(ctx).Records()
			if len(records) != 1 {
				t.Fatalf("read %d records, want 1", len(records))
			}
			var got order
			if err := serde.Decode(records[0].Value, &got); err != nil || got.ID != "o-1" {
				t.Errorf("Decode = %+v, %v", got, err)
			}
		})
	}
}

func drive(t *testing.T, client *sr.Client, subject string) {
	ctx := context.Background()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	v1 := sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"id":{"type":"string"}},"required":["id"],"additionalProperties":false}`}
	v2 := sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"id":{"type":"string"},"note":{"type":"string"}},"required":["id"],"additionalProperties":false}`}
	bad := sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","required":["email"]}`}

	types, err := client.SupportedTypes(ctx)
	must("SupportedTypes", err)
	if !slices.Equal(types, []sr.SchemaType{sr.TypeJSON}) {
		t.Errorf("SupportedTypes = %v", types)
	}
	first, err := client.CreateSchema(ctx, subject, v1)
	must("CreateSchema", err)
	second, err := client.CreateSchema(ctx, subject, v2)
	must("CreateSchema", err)
	if first.Version != 1 || second.Version != 2 || first.ID == second.ID {
		t.Errorf("CreateSchema = %d/%d, %d/%d", first.ID, first.Version, second.ID, second.Version)
	}
	again, err := client.CreateSchema(ctx, subject, v1)
	must("CreateSchema again", err)
	if again.ID != first.ID || again.Version != 1 {
		t.Errorf("CreateSchema again = %d/%d", again.ID, again.Version)
	}
	_, err = client.CreateSchema(ctx, subject, bad)
	if e, ok := errors.AsType[*sr.ResponseError](err); !ok || e.ErrorCode != 409 {
		t.Errorf("CreateSchema(incompatible) = %v, want 409", err)
	}
	found, err := client.LookupSchema(ctx, subject, v2)
	must("LookupSchema", err)
	if found.Version != 2 || found.Schema.Schema != v2.Schema {
		t.Errorf("LookupSchema = %+v", found)
	}
	versions, err := client.SchemaVersionsByID(ctx, second.ID)
	must("SchemaVersionsByID", err)
	if len(versions) != 1 || versions[0].Version != 2 {
		t.Errorf("SchemaVersionsByID = %+v", versions)
	}
	all, err := client.AllSchemas(ctx)
	must("AllSchemas", err)
	if len(all) != 2 {
		t.Errorf("AllSchemas = %+v", all)
	}
	referrer, err := client.CreateSchema(ctx, "referrer", sr.Schema{
		Type: sr.TypeJSON, Schema: `{"$ref":"first.json"}`, References: []sr.SchemaReference{{Name: "first.json", Subject: subject, Version: 1}},
	})
	must("CreateSchema(reference)", err)
	referrers, err := client.SchemaReferences(ctx, subject, 1)
	must("SchemaReferences", err)
	if len(referrers) != 1 || referrers[0].ID != referrer.ID {
		t.Errorf("SchemaReferences = %+v, want ID %d", referrers, referrer.ID)
	}
	_, err = client.DeleteSubject(ctx, subject, sr.SoftDelete)
	if e, ok := errors.AsType[*sr.ResponseError](err); !ok || e.ErrorCode != 42206 {
		t.Errorf("DeleteSubject(referenced) = %v, want 42206", err)
	}
	for _, how := range []sr.DeleteHow{sr.SoftDelete, sr.HardDelete} {
		_, err := client.DeleteSubject(ctx, "referrer", how)
		must("DeleteSubject(referrer)", err)
	}
	check, err := client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), subject, -1, bad)
	must("CheckCompatibility", err)
	if check.Is || len(check.Messages) != 4 {
		t.Errorf("CheckCompatibility = %+v", check)
	}
	latest, err := client.SchemaByVersion(ctx, subject, -1)
	must("SchemaByVersion", err)
	if latest.ID != second.ID {
		t.Errorf("SchemaByVersion = %+v", latest)
	}
	set := client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFull}, subject)
	must("SetCompatibility", set[0].Err)
	got := client.Compatibility(ctx, subject)
	if got[0].Err != nil || got[0].Level != sr.CompatFull {
		t.Errorf("Compatibility = %+v", got)
	}
	mode := client.SetMode(ctx, sr.ModeReadOnly, subject)
	must("SetMode", mode[0].Err)
	_, err = client.CreateSchema(ctx, subject, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"string"}`})
	if e, ok := errors.AsType[*sr.ResponseError](err); !ok || e.ErrorCode != 42205 {
		t.Errorf("CreateSchema(read-only) = %v, want 42205", err)
	}
	must("ResetMode", client.ResetMode(ctx, subject)[0].Err)
	if deleted, err := client.DeleteSubject(ctx, subject, sr.SoftDelete); err != nil || len(deleted) != 2 {
		t.Errorf("DeleteSubject = %v, %v", deleted, err)
	}
	if deleted, err := client.DeleteSubject(ctx, subject, sr.HardDelete); err != nil || len(deleted) != 2 {
		t.Errorf("DeleteSubject(hard) = %v, %v", deleted, err)
	}
	_, err = client.SubjectVersions(ctx, subject)
	if e, ok := errors.AsType[*sr.ResponseError](err); !ok || e.ErrorCode != 40401 {
		t.Errorf("SubjectVersions = %v, want 40401", err)
	}
}
