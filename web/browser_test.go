package web_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser starts one Chromium for a test; the context is its first tab's.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("ACCORD_TEST_CHROMIUM")
	if path == "" {
		const left = "left out: Chromium (ACCORD_TEST_CHROMIUM)"
		if os.Getenv("CI") == "true" {
			t.Fatal(left)
		}
		t.Skip(left)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// faults collects what a page must never do.
type faults struct {
	mu       sync.Mutex
	host     string
	found    []string // guarded by mu
	requests int      // guarded by mu; of the page being loaded
}

func (f *faults) listen(ev any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		f.found = append(f.found, "exception: "+ev.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError || ev.Entry.Level == log.EntryLevelWarning {
			f.found = append(f.found, fmt.Sprintf("%s: %s", ev.Entry.Source, ev.Entry.Text))
		}
	case *runtime.EventConsoleAPICalled:
		f.found = append(f.found, fmt.Sprintf("console.%s", ev.Type))
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(ev.Request.URL)
		if err != nil || u.Scheme != "data" && u.Host != f.host {
			f.found = append(f.found, "request to "+ev.Request.URL)
		}
		if err == nil && u.Scheme != "data" {
			f.requests++
		}
	}
}

// take returns what was found since the last call.
func (f *faults) take() (found []string, requests int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found, requests = f.found, f.requests
	f.found, f.requests = nil, 0
	return found, requests
}

func look(width int64, scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}

// TestPagesInChromium loads every kind of page wide and narrow, light and dark: no error, no violation of the policy,
// nothing from elsewhere, at most five requests, no sideways scroll, every control large enough. With
// ACCORD_TEST_SHOTS a picture of each page is kept in that folder.
func TestPagesInChromium(t *testing.T) {
	ctx := browser(t)
	base := siteURL(t)
	host := strings.TrimPrefix(base, "http://")
	f := &faults{host: host}
	if err := chromedp.Listen(ctx, f.listen); err != nil {
		t.Fatal(err)
	}
	shots := os.Getenv("ACCORD_TEST_SHOTS")
	for _, c := range []struct {
		width  int64
		scheme string
	}{{1280, "light"}, {375, "dark"}, {320, "light"}} {
		if err := chromedp.Do(ctx, look(c.width, c.scheme)); err != nil {
			t.Fatal(err)
		}
		for _, path := range append([]string{"/events/nothing"}, pages...) {
			name := fmt.Sprintf("%s at %d px, %s", path, c.width, c.scheme)
			within, cancel := context.WithTimeout(ctx, 20*time.Second)
			err := chromedp.Do(within, chromedp.Navigate(base+path))
			cancel()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			found, requests := f.take()
			for _, x := range found {
				if path == "/events/nothing" && strings.Contains(x, "404") {
					continue // the page's own status
				}
				t.Errorf("%s: %s", name, x)
			}
			if requests > 5 {
				t.Errorf("%s: %d requests, want at most 5", name, requests)
			}
			wide, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](sidewaysScript))
			if err != nil {
				t.Fatal(err)
			}
			if len(wide) > 0 {
				t.Errorf("%s: wider than the window: %q", name, wide)
			}
			small, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](smallScript))
			if err != nil {
				t.Fatal(err)
			}
			if len(small) > 0 {
				t.Errorf("%s: controls under 24 px: %q", name, small)
			}
			if shots != "" {
				shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				file := fmt.Sprintf("%s_%d_%s.png", strings.NewReplacer("/", "_", "?", "_", "=", "_", "..", "-").Replace(strings.Trim(path, "/")), c.width, c.scheme)
				if err := os.WriteFile(filepath.Join(shots, file), shot, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// sidewaysScript names what makes the page wider than the window, nothing if it fits.
const sidewaysScript = `(() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.body.querySelectorAll('*')].filter((e) => {
    if (e.getBoundingClientRect().right <= width + 1) return false;
    for (let p = e.parentElement; p; p = p.parentElement) if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(p).overflowX)) return false;
    return true;
  }).slice(0, 5).map((e) => e.tagName + '.' + e.className);
})()`

// smallScript names controls that are too small to hit (WCAG 2.2, 2.5.8); links within text are excepted by it.
const smallScript = `[...document.querySelectorAll('button, input:not([type=hidden]), select, summary, .top a')].filter((e) => {
  const r = e.getBoundingClientRect();
  return r.width > 0 && (r.height < 23.5 || r.width < 23.5);
}).slice(0, 5).map((e) => e.tagName + '.' + e.className + ' ' + e.getBoundingClientRect().height)`

// TestPagesWithoutScript: the same facts and controls are there when no script runs.
func TestPagesWithoutScript(t *testing.T) {
	ctx := browser(t)
	base := siteURL(t)
	if err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})); err != nil {
		t.Fatal(err)
	}
	for _, path := range pages {
		within, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := chromedp.Do(within, chromedp.Navigate(base+path))
		if err == nil {
			var title string
			title, err = chromedp.Run(within, chromedp.Text(chromedp.CSS("h1")))
			if title == "" {
				t.Errorf("%s without script has no heading", path)
			}
		}
		cancel()
		if err != nil {
			t.Errorf("%s without script: %v", path, err)
		}
	}
	within, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	// The switcher's button is there for readers without script, and it works.
	if err := chromedp.Do(within, chromedp.Navigate(base+"/events/orders.OrderPlaced/v/1")); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.RunResponse(within, chromedp.Click(chromedp.CSS(".title form button"))); err != nil {
		t.Fatal(err)
	}
	at, err := chromedp.Run(within, chromedp.Location())
	if err != nil || !strings.HasSuffix(at, "/events/orders.OrderPlaced/v/1") {
		t.Errorf("the version form leads to %s, %v", at, err)
	}
}

