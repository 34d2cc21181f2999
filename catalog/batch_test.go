package catalog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/accordhq/accord/catalog"
)

func checkFiles(t *testing.T, r *catalog.Registry, level catalog.Level, files ...catalog.CheckFile) []catalog.Checked {
	t.Helper()
	got, _, err := r.CheckFiles(t.Context(), files, level)
	if err != nil || len(got) != len(files) {
		t.Fatalf("CheckFiles = %+v, %v", got, err)
	}
	return got
}

func file(name, text string, refs ...catalog.Reference) catalog.CheckFile {
	return catalog.CheckFile{Name: subject(name), Registration: catalog.Registration{Text: text, References: refs}}
}

func TestCheckFilesReferToEachOther(t *testing.T) {
	r := newRegistry(t)
	register(t, r, subject("money"), catalog.Registration{Text: `{"type":"object"}`})
	money := func(version int) catalog.Reference {
		return catalog.Reference{Name: "money.json", Subject: "money", Version: version}
	}
	// The referrers come first, and each needs what is not there yet.
	got := checkFiles(t, r, "",
		file("order", `{"type":"object","properties":{"total":{"$ref":"money.json"}}}`, money(2)),
		file("bill", `{"type":"object","properties":{"total":{"$ref":"money.json"}}}`, money(catalog.Latest)),
		file("old", `{"$ref":"money.json"}`, money(1)),
		file("chain", `{"$ref":"o"}`, catalog.Reference{Name: "o", Subject: "order", Version: 1}, money(2)),
		file("money", `{"type":"object","properties":{"amount":{"type":"integer"}}}`),
		file("money", `{"type":"object","properties":{"amount":{"type":"number"}}}`),
		file("money", `{"type":"object"}`),
		file("lost", `{"$ref":"x"}`, catalog.Reference{Name: "x", Subject: "nothing", Version: 1}),
		file("far", `{"$ref":"money.json"}`, money(9)),
	)
	for i, want := range []int{1, 1, 1, 1, 2, 3, 1} {
		if got[i].Err != nil || got[i].Number != want {
			t.Errorf("file %d: number %d, %v, want %d", i, got[i].Number, got[i].Err, want)
		}
	}
	if !got[6].Same {
		t.Errorf("what is registered = %+v, want it to be the same", got[6])
	}
	if got[4].Passes || got[4].Report.Against[0].Number != 1 {
		t.Errorf("money 2 = %+v, want it refused by version 1: its amount may be anything", got[4].Report)
	}
	if !got[5].Passes || got[5].Report.Against[0].Number != 2 {
		t.Errorf("money 3 = %+v, want it judged against the file before it", got[5].Report)
	}
	for _, i := range []int{7, 8} {
		wantErr(t, fmt.Sprintf("file %d, whose reference leads nowhere", i), got[i].Err, catalog.ReferenceNotFound)
	}
	if all, err := r.Versions(t.Context(), subject("money"), catalog.WithDeleted); err != nil || len(all) != 1 {
		t.Errorf("after a check: %+v, %v, want nothing stored", all, err)
	}
	_, err := r.Version(t.Context(), subject("order"), catalog.Latest, catalog.WithDeleted)
	wantErr(t, "Version of what was only checked", err, catalog.SubjectNotFound)

	// A reference of the batch decides like a registered one.
	got = checkFiles(t, r, "",
		file("order", `{"$ref":"money.json"}`, money(2)), file("order", `{"$ref":"money.json"}`, money(3)),
		file("money", `{"type":"object","required":["amount"],"properties":{"amount":{"type":"integer"}}}`), file("money", `{"type":"object","required":["amount","currency"]}`))
	if got[0].Err != nil || got[1].Err != nil || got[1].Passes || !strings.Contains(got[1].Summary(), "currency") {
		t.Errorf("order 2 = %+v, %v, want it refused because money 3 asks for more than money 2", got[1].Report, got[1].Err)
	}
}

func TestCheckFilesInACircle(t *testing.T) {
	r := newRegistry(t)
	got := checkFiles(t, r, "",
		file("a", `{"$ref":"b"}`, catalog.Reference{Name: "b", Subject: "b", Version: 1}),
		file("b", `{"$ref":"a"}`, catalog.Reference{Name: "a", Subject: "a", Version: catalog.Latest}),
		file("c", `true`))
	for i := range 2 {
		if !errors.Is(got[i].Err, catalog.InvalidSchema) || !strings.Contains(got[i].Err.Error(), "circle") {
			t.Errorf("file %d = %v, want a circle", i, got[i].Err)
		}
	}
	if got[2].Err != nil || !got[2].Passes {
		t.Errorf("a file beside the circle = %+v", got[2])
	}
}

