package importer_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store"
	"featstore/store/export"
	"featstore/store/importer"
	"featstore/store/storetest"
)

type fataler interface {
	Helper()
	Fatal(...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// load imports a file with some options.
func load(t fataler, db *store.DB, path string, opt importer.Options, target importer.Target) (*importer.Source, *importer.Report) {
	t.Helper()
	src, err := importer.Open(path, opt)
	must(t, err)
	defer src.Close()
	survey, err := importer.NewSurvey(context.Background(), db, src, target.Photos)
	must(t, err)
	if target.Model.ID == "" {
		target.Model = store.Model{ID: importer.ModelID("m", src.Dim), Name: "m", Dim: src.Dim, Preprocess: "{}", Imported: &store.Imported{From: path}}
	}
	report, err := importer.Run(context.Background(), db, src, survey, target)
	must(t, err)
	return src, report
}

// A photo is an image as a store may have it.
type photo struct {
	Path, Label string
	Digest      split.Digest
	Split       split.Split
	Fixed       bool
	Vector      []float32
}

// drawPhotos draws the images of a store: some share their bytes.
func drawPhotos(t *rapid.T) []photo {
	labels := []string{"rose", "Gänseblümchen", `a,"b"`, "-", "1", "a\nb", "\u202e"}
	n := rapid.IntRange(1, 30).Draw(t, "photos")
	dim := rapid.IntRange(1, 5).Draw(t, "dim")
	var all []photo
	for i := range n {
		p := photo{Label: rapid.SampledFrom(labels).Draw(t, "label"), Path: fmt.Sprintf("%s%d",
			rapid.StringMatching(`[a-zé ,;"'\x{1F600}]{0,6}/?`).Draw(t, "path"), i)}
		p.Digest = split.SumBytes([]byte(p.Path))
		p.Fixed = rapid.Bool().Draw(t, "fixed")
		p.Split = rapid.SampledFrom(split.All[:]).Draw(t, "split")
		for range dim {
			p.Vector = append(p.Vector, rapid.Float32().Filter(func(v float32) bool { return !math.IsInf(float64(v), 0) && v == v }).Draw(t, "value"))
		}
		if i > 0 && rapid.IntRange(0, 4).Draw(t, "copy") == 0 {
			q := all[rapid.IntRange(0, i-1).Draw(t, "of")]
			p.Label, p.Digest, p.Vector, p.Split, p.Fixed = q.Label, q.Digest, q.Vector, q.Split, q.Fixed
		}
		all = append(all, p)
	}
	return all
}

// fill puts photos into a store.
func fill(t fataler, db *store.DB, all []photo) {
	t.Helper()
	must(t, db.Update(func(tx *store.Tx) error {
		root, err := tx.PutRoot(store.Root{Path: filepath.FromSlash("/some/photos"), Name: "photos"})
		must(t, err)
		must(t, tx.PutModel(store.Model{ID: "net", Name: "net", Dim: len(all[0].Vector), Preprocess: "{}"}))
		for i, p := range all {
			must(t, tx.PutImage(root.ID, p.Path, store.Image{Digest: p.Digest, Size: int64(i + 1), MTime: 5, Label: p.Label}))
			must(t, tx.PutVector("net", p.Digest, p.Vector))
			if p.Fixed {
				must(t, tx.SetSplit(p.Digest, p.Split))
			}
		}
		return nil
	}))
}

// content is what is the same in two stores: labels and splits of contents, with their vectors.
func content(t fataler, db *store.DB, model string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, db.View(func(tx *store.Tx) error {
		for _, sp := range split.All {
			ix, err := tx.Index([]string{model}, sp)
			if err != nil {
				return err
			}
			err = tx.Each(ix, func(label int, d split.Digest, row []float32) error {
				at, _, err := tx.Locations(d)
				bits := ""
				for _, v := range row {
					bits += fmt.Sprintf(" %08x", math.Float32bits(v))
				}
				all[d.String()] = fmt.Sprintf("%s %v %d files%s", ix.Labels[label], sp, len(at), bits)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return all
}

// What is exported and imported into a fresh store is the same there, and the second import
// changes nothing.
func TestRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, remove := storetest.TempDir()
		defer remove()
		format := rapid.SampledFrom(export.Formats).Draw(t, "format")
		open := func(name string) *store.DB {
			db, err := store.Open(filepath.Join(dir, name), store.Options{Create: true})
			must(t, err)
			return db
		}
		all := drawPhotos(t)
		from := open("from.db")
		defer from.Close()
		fill(t, from, all)
		path := filepath.Join(dir, "features")
		_, err := export.Write(context.Background(), from, path, export.Options{Format: format})
		must(t, err)
		to := open("to.db")
		defer to.Close()
		src, report := load(t, to, path, importer.Options{}, importer.Target{})
		if report.Failed > 0 || report.Done != report.Rows || report.New != len(all) {
			t.Fatalf("of %d photos %+v", len(all), report)
		}
		model := importer.ModelID("m", src.Dim)
		if d := cmp.Diff(content(t, from, "net"), content(t, to, model)); d != "" {
			t.Fatalf("-exported +imported\n%s", d)
		}
		if _, report = load(t, to, path, importer.Options{}, importer.Target{}); report.New != 0 || report.Unchanged != len(all) || report.Fixed != 0 {
			t.Fatalf("the second time: %+v", report)
		}
		again := filepath.Join(dir, "again")
		_, err = export.Write(context.Background(), to, again, export.Options{Format: format})
		must(t, err)
		if format == export.NPY {
			for _, name := range []string{"features", "labels", "label_names", "splits", "digests"} {
				a, err := os.ReadFile(filepath.Join(path, name+".npy"))
				must(t, err)
				b, err := os.ReadFile(filepath.Join(again, name+".npy"))
				must(t, err)
				if string(a) != string(b) {
					t.Fatalf("%s.npy of the second export is another one", name)
				}
			}
		}
		for _, db := range []*store.DB{from, to} {
			r, err := db.Check(context.Background(), nil)
			must(t, err)
			if len(r.Problems) > 0 {
				t.Fatal(r.Problems)
			}
		}
	})
}
