package api_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// offTranscript are parts of the document that a transcript cannot show, and the test that holds them.
var offTranscript = map[string]string{
	"code 50001": "TestStoreAway",
	"code 50002": "TestRegisterDeadline",
	"code 429":   "TestMoreRequestsThanAreServedAtOnce",
	"code 401":   "TestSignIn",
	"code 403":   "TestEveryRouteAsksForItsRole",
}

// confluentPath are the paths that this registry shares with Confluent's, and ours what stands below them.
var (
	confluentPath = regexp.MustCompile(`^/(subjects|schemas|compatibility|config|mode|contexts|associations|v1/metadata)(/|$)`)
	ours          = regexp.MustCompile(`/(vectors|upcast|downcast)$`) // among them, and none of theirs
)

// TestTranscriptsShowTheConfluentAPI: each operation that clients of Confluent's registry know is played in a transcript
// with an answer that is a success, each of its query parameters is given at least once, and each error code is answered.
func TestTranscriptsShowTheConfluentAPI(t *testing.T) {
	files, err := filepath.Glob("testdata/http/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var played []exchange
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		played = append(played, parseTranscript(t, string(text))...)
	}
	var missing []string
	for _, o := range operations(t) {
		if !confluentPath.MatchString(o.path) || ours.MatchString(o.path) {
			continue
		}
		path := pathOf(o.path)
		what, succeeded, given := o.method+" "+o.path, false, map[string]bool{}
		for _, e := range played {
			target, query, _ := strings.Cut(e.target, "?")
			if e.method != o.method || !path.MatchString(target) {
				continue
			}
			succeeded = succeeded || strings.HasPrefix(e.status, "2") || strings.HasPrefix(e.status, "3")
			values, _ := url.ParseQuery(query)
			for name := range values {
				given[name] = true
			}
		}
		if !succeeded {
			missing = append(missing, what)
			continue
		}
		for _, p := range o.parameters {
			if p.in == "query" && !given[p.name] {
				missing = append(missing, p.name+" of "+what)
			}
		}
	}
	for _, code := range []string{
		"40401", "40402", "40403", "40404", "40405", "40406", "40407", "40408", "40409", "409", "42201", "42202", "42203", "42204", "42205", "42206", "42207",
		"42208", "42209", "42210", "42211", "50001", "50002", "400", "401", "403", "404", "405", "406", "413", "415", "429",
	} {
		if !slices.ContainsFunc(played, func(e exchange) bool {
			return strings.Contains(e.answer, `"error_code":`+code+`,`) || strings.Contains(e.answer, `"error_code":`+code+`}`)
		}) {
			missing = append(missing, "code "+code)
		}
	}
	for _, what := range missing {
		if offTranscript[what] == "" {
			t.Errorf("no transcript shows %s", what)
		}
	}
	for what, test := range offTranscript {
		if !slices.Contains(missing, what) {
			t.Errorf("%s is shown: %s need not stand in for it", what, test)
		}
	}
}

// pathOf matches the paths of a route, in whatever context; its last segment, if it is called rest, is as many as there are.
func pathOf(route string) *regexp.Regexp {
	var b strings.Builder
	for segment := range strings.SplitSeq(strings.Trim(route, "/"), "/") {
		switch {
		case segment == "{rest}":
			segment = ".+"
		case strings.HasPrefix(segment, "{"):
			segment = "[^/]+"
		default:
			segment = regexp.QuoteMeta(segment)
		}
		b.WriteString("/" + segment)
	}
	return regexp.MustCompile("^(/contexts/[^/]+)?" + b.String() + "/?$")
}
