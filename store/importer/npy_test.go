package importer

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sbinet/npyio/npy"

	"featstore/store/storetest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write writes a file into a folder of the test's.
func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o777))
	must(t, os.WriteFile(path, data, 0o666))
	return path
}

// npyFile is an array's file of format 1.
func npyFile(descr, shape string, data []byte) []byte {
	dict := fmt.Sprintf("{'descr': %s, 'fortran_order': False, 'shape': %s, }\n", descr, shape)
	b := append([]byte(npyMagic), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(dict)))
	return append(append(b, dict...), data...)
}

// A line is a row as it was read.
type line struct {
	Name, Label, Split, Problem string
	Vector                      []float32
}

// read returns all rows of a source.
func read(t testing.TB, path string, opt Options) ([]line, error) {
	t.Helper()
	src, err := Open(path, opt)
	if err != nil {
		return nil, err
	}
	defer func() { must(t, src.Close()) }()
	var all []line
	err = src.Each(context.Background(), true, func(r *Row) error {
		l := line{Name: r.Name(), Label: r.Label, Problem: r.Problem, Vector: append([]float32(nil), r.Vector...)}
		if r.Fixed {
			l.Split = r.Split.String()
		}
		all = append(all, l)
		return nil
	})
	n := 0
	if e := src.Each(context.Background(), false, func(*Row) error { n++; return nil }); err == nil && e == nil && n != len(all) {
		t.Errorf("%d rows with vectors, %d without", len(all), n)
	}
	return all, err
}

// Arrays of every kind of float are read, with what lies beside them in every form.
func TestArrays(t *testing.T) {
	dir := storetest.Dir(t)
	little, big := binary.LittleEndian, binary.BigEndian
	bits := func(order binary.AppendByteOrder, size int) (b []byte) {
		for _, v := range []float64{0.5, -2, 3, 65504} {
			switch size {
			case 2:
				b = order.AppendUint16(b, map[float64]uint16{0.5: 0x3800, -2: 0xc000, 3: 0x4200, 65504: 0x7bff}[v])
			case 4:
				b = order.AppendUint32(b, math.Float32bits(float32(v)))
			case 8:
				b = order.AppendUint64(b, math.Float64bits(v))
			}
		}
		return b
	}
	utf32 := func(texts ...string) (b []byte) {
		for _, s := range texts {
			for _, r := range append([]rune(s), make([]rune, 4)...)[:4] {
				b = little.AppendUint32(b, uint32(r))
			}
		}
		return b
	}
	features := map[string][]byte{
		"f4": npyFile("'<f4'", "(2, 2)", bits(little, 4)), "f8": npyFile("'<f8'", "(2, 2, 1)", bits(little, 8)), "f2": npyFile("'<f2'", "(2,1,2)", bits(little, 2)),
		"big f4": npyFile("'>f4'", "(2L, 2L)", bits(big, 4)), "big f2": npyFile(`">f2"`, "(2, 2)", bits(big, 2)),
	}
	labels := map[string][]byte{
		"i8.npy": npyFile("'<i8'", "(2,)", []byte("\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")),
		"u1.npy": npyFile("'|u1'", "(2, 1)", []byte("\x01\x00")), "b1.npy": npyFile("'|b1'", "(2,)", []byte("\x01\x00")),
		"f4.npy": npyFile("'<f4'", "(2,)", little.AppendUint32(little.AppendUint32(nil, math.Float32bits(1)), 0)),
		"l.txt":  []byte("1\r\n0"), "l.csv": []byte("id,class\n7,1\n8,0\n"), "S.npy": npyFile("'|S3'", "(2,)", []byte("1\x00\x000\x00\x00")),
	}
	names := map[string][]byte{
		"n.npy": npyFile("'<U4'", "(2,)", utf32("äb", "rose")), "n.txt": []byte("äb\nrose\n"), "n.json": []byte(`["äb", "rose"]`),
	}
	paths := write(t, dir, "paths.npy", npyFile("'<U4'", "(2,)", utf32("a/b", "c")))
	splits := write(t, dir, "splits.txt", []byte("train\nTest\n"))
	want := []line{{"a/b", "rose", "training", "", []float32{0.5, -2}}, {"c", "äb", "testing", "", []float32{3, 65504}}}
	for f, data := range features {
		path := write(t, dir, f, data)
		for l, data := range labels {
			for n, data2 := range names {
				opt := Options{Labels: write(t, dir, l, data), LabelNames: write(t, dir, n, data2), Paths: paths, Splits: splits}
				got, err := read(t, path, opt)
				if d := cmp.Diff(want, got); err != nil || d != "" {
					t.Errorf("%s %s %s: %v\n%s", f, l, n, err, d)
				}
			}
		}
	}
}

