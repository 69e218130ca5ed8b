package export

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/sbinet/npyio/npy"
	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

func must(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A line is a row as any reader should get it back.
type line struct {
	Path, Label, Split, Digest string
	Copies                     []string
	Features                   []float32
}

// fill puts images into a store: a few labels, copies, a dispute, a photo that the
// second model has not seen, names that need quoting and that are not UTF-8.
func fill(t *testing.T, db *store.DB) {
	t.Helper()
	must(t, db.Update(func(tx *store.Tx) error {
		_, err := tx.PutRoot(store.Root{Path: filepath.FromSlash("/photos"), Name: "photos"})
		return errors.Join(err,
			tx.PutModel(store.Model{ID: "aaaa", Name: "first", Dim: 3, Tap: "t", Preprocess: `{"width":8}`}),
			tx.PutModel(store.Model{ID: "bbbb", Name: "second", Dim: 2, Tap: "t"}))
	}))
	w := db.NewWriter(store.WriterOptions{})
	put := func(label, name, content string, models ...string) {
		d := split.SumBytes([]byte(content))
		e := store.Entry{Root: 1, Path: label + "/" + name, Image: store.Image{Digest: d, Label: label}, Vectors: map[string][]float32{}}
		for _, m := range models {
			e.Vectors[m] = vectorOf(m, d)
		}
		must(t, w.Put(e))
	}
	for i := range 60 {
		put([]string{"rose", "Gänseblümchen", `a,"b"`}[i%3], fmt.Sprintf("%d.jpg", i), fmt.Sprint(i), "aaaa", "bbbb")
	}
	put("rose", "copy of 0.jpg", "0")
	put("rose", "a copy\nof 0.jpg", "0")
	put("rose", "\xff.jpg", "not UTF-8", "aaaa", "bbbb")
	put("rose", "dispute.jpg", "dispute", "aaaa", "bbbb")
	put(`a,"b"`, "dispute.jpg", "dispute")
	put("rose", "new.jpg", "new", "aaaa")
	must(t, w.Close())
}

// vectorOf returns numbers that are hard to write down.
func vectorOf(model string, d split.Digest) []float32 {
	v := []float32{math.Float32frombits(binary.LittleEndian.Uint32(d[:]) &^ (1 << 30)), float32(d[4]) / 3, -0.1, 0, math.SmallestNonzeroFloat32}
	if model == "aaaa" {
		return v[:3]
	}
	return v[3:]
}

// expected lists what an export has to hold, found by other ways than Each.
func expected(t *testing.T, db *store.DB, models []string, splits []split.Split) (want []line) {
	t.Helper()
	must(t, db.View(func(tx *store.Tx) error {
		byDigest := map[split.Digest]*line{}
		for image, err := range tx.Images(1) {
			must(t, err)
			path := filepath.Join("/photos", image.Path)
			if l := byDigest[image.Digest]; l != nil {
				l.Copies = append(l.Copies, path)
				if l.Label != image.Label {
					l.Label = ""
				}
				continue
			}
			s, err := tx.Split(image.Digest)
			must(t, err)
			l := &line{Path: path, Label: image.Label, Split: s.String(), Digest: image.Digest.String()}
			for _, m := range models {
				v, err := tx.Vector(m, image.Digest)
				if errors.Is(err, store.ErrNotFound) {
					l.Label = ""
				} else {
					must(t, err)
				}
				l.Features = append(l.Features, v...)
			}
			byDigest[image.Digest] = l
		}
		for _, l := range byDigest {
			s, _ := split.Parse(l.Split)
			if l.Label != "" && (splits == nil || slices.Contains(splits, s)) {
				want = append(want, *l)
			}
		}
		return nil
	}))
	order := map[string]int{"training": 0, "validation": 1, "testing": 2}
	slices.SortFunc(want, func(a, b line) int {
		if d := order[a.Split] - order[b.Split]; d != 0 {
			return d
		}
		if d := strings.Compare(a.Label, b.Label); d != 0 {
			return d
		}
		return strings.Compare(a.Digest, b.Digest)
	})
	return want
}

// Whatever is exported comes back, in every format.
func TestRoundTrip(t *testing.T) {
	db := storetest.Open(t)
	fill(t, db)
	readers := map[Format]func(*testing.T, string, Summary) []line{NPY: readNPY, CSV: readCSV, Parquet: readParquet}
	for _, models := range [][]string{{"aaaa"}, {"bbbb"}, {"bbbb", "aaaa"}} {
		for _, splits := range [][]split.Split{nil, {split.Testing}, {split.Training, split.Validation}} {
			want := expected(t, db, models, splits)
			for _, format := range Formats {
				t.Run(fmt.Sprint(format, models, splits), func(t *testing.T) {
					path := filepath.Join(storetest.Dir(t), "out")
					calls := 0
					s, err := Write(context.Background(), db, path, Options{Format: format, Models: models, Splits: splits, Progress: func(done, total int) {
						if calls++; done != calls || total != len(want) {
							t.Errorf("progress %d of %d at call %d of %d", done, total, calls, len(want))
						}
					}})
					must(t, err)
					if s.Rows != len(want) || calls != s.Rows || s.Rows != s.Splits.Training+s.Splits.Validation+s.Splits.Testing {
						t.Errorf("summary %+v, want %d rows, %d calls", s, len(want), calls)
					}
					missing := 0
					if slices.Contains(models, "bbbb") {
						missing = 1
					}
					if s.Disputed != 1 || s.Missing != missing || s.Bytes != sizeOf(t, path) {
						t.Errorf("summary %+v, %d bytes on disk", s, sizeOf(t, path))
					}
					if d := cmp.Diff(want, readers[format](t, path, s)); d != "" {
						t.Errorf("-want +got\n%s", d)
					}
				})
			}
		}
	}
}

func sizeOf(t *testing.T, path string) (n int64) {
	t.Helper()
	must(t, filepath.Walk(path, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	}))
	return n
}

