//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"featstore/store/storetest"
)

// TestRename: after .ci/rename the module builds under its new name, and nothing has the
// old one.
func TestRename(t *testing.T) {
	if testing.Short() {
		t.Skip("builds packages anew")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir := filepath.Join(storetest.Dir(t), "featstore")
	run := func(in, name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = in
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v: %s", name, args, err, out)
		}
		return string(out)
	}
	if _, err := os.Stat(filepath.Join(repository, ".git")); err != nil {
		t.Skip("not a checkout")
	}
	run(repository, "git", "clone", "-q", ".", dir)
	const name = "example.org/somebody/featstore"
	if said := run(dir, ".ci/rename", name); !strings.Contains(said, name) {
		t.Errorf("it says %q", said)
	}
	for path := range strings.Lines(run(dir, "git", "ls-files", "*.go", "*go.mod")) {
		path = strings.TrimSpace(path)
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), `"featstore/`) || strings.Contains(string(data), "module "+"featstore") {
			t.Errorf("%s still has the old name", path)
		}
	}
	list := strings.Fields(run(dir, "go", "list", "./..."))
	for _, p := range list {
		if !strings.HasPrefix(p, name) {
			t.Errorf("package %s", p)
		}
	}
	run(dir, "go", "build", "./split/...", "./store/...", "./train/internal/...")
}
