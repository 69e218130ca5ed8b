package modelfile

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/zoo"

	"github.com/google/go-cmp/cmp"
)

// writeZoo writes a network and its weights to a folder.
func writeZoo(t *testing.T, m *zoo.Model) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "net.onnx")
	files := map[string][]byte{"net.onnx": m.Data}
	maps.Copy(files, m.Files)
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func small(t *testing.T, variant string) *zoo.Model {
	t.Helper()
	v, err := zoo.Find(variant)
	if err != nil {
		t.Fatal(err)
	}
	return v.Small()
}

// countingFS counts how often each file is opened.
type countingFS struct {
	fstest.MapFS
	opened map[string]int
}

func (c countingFS) Open(name string) (fs.File, error) {
	c.opened[name]++
	return c.MapFS.Open(name)
}

func (c countingFS) Stat(name string) (fs.FileInfo, error) { return c.MapFS.Stat(name) }

// Sidecars are opened once, weights once for their values and once for their digest,
// and nothing else is looked into.
func TestFilesAreReadOnce(t *testing.T) {
	m := small(t, "resnext50-dynamo")
	folder := countingFS{fstest.MapFS{
		"net.json":                 {Data: []byte(`{"preprocess":{"preset":"unit"}}`)},
		"preprocessor_config.json": {Data: []byte(`{"size":8,"do_normalize":false}`)},
		"config.json":              {Data: []byte(`{}`)},
		"other.json":               {Data: []byte(`{}`)},
	}, map[string]int{}}
	want := map[string]int{"net.json": 1, "preprocessor_config.json": 1, "config.json": 1}
	for name, data := range m.Files {
		folder.MapFS[name] = &fstest.MapFile{Data: data}
		want[name] = 2
	}
	f, err := Read(m.Data, folder, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.gather(folder, "net.onnx"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, folder.opened); d != "" {
		t.Errorf("files opened (-want +got)\n%s", d)
	}
}

// A decision asks the request first, then the sources in their order, each for what is
// still open, and says who answered.
func TestDecide(t *testing.T) {
	path := writeZoo(t, small(t, "resnet18-gluon"))
	manifest := `{"name":"mine","pool":"max","dim":9,"preprocess":{"preset":"lite","width":64,"height":64}}`
	if err := os.WriteFile(strings.TrimSuffix(path, ".onnx")+".json", []byte(manifest), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string][]string{
		"":                 {"mine", "max", "preset lite, manifest net.json", "fixed in the model"},
		"name=n,order=bgr": {"n", "max", "as asked for, else preset lite, manifest net.json", "fixed in the model"},
		"unit,pool=avg":    {"mine", "avg", "preset unit, as asked for", "fixed in the model"},
	} {
		var request Manifest
		if list != "" {
			if err := request.SetAll(list); err != nil {
				t.Fatal(err)
			}
		}
		d, err := f.Decide(request)
		if err == nil {
			err = d.Prepare()
		}
		if err != nil {
			t.Errorf("%q: %v", list, err)
			continue
		}
		if got := []string{d.Name, d.Pool, d.From, d.SizeFrom}; !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", list, got, want)
		}
		if d.Input.Layout != LayoutNCHW || d.Input.Requested || d.Graph == nil || !slices.Contains(d.Candidates, d.Tap) || d.TapWhy == "" {
			t.Errorf("%q: %+v, tap %q of %q: %s", list, d.Input, d.Tap, d.Candidates, d.TapWhy)
		}
	}
}

// What is known of a network by its digest fits the files that it is about.
func TestEmbedded(t *testing.T) {
	f, err := Embedded(onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	d, err := f.Decide(Manifest{})
	if err == nil {
		err = d.Prepare()
	}
	if err != nil || d.Tap != "bottleneck" || !strings.Contains(d.From, "knows this file") || d.Preprocess.Width != 320 {
		t.Errorf("%+v, %v", d, err)
	}
}
