package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/accordhq/accord/web"
)

func TestPlaygroundJudges(t *testing.T) {
	base := siteURL(t)
	post := func(form url.Values) answer {
		return do(t, http.MethodPost, base+"/play/validate", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html", "Sec-Fetch-Site", "same-origin")
	}
	good := `{"orderId":"a","customerId":"c","customerName":"n","items":[{"productId":"p","quantity":1,"price":1}],"totalAmount":1}`
	for _, c := range []struct {
		event, version, text string
		status               int
		contains             []string
	}{
		{"orders.OrderPlaced", "1", good, 200, []string{"accepts it"}},
		{"orders.OrderPlaced", "any", good, 200, []string{"v1</a> accepts it", "v3</a> rejects it"}},
		{"orders.OrderPlaced", "", `{"orderId": }`, 422, []string{"line 1, column 13", "orderId"}},
		{"orders.OrderPlaced", "", `{} {}`, 422, []string{"text after the value"}},
		{"orders.OrderPlaced", "7", `{}`, 404, nil},
		{"nothing", "", `{}`, 404, nil},
		{"orders.OrderPlaced", "", strings.Repeat("x", web.MaxPlayBody+1), 413, nil},
		{"orders.OrderPlaced", "", `"</textarea><script>alert(1)</script>"`, 200, []string{"&lt;/textarea&gt;"}},
	} {
		a := post(url.Values{"event": {c.event}, "version": {c.version}, "text": {c.text}})
		if a.StatusCode != c.status {
			t.Errorf("validate %.40q by %s %s = %d, want %d", c.text, c.event, c.version, a.StatusCode, c.status)
		}
		for _, want := range c.contains {
			if !strings.Contains(a.text, want) {
				t.Errorf("validate %.40q by %s %s lacks %q", c.text, c.event, c.version, want)
			}
		}
	}
	cross := do(t, http.MethodPost, base+"/play/validate", "", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
	if cross.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site = %d, want 403", cross.StatusCode)
	}
}

func TestThemeIsKeptAndStaysOnTheSite(t *testing.T) {
	base := siteURL(t)
	for _, c := range []struct {
		form     string
		status   int
		location string
	}{
		{"theme=dark&back=%2Fevents", 303, "/events"},
		{"theme=auto&back=https%3A%2F%2Fevil.example", 303, "/"},
		{"theme=light&back=%2F%2Fevil.example", 303, "/"},
		{"theme=light&back=%2F%5Cevil.example", 303, "/"},
		{"theme=pink", 400, ""},
	} {
		a := do(t, http.MethodPost, base+"/-/theme", c.form, "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html", "Sec-Fetch-Site", "same-origin")
		if a.StatusCode != c.status || a.Header.Get("Location") != c.location {
			t.Errorf("POST /-/theme %s = %d %q, want %d %q", c.form, a.StatusCode, a.Header.Get("Location"), c.status, c.location)
		}
	}
	if !strings.Contains(get(t, base+"/", "Cookie", "accord_theme=dark").text, `data-theme="dark"`) {
		t.Error("the dark theme is not written into the page")
	}
}
