package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// TestNothingLeaks plays every operation that reads, and some that do not, as somebody who may read one team's subjects,
// and looks for the other teams' in the answers.
func TestNothingLeaks(t *testing.T) {
	address, registry := guarded(t)
	root := "Bearer " + key(t, registry, "root", all(catalog.Admin))
	const kind = "Content-Type"
	do := func(method, path, body string) string {
		t.Helper()
		status, answer, _ := signed(t, method, address+path, root, body, kind, "application/json")
		if status >= 300 {
			t.Fatalf("%s %s = %d %s", method, path, status, answer)
		}
		return answer
	}
	register := func(subject, more string) {
		t.Helper()
		do("POST", "/subjects/"+subject+"/versions", `{"schemaType":"JSON","schema":"{\"type\":\"object\",\"title\":\"text of `+subject+`\"}"`+more+`}`)
	}
	register("payments.Hidden", "")
	register("orders.OrderPlaced", "")
	register(":.secret:elsewhere.Hidden", "")
	register("payments.Hidden2", `,"references":[{"name":"x","subject":"orders.OrderPlaced","version":1}]`)
	do("PUT", "/config/payments.Hidden", `{"compatibility":"NONE"}`)
	register("payments.Target", "")
	do("PUT", "/config/orders.Alias", `{"alias":"payments.Target"}`)
	do("PUT", "/v1/documents/Event/payments.Hidden", `{"apiVersion":"accord/v1","kind":"Event","name":"payments.Hidden","title":"Hidden"}`)
	do("POST", "/v1/usage", `{"instance":"p1","seq":1,"seen":[{"role":"write","service":"s","topic":"t","subject":"payments.Hidden","version":1,"records":10},{"role":"write","service":"s","topic":"t","subject":"orders.OrderPlaced","version":1,"records":7}]}`)
	do("POST", "/v1/rejections", `{"instance":"p1","seq":1,"rejected":[{"id":"5c1f","subject":"payments.Hidden","version":1,"topic":"t","address":"/total","keyword":"minimum","reason":"r","records":2,"collateral":0}]}`)
	do("POST", "/v1/readers", `{"readers":[{"group":"g","client":"c","subject":"payments.Hidden","version":1}]}`)
	do("POST", "/v1/audit", `{"op":"redrive","topic":"Hidden.dlq","count":1,"reason":"r"}`)

	grant := catalog.Grant{Role: catalog.Developer, Context: ".", Subjects: "orders.*", Topics: "orders"}
	team := "Bearer " + key(t, registry, "team", grant)
	leaks := func(what, answer string) {
		t.Helper()
		if strings.Contains(answer, "Hidden") || strings.Contains(answer, "secret") {
			t.Errorf("%s tells of another team: %.400s", what, answer)
		}
	}
	a := api.New(api.Config{Registry: registry, Access: api.Access{Keys: true}})
	for _, o := range a.Operations() {
		if o.Method != http.MethodGet || o.ID == "getOpenAPI" {
			continue
		}
		path, _ := example(o)
		for _, more := range []string{"", "?deleted=true", "?limit=1", "?subjectPrefix=:*:&fetchMaxId=true", "?expand=latest,config,versions,usage", "?kind=Event&prefix=p&samples=true"} {
			_, answer, header := signed(t, o.Method, address+path+more, team, "")
			leaks(o.Method+" "+path+more, answer+header.Get("ETag"))
		}
	}
	_, lines, _ := signed(t, "GET", address+"/v1/audit", team, "", "Accept", "application/x-ndjson")
	if leaks("lines of the audit", lines); !strings.Contains(lines, "orders.OrderPlaced") {
		t.Errorf("lines of the audit: %s", lines)
	}
	_, hidden, _ := signed(t, "GET", address+"/subjects/payments.Hidden/versions/1", root, "")
	_, known, _ := signed(t, "GET", address+"/subjects/orders.OrderPlaced/versions/1", root, "")
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/subjects/orders.OrderPlaced/versions/1", "", 200},
		{"GET", "/schemas/ids/" + idOf(t, known), "", 200},
		{"GET", "/schemas/ids/" + idOf(t, known) + "/schema", "", 200},
		{"GET", "/schemas/ids/" + idOf(t, hidden), "", 404},
		{"GET", "/schemas/ids/" + idOf(t, hidden) + "/schema", "", 404},
		{"GET", "/schemas/ids/" + idOf(t, hidden) + "/subjects", "", 404},
		{"GET", "/schemas/ids/" + idOf(t, hidden) + "/versions", "", 404},
		{"GET", "/contexts/.secret/schemas/ids/1", "", 404},
		{"GET", "/subjects/payments.Hidden/versions", "", 403},
		{"GET", "/subjects/orders.Alias/versions/1", "", 403},
		{"GET", "/v1/bundle?subject=orders.OrderPlaced@1", "", 200},
		{"GET", "/v1/bundle?subject=orders.OrderPlaced&subject=payments.Hidden", "", 403},
		{"GET", "/v1/bundle?subject=orders.Alias", "", 403},
		{"GET", "/v1/bundle?subject=payments.NotThere", "", 403},
		{"POST", "/subjects/orders.Alias/versions", `{"schemaType":"JSON","schema":"{}"}`, 403},
		{"DELETE", "/subjects/orders.Alias", "", 403},
		{"GET", "/contexts/.secret/subjects/orders.OrderPlaced/versions", "", 403},
		{"GET", "/subjects/:.secret:orders.OrderPlaced/versions", "", 403},
		{"POST", "/subjects/orders.New/versions", `{"schemaType":"JSON","schema":"{\"$ref\":\"x\"}","references":[{"name":"x","subject":"payments.Hidden","version":1}]}`, 422},
		{"POST", "/subjects/orders.New/versions?force=true", `{"schemaType":"JSON","schema":"{}"}`, 403},
		{"POST", "/subjects/orders.New/versions", `{"schemaType":"JSON","schema":"{}","id":900}`, 403},
		{"POST", "/v1/subjects/orders.OrderPlaced/delete", `{"versions":[1],"permanent":true}`, 403},
		{"PUT", "/v1/documents/Event/payments.Hidden", `{"apiVersion":"accord/v1","kind":"Event","name":"payments.Hidden"}`, 403},
		{"DELETE", "/v1/documents/Event/payments.Hidden", "", 403},
		{"GET", "/v1/documents/Event/payments.Hidden", "", 404},
		{"PUT", "/v1/documents/Service/payments", `{"apiVersion":"accord/v1","kind":"Service","name":"payments"}`, 403},
		{"PUT", "/v1/documents/Service/orders", `{"apiVersion":"accord/v1","kind":"Service","name":"orders"}`, 200},
		{"PUT", "/v1/documents/Event/orders.OrderPlaced", `{"apiVersion":"accord/v1","kind":"Event","name":"orders.OrderPlaced"}`, 200},
		{"PUT", "/config", `{"compatibility":"NONE"}`, 403},
		{"PUT", "/config/:.:", `{"compatibility":"NONE"}`, 403},
		{"PUT", "/config/:.__GLOBAL:", `{"compatibility":"NONE"}`, 403},
		{"PUT", "/config/orders.OrderPlaced", `{"compatibility":"FULL"}`, 200},
	} {
		if status, answer, _ := signed(t, c.method, address+c.path, team, c.body, kind, "application/json"); status != c.want {
			t.Errorf("%s %s = %d %s, want %d", c.method, c.path, status, answer, c.want)
		}
	}
	if _, answer, _ := signed(t, "POST", address+"/v1/audit", team, `{"op":"redrive","topic":"orders","count":1}`); !strings.Contains(answer, `"error_code":403`) {
		t.Errorf("a developer notes a redrive: %s", answer)
	}
}

