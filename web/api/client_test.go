package api_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
)

// The registry client of franz-go, as it is used by people who know nothing of this registry.
func TestFranzGoClient(t *testing.T) {
	for name, c := range map[string]struct {
		subject string
		options []sr.ClientOpt
	}{
		"plain":   {subject: "orders-value"},
		"slash":   {subject: "a/b c"},
		"context": {subject: "orders-value", options: []sr.ClientOpt{sr.DefaultSchemaContext(".team")}},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := sr.NewClient(append(c.options, sr.URLs("http://"+serve(t)))...)
			if err != nil {
				t.Fatal(err)
			}
			drive(t, client, c.subject)
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
