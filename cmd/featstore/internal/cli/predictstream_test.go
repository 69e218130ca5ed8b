package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"featstore/extract/ingest"
	"featstore/store/storetest"
)

// A pathStream is standard input with many paths, of files that are not there. It counts
// what was read of it.
type pathStream struct {
	paths int
	next  atomic.Int64
}

func (s *pathStream) Read(b []byte) (int, error) {
	n := int(s.next.Add(1)) - 1
	if n == s.paths {
		return 0, io.EOF
	}
	return copy(b, fmt.Sprintf("nowhere/%09d.jpg\x00", n)), nil
}

// However many photos there are, only some are on their way at a time, and all are handed over in
// their order.
func TestMemoryDoesNotGrowWithPhotos(t *testing.T) {
	const paths, workers = 100_000, 3
	in := &pathStream{paths: paths}
	a := &app{Streams: Streams{In: in, Out: io.Discard, Err: io.Discard}, quiet: true, ctx: context.Background()}
	p := &predictor{app: a}
	got, most := 0, int64(0)
	count, err := p.run(context.Background(), photoSource{app: a, args: []string{stdinArgument}, nul: true}, workers, false, func(r predicted) error {
		if want := fmt.Sprintf("nowhere/%09d.jpg", got); r.photo.Path != want || r.err == "" {
			t.Fatalf("photo %d is %q, %q", got, r.photo.Path, r.err)
		}
		got++
		most = max(most, in.next.Load()-int64(got))
		return nil
	})
	if err != nil || got != paths || count != (predictionCount{paths, paths}) {
		t.Fatalf("%d photos, %+v: %v", got, count, err)
	}
	// What the pipe of the stream and its buffer hold counts too: 4,096 and 32,768 bytes.
	if bound := int64(workers*(jobsAhead+2) + (4096+32768)/len("nowhere/000000000.jpg\x00") + 10); most > bound {
		t.Errorf("%d paths were read ahead, want at most %d", most, bound)
	}
}

// What stops a run ends its source and its workers.
func TestPredictionStops(t *testing.T) {
	enough := errors.New("enough")
	a := &app{Streams: Streams{In: &pathStream{paths: 1 << 40}}, quiet: true}
	p := &predictor{app: a}
	_, err := p.run(context.Background(), photoSource{app: a, args: []string{stdinArgument}, nul: true}, 2, false, func(predicted) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("an error of the receiver: got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.In = &pathStream{paths: 1 << 40}
	n := 0
	_, err = p.run(ctx, photoSource{app: a, args: []string{stdinArgument}, nul: true}, 2, false, func(predicted) error {
		if n++; n == 100 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestStandardInputIsAPhotoOrAList(t *testing.T) {
	for begin, list := range map[string]bool{
		"": false, "a.jpg\n": true, "BMW/1.jpg\nGIF89a": true, "RIFF.webp": true, "caf\xe9.jpg\r\nx": true, "ü.jpg": true, "II.tif\n": true,
		"\xff\xd8\xff\xe0\x00\x10JFIF": false, "\x89PNG\r\n\x1a\n": false, "GIF89a\x20\x03\x58\x02\xf7\x00\x00": false,
		"RIFF\x24\x10\x00\x00WEBPVP8 ": false, "BM\x36\x00\x0c\x00\x00\x00\x00\x00": false, "II*\x00\x08\x00": false, "MM\x00*": false,
		"\x00\x00\x00\x18ftypheic": false, "\xff\x0a": false,
	} {
		if got := isPathList([]byte(begin)); got != list {
			t.Errorf("%q is a list: %v", begin, got)
		}
	}
}

func TestEachPath(t *testing.T) {
	for _, c := range []struct {
		in   string
		end  byte
		want []string
	}{
		{"a.jpg\n\nb c.jpg\r\nlast", '\n', []string{"a.jpg", "b c.jpg", "last"}},
		{"a\nb.jpg\x00c\r\x00\x00", 0, []string{"a\nb.jpg", "c\r"}},
		{"", '\n', nil},
	} {
		var got []string
		err := eachPath(strings.NewReader(c.in), c.end, func(p string) error { got = append(got, p); return nil })
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v", c.in, got, err)
		}
	}
	if err := eachPath(bytes.NewReader(make([]byte, 1<<20)), '\n', func(string) error { return nil }); err == nil {
		t.Error("a megabyte without an end of line was a path")
	}
}

// A photo arrives once its file rests, and again when it changes. What was there before, and what is
// left out, never does.
func TestArrivals(t *testing.T) {
	dir := storetest.Dir(t)
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	write("old.jpg", "old")
	without, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	a := newArrivals(dir, filepath.Join(without, "sorted"))
	a.every, a.settle = time.Millisecond, 0
	if err := a.skipPresent(t.Context()); err != nil {
		t.Fatal(err)
	}
	write("sorted/1.jpg", "sorted")
	write("notes.txt", "no photo")
	write("deep/1.jpg", "one")
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	err = a.each(ctx, func(f ingest.PhotoFile) error {
		rel, err := filepath.Rel(dir, f.Path)
		if got = append(got, fmt.Sprint(filepath.ToSlash(rel), " ", f.Size)); len(got) == 3 {
			cancel()
			return err
		}
		if len(got) == 1 {
			write("deep/1.jpg", "changed")
			write("old.jpg", "changed too")
		}
		return err
	})
	want := []string{"deep/1.jpg 3", "deep/1.jpg 7", "old.jpg 11"}
	if !errors.Is(err, context.Canceled) || !slices.Equal(got, want) {
		t.Errorf("%q, want %q: %v", got, want, err)
	}

	// A file that keeps growing does not arrive.
	a.settle = time.Hour
	write("grows.jpg", "g")
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = a.each(ctx, func(f ingest.PhotoFile) error { t.Errorf("%s has arrived", f.Path); return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "deep")); err != nil {
		t.Fatal(err)
	}
	if err := a.skipPresent(t.Context()); err != nil || len(a.known) != 3 {
		t.Errorf("%d files are known, want 3: %v", len(a.known), err)
	}
}
