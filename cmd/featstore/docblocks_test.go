package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"featstore/cmd/featstore/internal/drawn"
	"featstore/store/storetest"
)

// TestCommandBlocks runs the command blocks of each document, in order, in one
// folder a document. ./flower_photos are some of the real ones where ../shared is
// there, else drawn; net.onnx is a small network with random weights. Lines that
// build, test or measure this repository are not run but looked through: what they
// name must be there.
func TestCommandBlocks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the documents' command blocks are for a Unix shell")
	}
	dir := storetest.Dir(t)
	for _, d := range documents(t) {
		script := blockScript(t, d)
		if script == "" {
			continue
		}
		name := strings.ToLower(strings.TrimSuffix(filepath.Base(d.path), ".md"))
		if err := os.WriteFile(filepath.Join(dir, name+".txtar"), []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := params(t, dir)
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		source, err := filepath.Abs(repository)
		if err != nil {
			return err
		}
		env.Setenv("SOURCE", source)
		for _, name := range []string{"HOME", "GOCACHE", "GOMODCACHE", "GOPATH", "GOFLAGS", "GOPROXY"} {
			if v, ok := os.LookupEnv(name); ok {
				env.Setenv(name, v) // go build works as it does outside
			}
		}
		if err := setup(env); err != nil {
			return err
		}
		if err := writeZoo("mobilenetv2-torchscript", filepath.Join(env.WorkDir, "net.onnx")); err != nil {
			return err
		}
		return flowerPhotos(env)
	}
	testscript.Run(t, p)
}

var commandBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// blockScript makes a story of a document's command blocks: each is one shell
// script that must end well. It is empty if there is nothing to run.
func blockScript(t *testing.T, d document) string {
	var story, files strings.Builder
	for i, m := range commandBlock.FindAllStringSubmatch(d.text, -1) {
		var block strings.Builder
		for line := range strings.Lines(m[1]) {
			block.WriteString(runnable(t, d, line))
		}
		if strings.TrimSpace(block.String()) == "" {
			continue
		}
		fmt.Fprintf(&story, "exec sh -e block%d.sh\n", i)
		fmt.Fprintf(&files, "-- block%d.sh --\n%s", i, block.String())
	}
	return story.String() + files.String()
}

// runnable returns a line of a block as the test runs it; nothing if it is only
// looked through.
func runnable(t *testing.T, d document, line string) string {
	words := commandWords(line)
	switch {
	case len(words) == 0:
		return ""
	case strings.HasPrefix(words[0], ".ci/"):
		checkScriptFlags(t, d, words)
		return ""
	case words[0] == "go" && words[1] == "run" && words[2] == "./cmd/featstore":
		return strings.Replace(line, "go run ./cmd/featstore", "featstore", 1)
	case words[0] == "go" && words[1] == "install":
		return `cd "$SOURCE" && go build -o "$WORK/installed" ` + words[2] + ` && "$WORK/installed" version` + "\n"
	case words[0] == "go":
		checkGoCommand(t, d, words)
		return ""
	}
	line = strings.ReplaceAll(line, "featstore bench", "featstore bench --seconds 0.1")
	// Ten divisions would show no more than two do.
	return strings.ReplaceAll(line, "for salt in 1 2 3 4 5 6 7 8 9 10", "for salt in 1 2")
}

// commandWords splits a line at spaces, without a comment, quotes and variables set
// before the command.
func commandWords(line string) []string {
	line, _, _ = strings.Cut(line, " #")
	words := strings.Fields(strings.ReplaceAll(line, "'", ""))
	for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
		words = words[1:]
	}
	return words
}

// checkScriptFlags looks whether a script of .ci exists and whether its header
// explains each flag.
func checkScriptFlags(t *testing.T, d document, words []string) {
	b, err := os.ReadFile(filepath.Join(repository, words[0]))
	if err != nil {
		t.Errorf("%s: %v", d.path, err)
		return
	}
	header, _, _ := strings.Cut(string(b), "\nset ")
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "-") && !strings.Contains(header, "["+w+" ") && !strings.Contains(header, " "+w+" ") {
			t.Errorf("%s: the header of %s does not explain the flag %s", d.path, words[0], w)
		}
	}
}

// checkGoCommand looks whether the packages of a go command exist, and whether the
// tests, benchmarks and fuzz targets that it names are theirs.
func checkGoCommand(t *testing.T, d document, words []string) {
	if words[1] != "test" && words[1] != "build" && words[1] != "generate" {
		t.Errorf("%s: this test does not know go %s", d.path, words[1])
	}
	var functions []string
	for _, w := range words[2:] {
		if !strings.HasPrefix(w, "./") || strings.HasSuffix(w, "...") {
			continue
		}
		found := testFunctions(t, filepath.Join(repository, w))
		if len(found) == 0 {
			t.Errorf("%s: %s has no tests", d.path, w)
		}
		functions = append(functions, found...)
	}
	for i, w := range words[:len(words)-1] {
		prefix := map[string]string{"-run": "Test", "-bench": "Benchmark", "-fuzz": "Fuzz"}[w]
		if prefix == "" || words[i+1] == "^$" {
			continue
		}
		pattern := regexp.MustCompile(words[i+1])
		matches := false
		for _, f := range functions {
			matches = matches || strings.HasPrefix(f, prefix) && pattern.MatchString(f)
		}
		if !matches {
			t.Errorf("%s: %v: nothing matches %s %s", d.path, words, w, words[i+1])
		}
	}
}

// flowerPhotos puts photos where the documents have them.
func flowerPhotos(env *testscript.Env) error {
	at := filepath.Join(env.WorkDir, "flower_photos")
	photos := filepath.Join(env.Getenv("SHARED"), "flower_photos")
	if _, err := os.Stat(photos); err == nil && !testing.Short() {
		return linkPhotos(photos, at, 30)
	}
	if err := drawn.Write(context.Background(), at, 12, 1); err != nil {
		return err
	}
	for from, to := range map[string]string{"rose": "roses", "sunflower": "sunflowers", "tulip": "tulips"} {
		if err := os.Rename(filepath.Join(at, from), filepath.Join(at, to)); err != nil {
			return err
		}
	}
	return nil
}

// linkPhotos links to the first photos of each label.
func linkPhotos(photos, at string, each int) error {
	labels, err := filepath.Glob(filepath.Join(photos, "*", ""))
	if err != nil {
		return err
	}
	for _, label := range labels {
		names, err := filepath.Glob(filepath.Join(label, "*.jpg"))
		if err != nil || len(names) == 0 {
			continue
		}
		to := filepath.Join(at, filepath.Base(label))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		for _, name := range names[:min(each, len(names))] {
			if err := os.Symlink(name, filepath.Join(to, filepath.Base(name))); err != nil {
				return err
			}
		}
	}
	return nil
}