func readNPY(t *testing.T, dir string, s Summary) (got []line) {
	t.Helper()
	var h header
	text, err := os.ReadFile(filepath.Join(dir, headerName))
	must(t, err)
	must(t, json.Unmarshal(text, &h))
	if h.Rows != s.Rows || h.Dim != s.Dim || !slices.Equal(h.Labels, s.Labels) || h.Models[0].ID != s.Models[0] {
		t.Errorf("header %+v", h)
	}
	var features []float32
	shape := readArray(t, filepath.Join(dir, "features.npy"), &features)
	if !slices.Equal(shape, []int{s.Rows, s.Dim}) {
		t.Errorf("features have shape %v", shape)
	}
	var numbers []int64
	readArray(t, filepath.Join(dir, "labels.npy"), &numbers)
	names := readTexts(t, filepath.Join(dir, "label_names.npy"))
	splits := readTexts(t, filepath.Join(dir, "splits.npy"))
	paths := readTexts(t, filepath.Join(dir, "paths.npy"))
	digests := readTexts(t, filepath.Join(dir, "digests.npy"))
	for i := range s.Rows {
		got = append(got, line{paths[i], names[numbers[i]], splits[i], digests[i], h.Copies[digests[i]], features[i*s.Dim : (i+1)*s.Dim]})
	}
	return got
}

// readArray reads numbers with npyio, into a slice.
func readArray(t *testing.T, path string, into any) []int {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	r, err := npy.NewReader(f)
	must(t, err)
	must(t, r.Read(into))
	return r.Header.Descr.Shape
}

// readTexts reads an array of text, which npyio cannot.
func readTexts(t *testing.T, path string) (texts []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	end := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	if end%64 != 0 {
		t.Errorf("%s: values begin at byte %d", path, end)
	}
	var width, n int
	_, err = fmt.Sscanf(string(b[10:end]), "{'descr': '<U%d', 'fortran_order': False, 'shape': (%d,), }", &width, &n)
	must(t, err)
	if b = b[end:]; len(b) != 4*width*n {
		t.Fatalf("%s: %d bytes of %d texts of %d characters", path, len(b), n, width)
	}
	for ; len(b) > 0; b = b[4*width:] {
		var text []byte
		for i := range width {
			switch c := rune(binary.LittleEndian.Uint32(b[4*i:])); {
			case c == 0:
			case c >= 0xDC80 && c <= 0xDCFF: // as os.fsencode
				text = append(text, byte(c-0xDC00))
			default:
				text = append(text, string(c)...)
			}
		}
		texts = append(texts, string(text))
	}
	return texts
}

