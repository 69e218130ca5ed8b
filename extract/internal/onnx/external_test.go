package onnx_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"

	"github.com/google/go-cmp/cmp"
)

// elsewhere returns a model with 2 float32 in an external file.
func elsewhere(location string, offset, length int) []byte {
	return withInit("w", onnxtest.External("w", tensor.Float32, []int{2}, location, offset, length)).Bytes()
}

func TestExternalWeights(t *testing.T) {
	want := tensor.New([]float32{1, 2}, 2)
	files := fstest.MapFS{"w.bin": {Data: append([]byte("head"), onnxtest.Raw(want)...)}, "sub/w.bin": {Data: onnxtest.Raw(want)}}
	for _, c := range []struct {
		location       string
		offset, length int
	}{{"w.bin", 4, 8}, {"./w.bin", 4, 8}, {"sub/w.bin", 0, 8}, {"sub/../w.bin", 4, 8}} {
		g, err := onnx.Parse(elsewhere(c.location, c.offset, c.length), onnx.Options{External: files})
		if err != nil {
			t.Errorf("%s: %v", c.location, err)
			continue
		}
		if d := cmp.Diff(want, g.Initializers["w"]); d != "" {
			t.Errorf("%s: %s", c.location, d)
		}
	}
}

// Offset and length may be left out: the values are then the whole file.
func TestExternalWholeFile(t *testing.T) {
	msg := onnxtest.Header("w", tensor.Float32, 1).Varint(14, 1).Bytes(13, onnxtest.Message{}.Text(1, "location").Text(2, "w.bin"))
	g, err := onnx.Parse(withInit("w", msg).Bytes(), onnx.Options{External: fstest.MapFS{"w.bin": {Data: onnxtest.Raw(tensor.New([]float32{7}, 1))}}})
	if err != nil {
		t.Fatal(err)
	}
	if v := tensor.Values[float32](g.Initializers["w"]); v[0] != 7 {
		t.Errorf("%v", v)
	}
}

func TestExternalWeightsRefused(t *testing.T) {
	files := onnx.Options{External: fstest.MapFS{"w.bin": {Data: make([]byte, 12)}, "folder/x": {Data: nil}, "pipe": {Mode: fs.ModeNamedPipe}}}
	for _, c := range []struct {
		name string
		data []byte
		opt  onnx.Options
		kind error
		text string
	}{
		{"no folder", elsewhere("w.bin", 0, 8), onnx.Options{}, onnx.ErrExternal,
			`initializer "w": external weights: the weights are in "w.bin", which has to lie beside the model`},
		{"missing", elsewhere("v.bin", 0, 8), files, onnx.ErrExternal, "v.bin"},
		{"a folder", elsewhere("folder", 0, 8), files, onnx.ErrExternal, "not a regular file"},
		{"a pipe", elsewhere("pipe", 0, 8), files, onnx.ErrExternal, "not a regular file"},
		{"too short", elsewhere("w.bin", 8, 8), files, onnx.ErrExternal, `8 bytes at 8 are wanted of "w.bin", which has 12`},
		{"beyond the end", elsewhere("w.bin", 1<<30, 8), files, onnx.ErrExternal, "which has 12"},
		{"wrong length", elsewhere("w.bin", 0, 12), files, onnx.ErrCorrupt, `length "12" where the shape takes 8 bytes`},
		{"negative offset", elsewhere("w.bin", -1, 8), files, onnx.ErrCorrupt, `offset "-1"`},
		{"upwards", elsewhere("../w.bin", 0, 8), files, onnx.ErrCorrupt, "not a file in the model's folder"},
		{"hidden upwards", elsewhere("a/../../w.bin", 0, 8), files, onnx.ErrCorrupt, "not a file in the model's folder"},
		{"absolute", elsewhere("/etc/passwd", 0, 8), files, onnx.ErrCorrupt, "not a file in the model's folder"},
		{"backslashes", elsewhere(`..\w.bin`, 0, 8), files, onnx.ErrCorrupt, "not a file in the model's folder"},
		{"drive", elsewhere(`c:w.bin`, 0, 8), files, onnx.ErrCorrupt, "not a file in the model's folder"},
		{"the folder itself", elsewhere(".", 0, 8), files, onnx.ErrCorrupt, "not a file in the model's folder"},
		{"nowhere", elsewhere("", 0, 8), files, onnx.ErrCorrupt, "not a file in the model's folder"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.data, c.opt, c.kind, c.text) })
	}
}

func locations(data []byte) ([]string, error) {
	m, err := onnx.Scan(data, onnx.Limits{})
	if err != nil {
		return nil, err
	}
	return m.Locations()
}

