package export_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/sbinet/npyio"
	"github.com/sbinet/npyio/npy"

	"featstore/split"
	"featstore/store"
	"featstore/store/export"
	"featstore/store/storetest"
)

var clusters = storetest.Clusters{Labels: 3, Images: 40, Dim: 7, Spread: 1}

func filled(t *testing.T) *store.DB {
	t.Helper()
	db := storetest.Open(t)
	clusters.Fill(t, db)
	other := clusters
	other.Model, other.Dim = "n", 5
	other.Fill(t, db)
	return db
}

// A record is a row read back from any format.
type record struct {
	digest, label, split, path string
	index, copies              int
	features                   []float32
}

// wanted lists what a store holds, in the order promised.
func wanted(t *testing.T, db *store.DB, models []string, splits ...split.Split) []record {
	t.Helper()
	var all []record
	for _, s := range splits {
		ix, err := db.Index(models, s)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Each(ix, func(label int, d split.Digest, row []float32) error {
			all = append(all, record{digest: d.String(), label: ix.Labels[label], split: s.String(), copies: 1, features: slices.Clone(row)})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func compare(t *testing.T, got, want []record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.digest != w.digest || g.label != w.label || g.split != w.split || g.copies != w.copies || !slices.Equal(g.features, w.features) {
			t.Fatalf("row %d: got %+v, want %+v", i, g, w)
		}
		if clusters.Label(g.index) != g.label || !strings.HasPrefix(g.path, filepath.FromSlash("/synthetic/"+g.label+"/")) {
			t.Fatalf("row %d: label index %d, path %q", i, g.index, g.path)
		}
	}
}

func readCSV(t *testing.T, path string) []record {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"digest", "label", "label_index", "split", "path", "copies"}; !slices.Equal(lines[0][:6], want) {
		t.Fatalf("columns %v, want %v first", lines[0], want)
	}
	var all []record
	for _, l := range lines[1:] {
		r := record{digest: l[0], label: l[1], index: number(t, l[2]), split: l[3], path: l[4], copies: number(t, l[5])}
		for _, cell := range l[6:] {
			v, err := strconv.ParseFloat(cell, 32)
			if err != nil {
				t.Fatal(err)
			}
			r.features = append(r.features, float32(v))
		}
		all = append(all, r)
	}
	return all
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func readNPY(t *testing.T, dir string) []record {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "features.npy"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := npy.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	shape := r.Header.Descr.Shape
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	var values []float32
	if err := npyio.Read(f, &values); err != nil {
		t.Fatal(err)
	}
	all := readCSV(t, filepath.Join(dir, "images.csv"))
	if len(shape) != 2 || shape[0] != len(all) || shape[0]*shape[1] != len(values) {
		t.Fatalf("shape %v with %d values and %d images", shape, len(values), len(all))
	}
	for i := range all {
		all[i].features = values[i*shape[1] : (i+1)*shape[1]]
	}
	return all
}

func readParquet(t *testing.T, path string) []record {
	t.Helper()
	type line struct {
		Digest   string    `parquet:"digest"`
		Label    string    `parquet:"label"`
		Index    int32     `parquet:"label_index"`
		Split    string    `parquet:"split"`
		Path     string    `parquet:"path"`
		Copies   int32     `parquet:"copies"`
		Features []float32 `parquet:"features,list"`
	}
	lines, err := parquet.ReadFile[line](path)
	if err != nil {
		t.Fatal(err)
	}
	var all []record
	for _, l := range lines {
		all = append(all, record{l.Digest, l.Label, l.Split, l.Path, int(l.Index), int(l.Copies), l.Features})
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	db := filled(t)
	read := map[string]func(*testing.T, string) []record{export.CSV: readCSV, export.NPY: readNPY, export.Parquet: readParquet}
	for _, format := range export.Formats {
		for _, c := range []struct {
			name   string
			models []string
			splits []split.Split
		}{
			{"one model", []string{"m"}, nil},
			{"two models", []string{"n", "m"}, nil},
			{"testing only", []string{"m"}, []split.Split{split.Testing}},
		} {
			t.Run(format+" "+c.name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "out")
				sum, err := export.Write(context.Background(), db, path, format, export.Options{Models: c.models, Splits: c.splits})
				if err != nil {
					t.Fatal(err)
				}
				splits := c.splits
				if splits == nil {
					splits = split.All[:]
				}
				want := wanted(t, db, c.models, splits...)
				compare(t, read[format](t, path), want)
				if sum.Rows != len(want) || sum.Dim != len(want[0].features) || len(sum.Labels) != clusters.Labels {
					t.Errorf("summary %+v", sum)
				}
			})
		}
	}
}

func TestRefuses(t *testing.T) {
	db := filled(t)
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	one := export.Options{Models: []string{"m"}}
	for _, c := range []struct {
		name, path, format string
		opt                export.Options
		want               error
	}{
		{"unknown format", filepath.Join(dir, "x"), "xlsx", one, export.ErrFormat},
		{"file in the way", there, export.CSV, one, export.ErrExists},
		{"no such folder", filepath.Join(dir, "no", "x"), export.CSV, one, os.ErrNotExist},
	} {
		if _, err := export.Write(context.Background(), db, c.path, c.format, c.opt); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	if b, err := os.ReadFile(there); err != nil || string(b) != "mine" {
		t.Errorf("the file in the way became %q (%v)", b, err)
	}
	empty := storetest.Open(t)
	if _, err := export.Write(context.Background(), empty, filepath.Join(dir, "x"), export.CSV, export.Options{}); err == nil {
		t.Error("an empty store was exported")
	}
}

// Whatever goes wrong, no part of a file is left behind.
func TestNothingIsLeftBehind(t *testing.T) {
	db := filled(t)
	for _, format := range export.Formats {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := export.Write(ctx, db, filepath.Join(dir, "out"), format, export.Options{Models: []string{"m"}}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", format, err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 0 {
			t.Errorf("%s: left behind %v (%v)", format, left, err)
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "featstore")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	db, err := store.Open(filepath.Join(dir, "features.db"), store.Options{Create: true})
	if err != nil {
		panic(err)
	}
	defer db.Close()
	err = db.Update(func(tx *store.Tx) error {
		root, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos"})
		if err != nil {
			return err
		}
		d := split.SumBytes([]byte("a photo"))
		return errors.Join(
			tx.PutModel(store.Model{ID: "m", Dim: 2}),
			tx.PutImage(root.ID, "roses/1.jpg", store.Image{Digest: d, Label: "roses"}),
			tx.PutVector("m", d, []float32{0.5, 2}))
	})
	if err != nil {
		panic(err)
	}
	path := filepath.Join(dir, "features.csv")
	sum, err := export.Write(context.Background(), db, path, export.CSV, export.Options{Models: []string{"m"}})
	if err != nil {
		panic(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	fmt.Println(sum.Rows, "row of", sum.Dim, "features")
	fmt.Print(string(b))
	// Output:
	// 1 row of 2 features
	// digest,label,label_index,split,path,copies,f0,f1
	// d4e24d749a4fe2f161af2de913c0402b04e3ae287dafd0f9dbfa4a5c56c69285,roses,0,validation,/photos/roses/1.jpg,1,0.5,2
}
