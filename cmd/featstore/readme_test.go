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
)

// TestReadme runs every command block of the README, in order, in one folder.
// ./flower_photos are some of the real ones where ../shared is there, else drawn;
// net.onnx is a small network with random weights.
func TestReadme(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the README's blocks are for a Unix shell")
	}
	text, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := readmeScript(t, string(text))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "readme.txtar"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
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

// readmeScript makes a story of a text's command blocks: each is one shell
// script that must end well.
func readmeScript(t *testing.T, text string) string {
	var story, files strings.Builder
	for i, m := range commandBlock.FindAllStringSubmatch(text, -1) {
		block := m[1]
		for line := range strings.Lines(block) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "go ") && !strings.Contains(line, "./cmd/featstore") && line != "go test ./..." {
				t.Errorf("block %d: this test does not know how to run %q", i, line)
			}
		}
		if strings.HasPrefix(block, ".ci/") {
			continue // run runs this test, peers needs Python
		}
		block = strings.ReplaceAll(block, "go run ./cmd/featstore", "featstore")
		block = strings.ReplaceAll(block, "featstore bench", "featstore bench --seconds 0.1")
		block = strings.ReplaceAll(block, "go test ./...", ": this is part of it")
		block = strings.ReplaceAll(block, "go install ./cmd/featstore", `cd "$SOURCE" && go build -o "$WORK/installed" ./cmd/featstore && "$WORK/installed" version`)
		fmt.Fprintf(&story, "exec sh -e block%d.sh\n", i)
		fmt.Fprintf(&files, "-- block%d.sh --\n%s", i, block)
	}
	if story.Len() == 0 {
		t.Fatal("the README has no command blocks")
	}
	return story.String() + files.String()
}

// flowerPhotos puts photos where the README has them.
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