func TestLocations(t *testing.T) {
	ext := func(name, location string) onnxtest.Message {
		return onnxtest.External(name, tensor.Float32, []int{2}, location, 0, 8)
	}
	m := onnxtest.New(17)
	m.RawInit("a", ext("a", "./one.bin"))
	m.RawInit("b", ext("b", "one.bin"))
	b := m.Body("b")
	b.RawInit("c", ext("c", "sub/two.bin"))
	b.Output("c")
	m.As("y", "If", []string{m.Input("x", tensor.Bool)}, onnxtest.Attrs{"then_branch": b})
	m.Func(onnxtest.Function{Name: "F", Domain: local}, func(g *onnxtest.Graph) {
		g.Node(onnxtest.Node{Op: "Constant", Outputs: []string{"k"}, RawAttrs: []onnxtest.Message{
			onnxtest.Message{}.Text(1, "value").Bytes(5, ext("", "three.bin")).Varint(20, 4),
		}})
	})
	m.Output("y")
	got, err := locations(m.Bytes())
	if d := cmp.Diff([]string{"one.bin", "sub/two.bin", "three.bin"}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	if got, err := locations(small().Bytes()); err != nil || len(got) != 0 {
		t.Errorf("a model without external data: %v, %v", got, err)
	}
	if _, err := locations(elsewhere("../x", 0, 8)); !errors.Is(err, onnx.ErrCorrupt) {
		t.Errorf("a file outside of the folder: %v", err)
	}
}

// After Scan the file's messages are not read again: its structure may be gone.
func TestScannedOnce(t *testing.T) {
	data := small().Bytes()
	want := parse(t, small().Bytes())
	m, err := onnx.Scan(data, onnx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	data[0], data[1] = 0xff, 0xff // the first field's tag
	if _, err := onnx.Parse(data, onnx.Options{}); err == nil {
		t.Fatal("the file can still be parsed: this test shows nothing")
	}
	if _, err := m.Locations(); err != nil {
		t.Error(err)
	}
	got, err := m.Graph(onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A folder opened as a root keeps symbolic links from leading out of it.
func TestExternalSymlinkOutOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	inside := filepath.Join(dir, "inside")
	if err := errors.Join(os.WriteFile(secret, make([]byte, 8), 0o600), os.Mkdir(inside, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(inside, "w.bin")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	root, err := os.OpenRoot(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	refused(t, elsewhere("w.bin", 0, 8), onnx.Options{External: root.FS()}, onnx.ErrExternal, "w.bin")
}

// faulty is a file whose reads fail, whose size lies, or which can only be read from
// the front.
type faulty struct {
	fs.File
	fail error
}

func (f faulty) Open(string) (fs.File, error) { return f, nil }
func (f faulty) Read(p []byte) (int, error)   { return f.File.Read(p) }

type failing struct{ faulty }

func (f failing) Open(string) (fs.File, error)              { return f, nil }
func (f failing) ReadAt(p []byte, _ int64) (int, error)     { return 0, f.fail }
func (f failing) Seek(off int64, whence int) (int64, error) { return 0, f.fail }

func TestExternalReadFails(t *testing.T) {
	file, err := fstest.MapFS{"w.bin": {Data: make([]byte, 8)}}.Open("w.bin")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("disk on fire")
	_, err = onnx.Parse(elsewhere("w.bin", 0, 8), onnx.Options{External: failing{faulty{file, broken}}})
	if !errors.Is(err, broken) || !errors.Is(err, onnx.ErrExternal) {
		t.Errorf("error %v", err)
	}
	_, err = onnx.Parse(elsewhere("w.bin", 0, 8), onnx.Options{External: failing{faulty{file, io.EOF}}})
	if !errors.Is(err, io.EOF) {
		t.Errorf("error %v of a file that got shorter", err)
	}
	refused(t, elsewhere("w.bin", 0, 8), onnx.Options{External: faulty{File: file}}, onnx.ErrExternal, "from the middle")
}

// Each external file is opened once, and closed.
func TestExternalFilesAreClosed(t *testing.T) {
	m := onnxtest.New(13)
	for i := range 20 {
		name := fmt.Sprint("w", i)
		m.RawInit(name, onnxtest.External(name, tensor.Float32, []int{2}, fmt.Sprintf("%d.bin", i/10), 0, 8))
	}
	m.Output(m.Op("Relu", []string{m.Input("x", tensor.Float32, 1)}, nil))
	files := &counting{MapFS: fstest.MapFS{"0.bin": {Data: make([]byte, 8)}, "1.bin": {Data: make([]byte, 8)}}}
	if _, err := onnx.Parse(m.Bytes(), onnx.Options{External: files}); err != nil {
		t.Fatal(err)
	}
	if files.opened != 2 || files.closed != 2 {
		t.Errorf("%d opened, %d closed, want 2", files.opened, files.closed)
	}
}

type counting struct {
	fstest.MapFS
	opened, closed int
}

type counted struct {
	fs.File
	io.ReaderAt
	of *counting
}

func (c *counting) Open(name string) (fs.File, error) {
	f, err := c.MapFS.Open(name)
	if err != nil {
		return nil, err
	}
	c.opened++
	return counted{f, f.(io.ReaderAt), c}, nil
}

func (c counted) Close() error {
	c.of.closed++
	return c.File.Close()
}