// TestSearchBoxByKeyboard: / focuses the box, typing lists hits, the arrows choose, Enter goes there.
func TestSearchBoxByKeyboard(t *testing.T) {
	ctx := browser(t)
	base := siteURL(t)
	within, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err := chromedp.Do(within,
		look(1280, "light"),
		chromedp.Navigate(base+"/"),
		chromedp.KeyEvent("/"),
		chromedp.KeyEvent("orders.OrderPl"),
		chromedp.WaitVisible(chromedp.CSS("#hits li")),
		chromedp.KeyEvent(kb.ArrowDown),
		chromedp.WaitVisible(chromedp.CSS(`#hits li[aria-selected="true"]`)),
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.RunResponse(within, chromedp.KeyEvent(kb.Enter)); err != nil {
		t.Fatal(err)
	}
	at, err := chromedp.Run(within, chromedp.Location())
	if err != nil || !strings.HasSuffix(at, "/events/orders.OrderPlaced") {
		t.Errorf("Enter leads to %s, %v", at, err)
	}
}

// TestTreeFilter: the filter hides other fields, and a link to a folded field opens the branches above it.
func TestTreeFilter(t *testing.T) {
	ctx := browser(t)
	base := siteURL(t)
	within, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(within, look(1280, "light"), chromedp.Navigate(base+"/events/orders.OrderPlaced")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		script string
		want   bool
	}{
		{`(() => { const f = document.querySelector('[data-filter]'); f.value = 'sku'; f.dispatchEvent(new Event('input')); return document.getElementById('/lines/*/sku').offsetParent !== null; })()`, true},
		{`document.getElementById('/placedAt').offsetParent !== null`, false},
		{`(() => { const f = document.querySelector('[data-filter]'); f.value = ''; f.dispatchEvent(new Event('input')); return document.getElementById('/placedAt').offsetParent !== null; })()`, true},
		{`(() => { document.querySelector('[data-fold=close]').click(); return document.querySelector('[data-tree] details[open]') === null; })()`, true},
		{`new Promise((done) => { location.hash = '#/lines/*/sku'; setTimeout(() => done(document.getElementById('/lines/*/sku').closest('details').open), 300); })`, true},
	} {
		got, err := chromedp.Run(within, chromedp.Evaluate[bool](c.script, chromedp.EvalAwaitPromise))
		if err != nil || got != c.want {
			t.Errorf("%s = %v, %v; want %v", c.script, got, err, c.want)
		}
	}
}
