package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

func TestUnroutedPathsAnswerAsConfluentDoes(t *testing.T) {
	h := api.New(api.Config{Registry: catalog.New(nil, catalog.Options{})}).Handler()
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/nowhere", `{"error_code":404,"message":"HTTP 404 Not Found"}`, 404},
		{"PATCH", "/subjects", `{"error_code":405,"message":"HTTP 405 Method Not Allowed"}`, 405},
		{"GET", "/schemas//types/", `["JSON"]`, 200},
		{"GET", "/contexts/.a/schemas/types", `["JSON"]`, 200},
		{"GET", "/", `{}`, 200},
		{"GET", "/associations/resources/-/orders?resourceType=topic&associationType=value", `[]`, 200},
		{"GET", "/v1/me", `{"user":"anonymous","grants":[{"role":"admin","context":"*","subjects":"*","topics":"*"}]}`, 200},
		{"GET", "/subjects/a/versions/none", `{"error_code":42202,"message":"The specified version 'none' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""}`, 422},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, http.NoBody))
		if got := strings.TrimSpace(w.Body.String()); w.Code != c.status || got != c.body {
			t.Errorf("%s %s = %d %s, want %d %s", c.method, c.path, w.Code, got, c.status, c.body)
		}
	}
}
