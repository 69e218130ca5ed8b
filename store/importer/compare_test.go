package importer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/importer"
	"featstore/store/storetest"
)

// A table is written and imported.
func importText(t *testing.T, db *store.DB, name, text string, target importer.Target) *importer.Report {
	t.Helper()
	path := filepath.Join(storetest.Dir(t), name)
	must(t, os.WriteFile(path, []byte(text), 0o666))
	_, report := load(t, db, path, importer.Options{}, target)
	return report
}

// What a store knows of files is not overruled by a list of vectors, unless the photos are given.
func TestKnownPhotos(t *testing.T) {
	db := storetest.Open(t)
	digest := split.SumBytes([]byte("1"))
	must(t, db.Update(func(tx *store.Tx) error {
		root, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos"})
		return errors.Join(err, tx.PutImage(root.ID, "rose/1.jpg", store.Image{Digest: digest, Size: 1, MTime: 1, Label: "rose"}),
			tx.PutImage(root.ID, "rose/2.jpg", store.Image{Digest: split.SumBytes([]byte("2")), Size: 1, MTime: 1, Label: "rose"}))
	}))
	r := importText(t, db, "m.csv", "path,label,digest,f0\n/photos/rose/1.jpg,tulip,,1\n/photos/rose/2.jpg,rose,"+digest.String()+",2\n/photos/rose/3.jpg,,,1\n",
		importer.Target{})
	if r.Done != 1 || r.Added != 1 || r.KeptLabels != 1 || r.Failed != 2 {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(r.Failures[0].Reason, "the store has other bytes") || r.Failures[1].Reason != "it has no label" {
		t.Errorf("%v", r.Failures)
	}
	must(t, db.View(func(tx *store.Tx) error {
		v, err := tx.Vector(importer.ModelID("m", 1), digest)
		labels, e := tx.Labels(digest)
		if err != nil || e != nil || v[0] != 1 || fmt.Sprint(labels) != "[rose]" {
			t.Errorf("%v %v %v", v, labels, errors.Join(err, e))
		}
		return nil
	}))
	// Without labels in the file those of the store stay, and nothing is missing.
	r = importText(t, db, "n.csv", "path,f0\n/photos/rose/1.jpg,5\n", importer.Target{Model: store.Model{ID: "n", Name: "n", Dim: 1, Preprocess: "{}"}})
	if r.Done != 1 || r.Added != 1 || r.Failed != 0 {
		t.Errorf("%+v", r)
	}
}

// Rows that contradict each other are named, and vectors that are others replace those of before.
func TestContradictions(t *testing.T) {
	db := storetest.Open(t)
	d := split.SumBytes([]byte("1")).String()
	r := importText(t, db, "m.csv", "path,label,digest,split,f0\na,x,"+d+",train,1\nb,x,"+d+",test,1\nc,x,"+d+",train,7\n", importer.Target{})
	if r.Done != 2 || r.Copies != 1 || r.Failed != 1 || !strings.Contains(r.Failures[0].Reason, "is in another split") {
		t.Errorf("%+v", r)
	}
	path := filepath.Join(storetest.Dir(t), "same.csv")
	for i, c := range []struct{ text, want string }{
		{"path,label,f0\na,x,1\n", "1 0 0 0"}, {"path,label,f0\na,x,2\n", "0 0 1 0"}, {"path,label,f0\na,y,2\n", "0 0 0 1"}, {"path,label,f0\na,y,2\n", "0 1 0 0"},
	} {
		must(t, os.WriteFile(path, []byte(c.text), 0o666))
		_, r := load(t, db, path, importer.Options{}, importer.Target{Model: store.Model{ID: "n", Name: "n", Dim: 1, Preprocess: "{}"}})
		if got := fmt.Sprint(r.New, r.Unchanged, r.Changed, r.Relabelled); got != c.want {
			t.Errorf("import %d: new, unchanged, changed, relabelled %s, want %s", i, got, c.want)
		}
	}
}

// Rows without paths are photos of their own: those of two models for the same labels belong
// together, others do not.
func TestRowsWithoutPaths(t *testing.T) {
	db := storetest.Open(t)
	target := func(id string) importer.Target {
		return importer.Target{Model: store.Model{ID: id, Name: id, Dim: 1, Preprocess: "{}"}}
	}
	for _, c := range []struct {
		name, text, model string
		images            int
	}{{"train", "label,f0\na,1\nb,2\n", "m", 2}, {"test", "label,f0\na,1\na,2\n", "m", 4}, {"train2", "label,f0\na,3\nb,4\n", "n", 4}} {
		importText(t, db, c.name+".csv", c.text, target(c.model))
		st, err := db.Stats()
		if err != nil || st.Images != c.images || len(st.Disputed) > 0 {
			t.Errorf("%s: %d images, %d disputed, %v", c.name, st.Images, len(st.Disputed), err)
		}
	}
}

// An import that is interrupted anywhere is completed by the same one.
func TestInterrupted(t *testing.T) {
	var text strings.Builder
	text.WriteString("path,label,split,f0,f1\n")
	for i := range 3000 {
		fmt.Fprintf(&text, "%d.jpg,%d,%s,%d,1\n", i, i%3, []string{"", "train", "test"}[i%3], i)
	}
	path := filepath.Join(storetest.Dir(t), "m.csv")
	must(t, os.WriteFile(path, []byte(text.String()), 0o666))
	db := storetest.Open(t)
	for _, stop := range []int{1, 600, 2000} {
		ctx, cancel := context.WithCancel(context.Background())
		src, err := importer.Open(path, importer.Options{})
		must(t, err)
		survey, err := importer.NewSurvey(ctx, db, src, "")
		must(t, err)
		report, err := importer.Run(ctx, db, src, survey, importer.Target{
			Model: store.Model{ID: importer.ModelID("m", 2), Name: "m", Dim: 2, Preprocess: "{}"},
			Progress: func(done, _ int) {
				if done >= stop {
					cancel()
				}
			},
		})
		must(t, src.Close())
		st, e := db.Stats()
		if !errors.Is(err, context.Canceled) || e != nil || st.Images != report.Done {
			t.Errorf("stopped at %d: %v, %v; %d images, %d done", stop, err, e, st.Images, report.Done)
		}
		cancel()
	}
	_, report := load(t, db, path, importer.Options{}, importer.Target{})
	st, err := db.Stats()
	if err != nil || st.Images != 3000 || report.Done != 3000 || report.New == 3000 {
		t.Errorf("%d images, %+v, %v", st.Images, report, err)
	}
}
