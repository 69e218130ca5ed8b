package modelfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/zoo"
)

// hubCache lays a model out as the cache of Hugging Face's hub has it: links to files
// named after their digest. It returns the cache's folder of the repository and the path
// of the model.
func hubCache(t *testing.T, m *zoo.Model) (hub, path string) {
	t.Helper()
	hub = filepath.Join(t.TempDir(), "models--someone--net")
	snapshot := filepath.Join(hub, "snapshots", "0123456789abcdef", "onnx")
	blobs := filepath.Join(hub, "blobs")
	for _, dir := range []string{snapshot, blobs} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name string, data []byte) {
		blob := strings.Repeat(name[len(name)-1:], 64)
		if err := os.WriteFile(filepath.Join(blobs, blob), data, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..", "..", "..", "blobs", blob), filepath.Join(snapshot, name)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	path = filepath.Join(snapshot, "model.onnx")
	link("model.onnx", m.Data)
	for name, data := range m.Files {
		link(name, data)
	}
	return hub, path
}

// A network in the hub's cache is the same as one with its weights beside it.
func TestHubCache(t *testing.T) {
	v, err := zoo.Find("resnext50-dynamo")
	if err != nil {
		t.Fatal(err)
	}
	hub, path := hubCache(t, v.Small())
	plain, err := Open(writeZoo(t, v.Small()), onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	cached, err := Open(path, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if len(cached.Weights) != 1 || cached.Weights[0] != plain.Weights[0] {
		t.Errorf("weights %v, beside the model %v", cached.Weights, plain.Weights)
	}
	// The whole cache may itself lie behind a link.
	other := filepath.Join(t.TempDir(), "models--someone--net")
	if err := os.Symlink(hub, other); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(other, strings.TrimPrefix(path, hub)), onnx.DefaultLimits()); err != nil {
		t.Error("through a link:", err)
	}
}

// No other link leads out of the model's folder: neither from the cache to elsewhere nor
// in a folder that is no cache.
func TestLinksOutOfTheFolder(t *testing.T) {
	v, err := zoo.Find("resnext50-dynamo")
	if err != nil {
		t.Fatal(err)
	}
	m := v.Small()
	for name, dirs := range map[string][2]string{ // of the model, and of its weights
		"from the cache to elsewhere": {"hub/snapshots/a", "secret"},
		"to another model's blobs":    {"hub/snapshots/a", "other/blobs"},
		"into another snapshot":       {"hub/snapshots/a", "hub/snapshots/b"},
		"no cache":                    {"hub/models/a", "hub/blobs"},
	} {
		root := t.TempDir()
		at, elsewhere := filepath.Join(root, dirs[0]), filepath.Join(root, dirs[1])
		for _, dir := range []string{at, elsewhere, filepath.Join(root, "hub", "blobs")} {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(at, "model.onnx")
		if err := os.WriteFile(path, m.Data, 0o666); err != nil {
			t.Fatal(err)
		}
		for file, data := range m.Files {
			target := filepath.Join(elsewhere, file)
			if err := os.WriteFile(target, data, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, filepath.Join(at, file)); err != nil {
				t.Skip("no symbolic links here:", err)
			}
		}
		if _, err := Open(path, onnx.DefaultLimits()); err == nil || !strings.Contains(err.Error(), "external weights") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
