//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"featstore/store/storetest"
)

// A snippetBench is a folder in which the snippets of CLASSIFIER.md run: pixels.onnx,
// flowers.onnx and some.jpg are there.
type snippetBench struct {
	dir    string
	labels []string
	want   string // as a snippet prints it
}

// snippet returns the code block of a language.
func snippet(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, ".github", "CLASSIFIER.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$").FindSubmatch(text)
	if m == nil {
		t.Fatalf("CLASSIFIER.md has no block of %s", language)
	}
	return string(m[1])
}

func newSnippetBench(t *testing.T) *snippetBench {
	t.Helper()
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	photos, db := drawSome(t, 12)
	b := &snippetBench{dir: filepath.Dir(db)}
	for _, args := range [][]string{
		{"ingest", photos, "--store", db, "--size", "64"},
		{"train", "--store", db, "--head", "logistic"},
		{"export", "--store", db, "-o", filepath.Join(b.dir, "flowers.onnx")},
		{"export", "--store", db, "-o", filepath.Join(b.dir, "pixels.onnx"), "--input", "pixels"},
	} {
		if stderr, status := start(t, args...).end(); status.ExitStatus() != 0 {
			t.Fatal(stderr)
		}
	}
	storetest.CheckFile(t, db)
	data, err := os.ReadFile(filepath.Join(photos, "rose", "rose_003.jpg"))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.dir, "some.jpg"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.labels = []string{"daisy", "dandelion", "rose", "sunflower", "tulip"}
	b.want = "rose"
	return b
}

// check compares what a snippet says: the label, and a probability.
func (b *snippetBench) check(t *testing.T, said string) {
	t.Helper()
	var label string
	var probability float64
	if _, err := fmt.Sscan(strings.TrimSpace(said), &label, &probability); err != nil || label != b.want || probability < 0.5 || probability > 1 {
		t.Errorf("it says %q, want %s and its probability", said, b.want)
	}
}

func TestPythonSnippet(t *testing.T) {
	interpreter := python(t, "numpy", "onnxruntime", "PIL")
	b := newSnippetBench(t)
	cmd := exec.Command(interpreter, "-c", snippet(t, "python"))
	cmd.Dir = b.dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	b.check(t, string(out))
}

// TestGoSnippet builds it as a module of its own.
func TestGoSnippet(t *testing.T) {
	b := newSnippetBench(t)
	source, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(b.dir, "module")
	if err := os.Mkdir(module, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod":  "module try\n\ngo 1.26\n\nrequire featstore v0.0.0\n\nreplace featstore => " + source + "\n",
		"go.sum":  string(sums),
		"main.go": snippet(t, "go"),
	} {
		if err := os.WriteFile(filepath.Join(module, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-mod=mod", "-o", filepath.Join(b.dir, "try"), ".")
	build.Dir = module
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	try := exec.Command(filepath.Join(b.dir, "try"))
	try.Dir = b.dir
	out, err := try.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b.check(t, string(out))
}

// TestJavaScriptSnippet runs the page in a browser. FEATSTORE_ORT_WEB names the folder dist of
// the package onnxruntime-web.
func TestJavaScriptSnippet(t *testing.T) {
	web := os.Getenv("FEATSTORE_ORT_WEB")
	if web == "" {
		t.Skip("FEATSTORE_ORT_WEB does not name the folder dist of onnxruntime-web")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium here")
	}
	b := newSnippetBench(t)
	page := snippet(t, "html")
	page = strings.Replace(page, `["daisy", "dandelion", "roses", "sunflowers", "tulips"]`, `["`+strings.Join(b.labels, `", "`)+`"]`, 1)
	page += `<script>
new MutationObserver(() => fetch("/said", {method: "POST", body: document.getElementById("said").textContent}))
	.observe(document.getElementById("said"), {childList: true});
addEventListener("unhandledrejection", e => fetch("/said", {method: "POST", body: "failed: " + e.reason}));
</script>`
	said := make(chan string, 10)
	files, own := http.FileServer(http.Dir(web)), http.FileServer(http.Dir(b.dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			text, _ := io.ReadAll(r.Body)
			said <- string(text)
		case r.URL.Path == "/":
			io.WriteString(w, page)
		case strings.HasPrefix(r.URL.Path, "/ort"):
			files.ServeHTTP(w, r)
		default:
			own.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	profile := filepath.Join(b.dir, "profile")
	defer os.RemoveAll(profile) // it holds databases of its own
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+profile,
		"--remote-debugging-port=0", server.URL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stop()
	select {
	case text := <-said:
		b.check(t, text)
	case <-ctx.Done():
		t.Fatal("the page said nothing")
	}
}