// idOf is the id of a version's answer.
func idOf(t *testing.T, answer string) string {
	t.Helper()
	_, rest, ok := strings.Cut(answer, `"id":`)
	id, _, _ := strings.Cut(rest, ",")
	if !ok {
		t.Fatalf("no id in %s", answer)
	}
	return id
}

// TestAuditIsFiltered by subject, user, kind and time, and says whether it is whole.
func TestAuditIsFiltered(t *testing.T) {
	address, registry := guarded(t)
	root := "Bearer " + key(t, registry, "root", all(catalog.Admin))
	for _, subject := range []string{"a", "b"} {
		if status, answer, _ := signed(t, "PUT", address+"/config/"+subject, root, `{"compatibility":"FULL"}`, "X-Accord-Reason", "because of "+subject); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	now := time.Now()
	if status, answer, _ := signed(t, "POST", address+"/v1/audit", root, `{"op":"discard","topic":"t","count":2}`); status != 422 {
		t.Errorf("a discard without a reason = %d %s", status, answer)
	}
	if status, answer, _ := signed(t, "POST", address+"/v1/audit", root, `{"op":"discard","topic":"t","group":"g","count":2,"reason":"poison"}`); status != 200 || answer != `{"rev":4}` {
		t.Errorf("a discard = %d %s", status, answer)
	}
	past, later := now.Add(-time.Hour).UTC().Format(time.RFC3339), now.Add(time.Hour).UTC().Format(time.RFC3339)
	for query, want := range map[string]int{
		"": 4, "subject=a": 1, "by=root": 3, "by=eve": 0, "op=config": 2, "op=token": 1, "after=2": 2, "limit=2": 2,
		"from=" + past: 4, "from=" + later: 0, "to=" + past: 0, "to=" + later: 4, "from=" + past + "&to=" + later + "&op=discard": 1,
	} {
		status, answer, _ := signed(t, "GET", address+"/v1/audit?"+query, root, "")
		if got := strings.Count(answer, `"rev":`); status != 200 || got != want {
			t.Errorf("audit?%s = %d, %d rows, want %d: %s", query, status, got, want, answer)
		}
		_, lines, _ := signed(t, "GET", address+"/v1/audit?"+query, root, "", "Accept", "application/x-ndjson")
		if got := strings.Count(lines, "\n"); got != want {
			t.Errorf("lines of audit?%s: %d, want %d", query, got, want)
		}
	}
	_, answer, _ := signed(t, "GET", address+"/v1/audit?op=discard", root, "")
	for _, part := range []string{`"by":"root"`, `"reason":"poison"`, `"after":{"topic":"t","group":"g","count":2}`, `"source":"127.0.0.1"`, `"hash":"`} {
		if !strings.Contains(answer, part) {
			t.Errorf("the row of the discard lacks %s: %s", part, answer)
		}
	}
	if status, answer, _ := signed(t, "GET", address+"/v1/audit/valid", root, ""); status != 200 || !strings.HasPrefix(answer, `{"valid":true,"rows":4,"rev":4,"hash":"`) {
		t.Errorf("valid = %d %s", status, answer)
	}
	if status, _, _ := signed(t, "GET", address+"/v1/audit?from=yesterday", root, ""); status != 400 {
		t.Errorf("from=yesterday = %d", status)
	}
}