func TestCheckFilesWithLensAndLevel(t *testing.T) {
	r := newRegistry(t)
	register(t, r, subject("a"), catalog.Registration{Text: `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"additionalProperties":false}`})
	renamed := file("a", `{"type":"object","properties":{"y":{"type":"string"}},"required":["y"],"additionalProperties":false}`)
	renamed.Lens = []byte(`{"apiVersion":"accord/v1","kind":"Lens","ops":[{"op":"rename","from":"/x","to":"/y"}]}`)
	again := file("a", `{"type":"object","properties":{"z":{"type":"string"}},"required":["z"],"additionalProperties":false}`)
	again.Lens = []byte(`{"apiVersion":"accord/v1","kind":"Lens","ops":[{"op":"rename","from":"/y","to":"/z"}]}`)
	if got := checkFiles(t, r, "", renamed); got[0].Passes || got[0].Level != catalog.Backward {
		t.Errorf("without a level that takes lenses: %+v", got[0].Judgement)
	}
	got := checkFiles(t, r, catalog.UpcastableTransitive, renamed, again)
	if !got[0].Passes || !got[1].Passes || got[1].Number != 3 || len(got[1].Carried) != 2 {
		t.Errorf("renamed twice = %+v, %v, %+v, %v", got[0].Judgement, got[0].Err, got[1].Judgement, got[1].Err)
	}
	if c, err := r.Config(t.Context(), subject("a"), true); err != nil || c.Compatibility != catalog.Backward {
		t.Errorf("level after a check = %+v, %v", c, err)
	}
	wrong := renamed
	wrong.Lens = []byte(`{"apiVersion":"accord/v1","kind":"Lens","ops":[{"op":"rename","from":"/x","to":"/q"}]}`)
	if _, ok := errors.AsType[*catalog.RefutedLens](checkFiles(t, r, "", wrong)[0].Err); !ok {
		t.Error("a lens that does not hold is let through")
	}
	_, _, err := r.CheckFiles(t.Context(), nil, "SOMETIMES")
	wantErr(t, "CheckFiles at no level", err, catalog.InvalidCompatibility)
}

// TestCheckFilesSaysWhomItHurts: declared readers are judged, also against a file of the same change; those that were
// only seen are named.
func TestCheckFilesSaysWhomItHurts(t *testing.T) {
	r, ctx := newRegistry(t), t.Context()
	register(t, r, subject("a"), catalog.Registration{Text: `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"additionalProperties":false}`})
	for name, decode := range map[string]string{"raw": "raw", "lenses": "lens"} {
		doc := `{"apiVersion":"accord/v1","kind":"Service","name":"` + name + `","consumerGroups":["` + name + `-group"],"receives":[{"event":"a","version":1,"reads":["/x"],"decode":"` + decode + `"}]}`
		if _, err := r.PutDocument(ctx, catalog.KindService, name, []byte(doc), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.ReportPins(ctx, []catalog.Pin{{Group: "raw-group", Subject: "a", Version: 1}, {Group: "stranger", Client: "c1", Subject: "a", Version: 1}, {Group: "stranger", Client: "c2", Subject: "a", Version: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	renamed := file("a", `{"type":"object","properties":{"y":{"type":"string"}},"required":["y"],"additionalProperties":false}`)
	renamed.Lens = []byte(`{"apiVersion":"accord/v1","kind":"Lens","ops":[{"op":"rename","from":"/x","to":"/y"}]}`)
	title := file("a", `{"type":"object","title":"t","properties":{"y":{"type":"string"}},"required":["y"],"additionalProperties":false}`)
	for i, got := range checkFiles(t, r, catalog.Upcastable, renamed, title) {
		effects := map[string]catalog.Effect{}
		for _, c := range got.Impact.Consumers {
			effects[c.Service] = c.Effect
		}
		if got.Impact.Breaks != 1 || effects["raw"] != catalog.Breaks || effects["lenses"] != catalog.Carried || got.Impact.Version != 2+i {
			t.Errorf("file %d: %s: %v", i, got.Impact.Sentence(), effects)
		}
		if len(got.Strangers) != 1 || got.Strangers[0].Name != "stranger" || got.Strangers[0].Source != catalog.UserPinned {
			t.Errorf("file %d: strangers %+v", i, got.Strangers)
		}
	}
}
