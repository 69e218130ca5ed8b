package photo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// heifFiles are the pictures that testdata/make_heif.py makes.
func heifFiles(t testing.TB) (names []string) {
	t.Helper()
	for _, file := range files(t, "testdata/heif") {
		if ext := filepath.Ext(file); ext == ".heic" || ext == ".avif" {
			names = append(names, file)
		}
	}
	return names
}

// TestHEIFPixels: HEIC and AVIF of many kinds have, within two levels, the pixels that
// libheif and libavif make of them, also where the decoder has no more memory than was
// estimated.
func TestHEIFPixels(t *testing.T) {
	lim := Limits{Memory: NewMemory(DefaultMemory)}
	for _, file := range heifFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got, w, h := plainWithin(t, readFile(t, file), lim)
			want := pngPixels(t, file+".png")
			if len(got) != len(want) {
				t.Fatalf("%d×%d pixels, want %d values", w, h, len(want))
			}
			if d := maxDiff(got, want); d > 2 {
				t.Errorf("differs by up to %.1f levels", d)
			}
		})
	}
}

// TestHEIFOnSeveralGoroutines: pictures decoded at the same time, by decoders compiled
// once, are those decoded one after the other.
func TestHEIFOnSeveralGoroutines(t *testing.T) {
	lim := Limits{Memory: NewMemory(DefaultMemory)}
	names := []string{"testdata/heif/420.heic", "testdata/heif/420.avif", "testdata/heif/alpha.heic"}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			p := spec(16, RuleSquash, FilterBilinear, true)
			s, dst := new(Scratch), make([]float32, p.Len())
			for _, name := range names {
				data := readFile(t, name)
				alone := make([]float32, p.Len())
				if err := p.Pixels(alone, data, lim, nil); err != nil {
					t.Error(err)
				}
				if err := p.Pixels(dst, data, lim, s); err != nil || maxDiff(dst, float64s(alone)) != 0 {
					t.Errorf("%s: %v, or other pixels", name, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestHEIFIsCancelled: a context that ends stops a decoder.
func TestHEIFIsCancelled(t *testing.T) {
	p := spec(8, RuleSquash, FilterBilinear, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"testdata/heif/420.heic", "testdata/heif/420.avif"} {
		s := new(Scratch)
		src, err := open(readFile(t, name), &p, Limits{}, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := src.photo(ctx, &p, s); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestHostileHEIF: files that lie get errors of a known class.
func TestHostileHEIF(t *testing.T) {
	lim := Limits{Memory: NewMemory(DefaultMemory)}
	p := spec(8, RuleSquash, FilterBilinear, true)
	dst := make([]float32, p.Len())
	for _, name := range []string{"420.heic", "420.avif", "alpha.heic", "alpha.avif", "orientation-6.heic"} {
		good := readFile(t, "testdata/heif/"+name)
		for what, change := range map[string]func(b []byte) []byte{
			"cut in half":           func(b []byte) []byte { return b[:len(b)/2] },
			"cut in its header":     func(b []byte) []byte { return b[:100] },
			"only the first box":    func(b []byte) []byte { return b[:be32(b)] },
			"of 4 billion pixels":   sized(65535, 65535),
			"larger than the limit": sized(20000, 20000),
			"larger than it is":     sized(3000, 2000),
			"smaller than it is":    sized(8, 8),
			"of no pixels":          sized(0, 45),
			"without primary":       renamed("pitm"),
			"without items":         renamed("iinf"),
			"without places":        renamed("iloc"),
			"without configuration": func(b []byte) []byte { return renamed("hvcC")(renamed("av1C")(b)) },
			"without associations":  renamed("ipma"),
			"of another compression": func(b []byte) []byte {
				return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("hvc1"), []byte("j2k1")), []byte("av01"), []byte("j2k1"))
			},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				err := p.Pixels(dst, change(bytes.Clone(good)), lim, nil)
				if err == nil && strings.HasSuffix(name, ".avif") && strings.HasSuffix(what, "than it is") {
					return // libavif scales it to the size that the header says
				}
				if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupportedFormat) && !errors.Is(err, ErrTooLarge) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// sized changes what a file says of its pictures' sizes.
func sized(w, h uint32) func([]byte) []byte {
	return func(b []byte) []byte {
		for at := 0; ; {
			i := bytes.Index(b[at:], []byte("ispe"))
			if i < 0 {
				return b
			}
			at += i + 8
			binary.BigEndian.PutUint32(b[at:], w)
			binary.BigEndian.PutUint32(b[at+4:], h)
		}
	}
}

func renamed(box string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(box), []byte("skip")) }
}

// TestRefusedHEIF: what the file is instead is said.
func TestRefusedHEIF(t *testing.T) {
	good := readFile(t, "testdata/heif/420.heic")
	for what, c := range map[string]struct {
		data []byte
		want string
	}{
		"JPEG 2000 inside": {bytes.ReplaceAll(good, []byte("hvc1"), []byte("j2k1")), `compressed as "j2k1"; convert it`},
		"a film":           {[]byte("\x00\x00\x00\x18ftypmsf1\x00\x00\x00\x00msf1hevc\x00\x00\x00\x08moov"), "a series of pictures without a still one"},
		"MPEG-4":           {[]byte("\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomavc1"), "video"},
	} {
		_, _, _, err := DecodeConfig(c.data)
		if !errors.Is(err, ErrUnsupportedFormat) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// TestFormatOfHEIF: name and upright size are known from the header.
func TestFormatOfHEIF(t *testing.T) {
	for name, want := range map[string]string{"420.heic": "heic", "sequence.avif": "avif", "orientation-6.heic": "heic"} {
		format, w, h, err := DecodeConfig(readFile(t, "testdata/heif/"+name))
		if format != want || err != nil || name == "orientation-6.heic" && (w != 44 || h != 60) {
			t.Errorf("%s: %s of %d×%d, %v", name, format, w, h, err)
		}
	}
}