func readCSV(t *testing.T, path string, s Summary) (got []line) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	must(t, err)
	if want := fmt.Sprintf("f%d", s.Dim-1); rows[0][0] != "path" || rows[0][len(rows[0])-1] != want {
		t.Errorf("header %q", rows[0])
	}
	for _, r := range rows[1:] {
		l := line{Path: r[0], Label: r[1], Split: r[2], Digest: r[3]}
		if r[4] != strings.Join(s.Models, "+") {
			t.Errorf("model %q", r[4])
		}
		if r[5] != "" {
			must(t, json.Unmarshal([]byte(r[5]), &l.Copies))
		}
		for _, f := range r[6:] {
			v, err := strconv.ParseFloat(f, 32)
			must(t, err)
			l.Features = append(l.Features, float32(v))
		}
		got = append(got, l)
	}
	return got
}

func readParquet(t *testing.T, path string, s Summary) (got []line) {
	t.Helper()
	rows, err := parquet.ReadFile[parquetRow](path)
	must(t, err)
	changed := 0
	for _, r := range rows {
		if strings.Contains(r.Path, "\uFFFD") {
			r.Path = strings.ReplaceAll(r.Path, "\uFFFD", "\xff")
			changed++
		}
		if len(r.Copies) == 0 {
			r.Copies = nil
		}
		got = append(got, line(r))
	}
	if changed != s.NotText {
		t.Errorf("%d paths are not as they were, the summary says %d", changed, s.NotText)
	}
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	file, err := parquet.OpenFile(f, sizeOf(t, path))
	must(t, err)
	var h header
	text, _ := file.Lookup(parquetKey)
	must(t, json.Unmarshal([]byte(text), &h))
	if h.Rows != s.Rows || h.Models[0].ID != s.Models[0] {
		t.Errorf("metadata %s", text)
	}
	return got
}

// The same store gives the same bytes.
func TestDeterministic(t *testing.T) {
	db := storetest.Open(t)
	fill(t, db)
	for _, format := range Formats {
		var first string
		for range 2 {
			path := filepath.Join(storetest.Dir(t), "out")
			_, err := Write(context.Background(), db, path, Options{Format: format, Models: []string{"aaaa", "bbbb"}})
			must(t, err)
			if all := contents(t, path); first == "" {
				first = all
			} else if all != first {
				t.Errorf("%s: two exports of the same store differ", format)
			}
		}
	}
}

// contents returns all bytes below a path, with their files' names.
func contents(t *testing.T, path string) string {
	t.Helper()
	var all strings.Builder
	must(t, filepath.Walk(path, func(p string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		fmt.Fprintf(&all, "%s: %q\n", info.Name(), b)
		return err
	}))
	return all.String()
}

// Text of any kind survives as an array's element.
func TestTextProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Trim(rapid.StringOf(rapid.Rune()).Draw(rt, "text"), "\x00")
		if rapid.Bool().Draw(rt, "bytes") {
			text = strings.ReplaceAll(string(rapid.SliceOf(rapid.ByteRange(1, 255)).Draw(rt, "any")), "\xed", "")
		}
		if strings.ContainsRune(text, 0) {
			rt.Skip()
		}
		width := max(1, len([]rune(text)))
		var out bytes.Buffer
		w := &npyFolder{}
		must(rt, w.putText(&out, text, width))
		path := filepath.Join(storetest.Dir(t), "t.npy")
		must(rt, os.WriteFile(path, append(npyHeader(textKind(width), 1), out.Bytes()...), 0o600))
		if got := readTexts(t, path); got[0] != text {
			rt.Fatalf("%q came back as %q", text, got[0])
		}
	})
}
