package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"featstore/cmd/featstore/internal/drawn"
	"featstore/store/storetest"
)

var (
	browserShots = flag.String("browser.shots", "", "folder for screenshots of the pages that TestReportInBrowser looks at")
	browserPage  = flag.String("browser.page", "", "a report for TestReportInBrowser to look at instead of one that it makes")
)

// A browser is a headless Chromium that notes what a page complains of or asks for.
type browser struct {
	context.Context
	mu       sync.Mutex
	problems []string
}

// openBrowser starts Chromium, or skips the test where there is none.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("needs Chromium: Debian has it in the package chromium, which .ci/run installs where it may")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Run(ctx); err != nil {
		t.Skipf("%s does not start here: %v", program, err)
	}
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	b := &browser{Context: ctx}
	chromedp.ListenTarget(ctx, b.note)
	return b
}

// note keeps errors of the page, and requests for anything but the page itself.
func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	add := func(format string, args ...any) { b.problems = append(b.problems, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *cdpruntime.EventExceptionThrown:
		add("exception: %s", e.ExceptionDetails.Error())
	case *cdpruntime.EventConsoleAPICalled:
		add("console: %s %v", e.Type, e.Args)
	case *cdplog.EventEntryAdded:
		add("log: %s: %s", e.Entry.Level, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, "file://") && !strings.HasPrefix(u, "data:") {
			add("request: %.200s", u)
		}
	}
}

// run runs actions that must succeed.
func (b *browser) run(t *testing.T, what string, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(b, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// ask evaluates an expression of the page.
func ask[T any](t *testing.T, b *browser, expression string) (value T) {
	t.Helper()
	b.run(t, expression, chromedp.Evaluate(expression, &value))
	return value
}

// reportPage makes a report of drawn photos, some of which are gone, changed or have names
// with markup, and returns its address.
func reportPage(t *testing.T) string {
	t.Helper()
	if *browserPage != "" {
		path, err := filepath.Abs(*browserPage)
		if err != nil {
			t.Fatal(err)
		}
		return "file://" + path
	}
	dir := storetest.Dir(t)
	photos, db, out := filepath.Join(dir, "photos"), filepath.Join(dir, "features.db"), filepath.Join(dir, "report.html")
	if err := drawn.Write(t.Context(), photos, 24, 1); err != nil {
		t.Fatal(err)
	}
	move := func(from, to string) {
		if err := os.Rename(filepath.Join(photos, from), filepath.Join(photos, to)); err != nil {
			t.Fatal(err)
		}
	}
	move("rose", `"><img src=http:x onerror=alert(1)>`)
	move("daisy/daisy_003.jpg", "tulip/<script>alert(2)<_script>.jpg")
	featstore(t, "ingest", photos, "--size", "48", "--store", db, "-q")
	featstore(t, "train", "--head", "logistic", "--store", db, "-q")
	if err := os.Remove(filepath.Join(photos, "daisy", "daisy_004.jpg")); err != nil {
		t.Fatal(err)
	}
	featstore(t, "report", "-o", out, "--store", db, "-q")
	return (&url.URL{Scheme: "file", Path: out}).String()
}

// The screens that pages are looked at on.
var screens = []struct {
	name          string
	width, height int64
	scheme        string
}{
	{"desktop-light", 1280, 900, "light"}, {"desktop-dark", 1280, 900, "dark"}, {"phone-light", 390, 844, "light"}, {"phone-dark", 390, 844, "dark"},
}

// Every view of a report is used, on a desktop's and a phone's screen, light and dark: the
// page complains of nothing, asks for nothing, and is nowhere wider than the screen.
func TestReportInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	b := openBrowser(t)
	page := reportPage(t)
	b.run(t, "start", network.Enable(), cdplog.Enable(), cdpruntime.Enable())
	for _, s := range screens {
		scheme := emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: s.scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // else the page still scrolls while the pointer moves
		})
		b.run(t, s.name, chromedp.EmulateViewport(s.width, s.height), scheme, chromedp.Navigate(page), chromedp.WaitVisible("#card"))
		if wide := ask[int64](t, b, "document.documentElement.scrollWidth"); wide > s.width {
			t.Errorf("%s: the page is %d wide, the screen %d", s.name, wide, s.width)
		}
		shoot(t, b, s.name)
		useContents(t, b)
		useMatrix(t, b, s.name)
		useMap(t, b, s.name)
		checkAxe(t, b, s.name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		t.Error(p)
	}
}

