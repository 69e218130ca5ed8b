package userfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

func write(t *testing.T, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A file is returned whole up to the limit, and refused beyond it.
func TestLimit(t *testing.T) {
	ctx := context.Background()
	for size := range 6 {
		want := strings.Repeat("x", size)
		read := map[string]func() ([]byte, error){
			"file":   func() ([]byte, error) { return Read(ctx, write(t, want), 4) },
			"fs":     func() ([]byte, error) { return ReadFS(ctx, fstest.MapFS{"f": {Data: []byte(want)}}, "f", 4) },
			"stream": func() ([]byte, error) { return ReadStream(ctx, strings.NewReader(want), 4) },
		}
		for name, do := range read {
			got, err := do()
			if size <= 4 && (err != nil || string(got) != want) {
				t.Errorf("%s of %d bytes: %q, %v", name, size, got, err)
			}
			if size > 4 && (!errors.Is(err, ErrTooLarge) || got != nil) {
				t.Errorf("%s of %d bytes: %q, %v", name, size, got, err)
			}
		}
	}
}

// However a reader cuts its bytes up, and whatever was guessed of its length, all of
// them arrive or none.
func TestReadAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "data")
		most := rapid.Int64Range(0, 4000).Draw(t, "most")
		guess := rapid.Int64Range(0, most).Draw(t, "guess")
		step := rapid.IntRange(1, 700).Draw(t, "step")
		got, err := readAll(context.Background(), &slow{data, step}, guess, most)
		if int64(len(data)) > most {
			if !errors.Is(err, ErrTooLarge) {
				t.Fatalf("%d bytes of at most %d: %v", len(data), most, err)
			}
			return
		}
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes became %d, %v", len(data), len(got), err)
		}
	})
}

type slow struct {
	rest []byte
	step int
}

func (s *slow) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.step)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// A file that grows while it is read is read no further than the limit, though its
// size was small when it was opened.
func TestGrowing(t *testing.T) {
	f := endless{size: 3}
	fsys := one{&f}
	if _, err := ReadFS(context.Background(), fsys, "f", 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if f.read > 1001 {
		t.Errorf("%d bytes were read of at most 1000", f.read)
	}
}

// endless is a regular file that never ends, whatever its size.
type endless struct {
	size int64
	read int
}

type one struct{ f fs.File }

func (o one) Open(string) (fs.File, error)    { return o.f, nil }
func (e *endless) Close() error               { return nil }
func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }
func (e *endless) Stat() (fs.FileInfo, error) {
	info, err := fs.Stat(fstest.MapFS{"f": {Data: make([]byte, e.size)}}, "f")
	return info, err
}

// The size that a file says it has costs nothing before it is compared with the limit.
func TestSparse(t *testing.T) {
	path := write(t, "")
	if err := os.Truncate(path, 5<<30); err != nil {
		t.Skip("no sparse files here:", err)
	}
	if _, err := Read(context.Background(), path, 1<<20); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "5368709120 bytes, at most 1048576") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsWithoutPath(t *testing.T) {
	_, err := Read(context.Background(), filepath.Join(t.TempDir(), "none"), 10)
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "none") {
		t.Errorf("got %v", err)
	}
	if _, err := Read(context.Background(), t.TempDir(), 10); !errors.Is(err, ErrKind) || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := ReadFS(context.Background(), fstest.MapFS{"d/f": {}}, "d", 10); !errors.Is(err, ErrKind) {
		t.Errorf("a folder: %v", err)
	}
}

// A cancelled context ends reading, and also waiting for a stream that gives nothing.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	silent, writer := io.Pipe()
	defer writer.Close()
	waiting := make(chan struct{})
	go func() {
		<-waiting
		cancel()
	}()
	if _, err := ReadStream(ctx, &telling{silent, waiting}, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("a silent stream: %v", err)
	}
	if _, err := Read(ctx, write(t, "x"), 10); !errors.Is(err, context.Canceled) {
		t.Errorf("a file: %v", err)
	}
}

// telling closes a channel when it is first read.
type telling struct {
	io.Reader
	first chan struct{}
}

func (r *telling) Read(p []byte) (int, error) {
	if r.first != nil {
		close(r.first)
		r.first = nil
	}
	return r.Reader.Read(p)
}

// A list comes from a file or from standard input; a cancelled context ends both.
func TestOpenList(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	path := write(t, "from a file")
	for name, want := range map[string]string{path: "from a file", "-": "from a pipe"} {
		f, err := OpenList(ctx, name, strings.NewReader("from a pipe"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		f.Close()
	}
	if _, err := OpenList(ctx, t.TempDir(), nil); !errors.Is(err, ErrKind) {
		t.Errorf("a folder: %v", err)
	}
	cancel()
	for _, name := range []string{path, "-"} {
		silent, writer := io.Pipe()
		f, err := OpenList(ctx, name, silent)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(f); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
		writer.Close()
	}
}
