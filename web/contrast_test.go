package web_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

var token = regexp.MustCompile(`--([a-z-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\);`)

// luminance and contrast are those of WCAG 2.2, "relative luminance" and "contrast ratio".
func luminance(hex string) float64 {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		panic(err)
	}
	part := func(shift int) float64 {
		c := float64(n>>shift&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

// TestColoursAreReadable recomputes the contrast of every text colour on every surface that it may stand on, from the
// style sheet itself.
func TestColoursAreReadable(t *testing.T) {
	css, err := os.ReadFile("static/app.css")
	if err != nil {
		t.Fatal(err)
	}
	colours := map[string][2]string{}
	for _, m := range token.FindAllStringSubmatch(string(css), -1) {
		colours[m[1]] = [2]string{m[2], m[3]}
	}
	surfaces := []string{"bg", "card", "code"}
	for _, c := range []struct {
		text  string
		fill  string // its own surface beside the three
		least [2]float64
	}{
		{"fg", "service-fill", [2]float64{14.0, 11.8}},
		{"fg", "event-fill", [2]float64{14.0, 11.8}},
		{"fg", "command-fill", [2]float64{14.0, 11.8}},
		{"fg", "channel-fill", [2]float64{14.0, 11.8}},
		{"muted", "", [2]float64{5.4, 5.7}},
		{"link", "service-fill", [2]float64{5.4, 6.7}},
		{"event", "event-fill", [2]float64{4.6, 7.7}},
		{"command", "command-fill", [2]float64{5.5, 7.1}},
		{"channel", "channel-fill", [2]float64{5.4, 7.9}},
		{"breaks", "breaks-fill", [2]float64{5.6, 7.0}},
		{"warning", "warning-fill", [2]float64{5.0, 7.7}},
		{"ok", "ok-fill", [2]float64{6.2, 7.6}},
	} {
		for theme, least := range c.least {
			on := surfaces
			if c.fill != "" {
				on = append([]string{c.fill}, surfaces...)
			}
			lowest, at := math.Inf(1), ""
			for _, surface := range on {
				if _, ok := colours[surface]; !ok {
					t.Fatalf("app.css has no token --%s", surface)
				}
				if r := contrast(colours[c.text][theme], colours[surface][theme]); r < lowest {
					lowest, at = r, surface
				}
			}
			if math.Round(lowest*10)/10 < least {
				t.Errorf("--%s in theme %d has contrast %.2f on --%s, want at least %.1f", c.text, theme, lowest, at, least)
			}
		}
	}
	for theme, least := range [2]float64{3.0, 3.8} {
		if r := contrast(colours["line"][theme], colours["card"][theme]); math.Round(r*10)/10 < least {
			t.Errorf("--line in theme %d has contrast %.2f on --card, want at least %.1f", theme, r, least)
		}
		// The words of a primary button stand on the colour of links.
		if r := contrast(colours["card"][theme], colours["link"][theme]); r < 4.5 {
			t.Errorf("the primary button in theme %d has contrast %.2f", theme, r)
		}
	}
}