// shoot keeps a picture of the whole page, if asked to.
func shoot(t *testing.T, b *browser, name string) {
	if *browserShots == "" {
		return
	}
	if err := os.MkdirAll(*browserShots, 0o777); err != nil {
		t.Fatal(err)
	}
	var picture []byte
	b.run(t, name, chromedp.FullScreenshot(&picture, 100))
	if err := os.WriteFile(filepath.Join(*browserShots, name+".png"), picture, 0o666); err != nil {
		t.Fatal(err)
	}
}

// useContents follows every link of the contents.
func useContents(t *testing.T, b *browser) {
	for i := range ask[int](t, b, "document.querySelectorAll('nav a').length") {
		found := ask[bool](t, b, fmt.Sprintf(`(() => { const a = document.querySelectorAll('nav a')[%d]; a.click();
			return document.querySelector(a.getAttribute('href')) !== null })()`, i))
		if !found {
			t.Errorf("link %d of the contents leads nowhere", i)
		}
	}
}

// useMatrix opens the photos behind every number of the confusion matrix.
func useMatrix(t *testing.T, b *browser, screen string) {
	n := ask[int](t, b, "document.querySelectorAll('.matrix a').length")
	if n == 0 {
		t.Errorf("%s: no number of the matrix has photos", screen)
	}
	for i := range n {
		b.run(t, "choose a number", chromedp.Evaluate(fmt.Sprintf("document.querySelectorAll('.matrix a')[%d].click()", i), nil))
		shown := ask[int](t, b, "[...document.querySelectorAll('.cell')].filter(e => getComputedStyle(e).display === 'block' && e.querySelector('figure')).length")
		if shown != 1 {
			t.Errorf("%s: number %d of the matrix shows %d groups of photos", screen, i, shown)
		}
	}
}

// useMap points at a photo on the map, and hides and shows labels.
func useMap(t *testing.T, b *browser, screen string) {
	at := ask[[]float64](t, b, `(() => { const dot = document.querySelector('.plane circle');
		dot.scrollIntoView({block: 'center', behavior: 'instant'});
		const r = dot.getBoundingClientRect(); return [r.x + r.width/2, r.y + r.height/2] })()`)
	b.run(t, "point at a photo", chromedp.MouseEvent("mouseMoved", at[0], at[1]))
	const tip = "document.querySelector('.tip').hidden ? '' : document.querySelector('.tip p').textContent"
	text := ""
	for range 50 { // the page hears of the pointer a little later
		if text = ask[string](t, b, tip); text != "" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if text == "" {
		t.Errorf("%s: the map shows nothing beside the pointer", screen)
	}
	before := ask[int](t, b, "document.querySelectorAll('.plane circle.off').length")
	click := chromedp.Evaluate("document.querySelector('.legend button').click()", nil)
	b.run(t, "hide a label", click)
	hidden := ask[int](t, b, "document.querySelectorAll('.plane circle.off').length")
	b.run(t, "show it again", click)
	if after := ask[int](t, b, "document.querySelectorAll('.plane circle.off').length"); before != 0 || hidden == 0 || after != 0 {
		t.Errorf("%s: photos hidden: %d, %d, %d", screen, before, hidden, after)
	}
}

// checkAxe looks for what keeps people from using the page, by axe-core
// (https://github.com/dequelabs/axe-core), whose script FEATSTORE_AXE names.
func checkAxe(t *testing.T, b *browser, screen string) {
	path := os.Getenv("FEATSTORE_AXE")
	if path == "" {
		t.Log("accessibility is not checked: FEATSTORE_AXE names no axe.min.js")
		return
	}
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var result struct {
		Violations []struct {
			ID, Impact, Help string
			Nodes            []struct{ HTML string }
		}
		Passes []json.RawMessage
	}
	var text string
	wait := func(p *cdpruntime.EvaluateParams) *cdpruntime.EvaluateParams { return p.WithAwaitPromise(true) }
	b.run(t, "axe", chromedp.Evaluate(string(script), nil), chromedp.Evaluate("axe.run().then(JSON.stringify)", &text, wait))
	if err := json.Unmarshal([]byte(text), &result); err != nil || len(result.Passes) == 0 {
		t.Fatalf("axe: %d rules passed, %v", len(result.Passes), err)
	}
	for _, v := range result.Violations {
		for _, n := range v.Nodes[:min(len(v.Nodes), 3)] {
			if v.Impact == "serious" || v.Impact == "critical" {
				t.Errorf("%s: %s: %s: %s: %.200s", screen, v.Impact, v.ID, v.Help, n.HTML)
			} else {
				t.Logf("%s: %s: %s: %s: %.200s", screen, v.Impact, v.ID, v.Help, n.HTML)
			}
		}
	}
}