// Another writer's arrays are read.
func TestArraysOfAnotherWriter(t *testing.T) {
	dir := storetest.Dir(t)
	var b bytes.Buffer
	must(t, npy.Write(&b, [][2]float64{{1, 2}, {3, 4}}))
	got, err := read(t, write(t, dir, "x.npy", b.Bytes()), Options{})
	if err != nil || len(got) != 2 || got[1].Vector[0] != 3 || got[0].Name != "row 0" {
		t.Errorf("%v, %v", got, err)
	}
}

// What is no array of features says why.
func TestBadArrays(t *testing.T) {
	dir := storetest.Dir(t)
	zeros := make([]byte, 64)
	good := write(t, dir, "good.npy", npyFile("'<f4'", "(2, 2)", zeros))
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"short":     {npyFile("'<f4'", "(200, 2)", zeros), "it is cut short"},
		"huge":      {npyFile("'<f4'", "(9223372036854775807, 9223372036854775807)", zeros), "it is cut short"},
		"overflow":  {npyFile("'<f4'", "(92233720368547758079, 2)", zeros), "shape"},
		"columns":   {bytes.Replace(npyFile("'<f4'", "(2, 2)", zeros), []byte("False"), []byte("True "), 1), "ascontiguousarray"},
		"ints":      {npyFile("'<i4'", "(2, 2)", zeros), "astype"},
		"objects":   {npyFile("'|O'", "(2, 2)", zeros), "Python objects"},
		"fields":    {npyFile("[('a', '<f4')]", "(2,)", zeros), "fields"},
		"complex":   {npyFile("'<c8'", "(2, 2)", zeros), "want numbers"},
		"flat":      {npyFile("'<f4'", "(4,)", zeros), "want N×D"},
		"map":       {npyFile("'<f4'", "(1, 2, 2, 2)", zeros), "want N×D"},
		"single":    {npyFile("'<f4'", "()", zeros), "single value"},
		"empty":     {npyFile("'<f4'", "(0, 2)", zeros), "empty"},
		"no width":  {npyFile("'<f4'", "(2, 0)", zeros), "empty"},
		"header":    {[]byte(npyMagic + "\x02\x00\xff\xff\xff\xff{"), "a header of 4294967295 bytes"},
		"cut":       {[]byte(npyMagic + "\x01\x00\x40\x00{"), "ends in its header"},
		"version":   {[]byte(npyMagic + "\x09\x00\x40\x00{'"), "format 9"},
		"magic":     {[]byte(npyMagic), "does not begin"},
		"no dict":   {append([]byte(npyMagic), "\x01\x00\x03\x00abc"...), "header"},
		"archive":   {[]byte("PK\x03\x04xxxxxxxxxxxxxxxxxxx"), "archive"},
		"pickle":    {[]byte("\x80\x04\x95xxxx"), "pickle"},
		"wide text": {npyFile("'<U99999999'", "(2, 2)", zeros), "texts take"},
	} {
		_, err := read(t, write(t, dir, "bad", c.data), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), ErrSource.Error()) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"one.txt":   {[]byte("a\n"), "fewer values"},
		"three.txt": {[]byte("a\nb\nc\n"), "more values"},
		"one.csv":   {[]byte("label\na\n"), "fewer values"},
		"three.csv": {[]byte("label\na\nb\nc\n"), "more values"},
		"none.csv":  {[]byte("x,z\na\nb\n"), "none of the columns"},
		"one.npy":   {npyFile("'<i8'", "(1,)", zeros), "1 values"},
		"wide.npy":  {npyFile("'<i8'", "(2, 2)", zeros), "one value a row"},
		"half.npy":  {npyFile("'<f4'", "(2,)", bytes.Repeat([]byte{0, 0, 0, 0x3f}, 2)), "no whole number"},
	} {
		_, err := read(t, good, Options{Labels: write(t, dir, name, c.data)})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	_, err := read(t, good, Options{Labels: write(t, dir, "l.txt", []byte("0\n2\n")), LabelNames: write(t, dir, "n.txt", []byte("a\nb\n"))})
	if err == nil || !strings.Contains(err.Error(), "no number from 0 to 1") {
		t.Error(err)
	}
}

// Every half is what NumPy takes it for: checked by its parts.
func TestFromHalf(t *testing.T) {
	for h := range 1 << 16 {
		sign, exponent, fraction := 1-2*float64(h>>15), h>>10&0x1f, float64(h&0x3ff)
		want := sign * (1 + fraction/1024) * math.Pow(2, float64(exponent-15))
		switch {
		case exponent == 0:
			want = sign * fraction * math.Pow(2, -24)
		case exponent == 31 && fraction == 0:
			want = math.Inf(int(sign))
		case exponent == 31:
			want = math.NaN()
		}
		got := float64(fromHalf(uint16(h)))
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) || math.Signbit(got) != (h>>15 == 1) && !math.IsNaN(want) {
			t.Fatalf("%#x: %v, want %v", h, got, want)
		}
	}
}
