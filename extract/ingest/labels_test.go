package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"featstore/extract/ingest/annotation"
	"featstore/extract/photo"
	"featstore/store"
	"featstore/store/storetest"
)

// Paths of lists find files however they are written, and never another one.
func TestLookup(t *testing.T) {
	root := tree(t, "train/1.jpg", "train/IMG_2.JPG", "test/1.jpg", "test/9.png", "deep/a/5.jpg", "deep/b/5.jpg", norm.NFD.String("é/ü.jpg"), "7.jpg",
		"x/y.z.jpg", "train/8.json", "train/8.jpg", "lists/train.csv")
	l := list(t, root)
	for _, c := range []struct{ list, path, want string }{
		{"", "train/1.jpg", "train/1.jpg"},
		{"", "./train//1.jpg", "train/1.jpg"},
		{"", `train\1.jpg`, "train/1.jpg"},
		{"", root + "/train/1.jpg", "train/1.jpg"},
		{"", filepath.Base(root) + "/train/1.jpg", "train/1.jpg"},
		{"", "/kaggle/input/" + filepath.Base(root) + "/train/1.jpg", "train/1.jpg"},
		{"", "train/1", "train/1.jpg"},
		{"", "img_2", "train/IMG_2.JPG"},
		{"", "train/img_2.jpg", "train/IMG_2.JPG"},
		{"", norm.NFC.String("é/ü.jpg"), norm.NFD.String("é/ü.jpg")},
		{"", norm.NFC.String("ü"), norm.NFD.String("é/ü.jpg")},
		{"", "9", "test/9.png"},
		{"", "7.jpg", "7.jpg"},
		{"", "y.z", "x/y.z.jpg"},
		{"", "8", "train/8.jpg"},
		{"", "1", "ambiguous"},
		{"", "5.jpg", "ambiguous"},
		{"", "a/5.jpg", "deep/a/5.jpg"},
		{"", "9.jpg", ""},
		{"", "other/7.jpg", ""},
		{"", "train/9.png", ""},
		{"", "../7.jpg", ""},
		{"", "", ""},
		{"train.csv", "1", "train/1.jpg"},
		{"trainLabels.csv", "1.jpg", "train/1.jpg"},
		{"test.csv", "1", "test/1.jpg"},
		{"test/metadata.csv", "1.jpg", "test/1.jpg"},
		{"lists/train.csv", "../test/1.jpg", "test/1.jpg"},
	} {
		at, err := newLookup(newFileIndex(l), filepath.Join(root, cmp.Or(c.list, "labels.csv")), false).find(c.path)
		got := ""
		switch {
		case err != nil:
			got = "ambiguous"
		case at >= 0:
			got = l.all[at].path
		}
		if got != c.want {
			t.Errorf("list %q, path %q: %q, want %q", c.list, c.path, got, c.want)
		}
	}
}

// Lists of another machine begin with folders that are not here, all with the same.
func TestFoldersOfAnotherMachine(t *testing.T) {
	w := newWorld(t)
	networks, _ := fakes("m")
	w.write("1.jpg", "photo 1")
	w.write("2.jpg", "photo 2")
	w.write("list.csv", "path,label\n/mnt/data/pets/1.jpg,a\n/mnt/data/pets/2.jpg,b\n/mnt/other/1.jpg,c\n")
	r := w.ingest(networks, Options{Labels: byList(w.path("list.csv"))})
	if r.New != 2 || r.Labelling.Missing != 1 || r.Labelling.MissingPaths[0] != "/mnt/other/1.jpg" {
		t.Errorf("%+v", r.Labelling)
	}
}

func byList(files ...string) *store.LabelSource {
	return &store.LabelSource{Kind: store.LabelsByList, Files: files}
}

// What gave the labels is remembered, and can be changed a piece at a time.
func TestLabelsAreRemembered(t *testing.T) {
	w := newWorld(t)
	networks, calls := fakes("m")
	outside := filepath.Join(storetest.Dir(t), "list.csv")
	for i := range 6 {
		w.write(fmt.Sprintf("p/%d.jpg", i), fmt.Sprint("photo ", i))
	}
	must(t, os.WriteFile(outside, []byte("path,label,l2,part\np/0.jpg,a,x,train\np/1.jpg,a,y,test\np/2.jpg,A,y,\np/9.jpg,b,y,\np/3.jpg,,z,\n"), 0o644))
	r := w.ingest(networks, Options{Labels: byList(outside)})
	counts(t, "by list", r, Report{New: 3, Read: 3, Computed: 3})
	if l := r.Labelling; l.Missing != 1 || l.Blank != 1 || l.Unlisted != 2 || len(l.Alike) != 1 || l.Lists[0].LabelColumn != "label" || l.Lists[0].Rows != 5 {
		t.Errorf("%+v", l)
	}
	r = w.ingest(networks, Options{ChangeLabels: func(s *store.LabelSource) { s.LabelColumn, s.SplitColumn = "l2", "part" }})
	if got := fmt.Sprint(r.Labels); got != "[{x 1} {y 2} {z 1}]" || r.Own == nil || r.Own.Testing != 1 || r.Own.Unlisted != 2 {
		t.Errorf("labels %s, own %+v", got, r.Own)
	}
	r = w.ingest(networks, Options{ChangeLabels: func(*store.LabelSource) {}})
	counts(t, "again", r, Report{Unchanged: 4, Own: r.Own})
	if s := r.Labelling.Source; s.LabelColumn != "l2" || s.Files[0] != outside {
		t.Errorf("%+v", s)
	}
	must(t, os.Remove(outside))
	if _, err := ingest(context.Background(), w.db, networks, w.dir, Options{}); !errors.Is(err, ErrNoList) || !strings.Contains(err.Error(), outside) {
		t.Errorf("list is gone: %v", err)
	}
	r = w.ingest(networks, Options{Labels: &store.LabelSource{}})
	if got := fmt.Sprint(r.Labels); got != "[{p 6}]" || calls.Load() != 6 {
		t.Errorf("labels %s after %d calls", got, calls.Load())
	}
}

// Groups of a list go into one split each, and views follow.
func TestGroupsOfList(t *testing.T) {
	w := newWorld(t)
	networks, _ := fakes("m")
	var rows strings.Builder
	rows.WriteString("path,label,patient\n")
	for i := range 60 {
		w.write(fmt.Sprintf("%d.jpg", i), fmt.Sprint("photo ", i))
		fmt.Fprintf(&rows, "%d,%c,%d\n", i, 'a'+rune(i%2), i/6)
	}
	w.write("list.csv", rows.String())
	source := byList(w.path("list.csv"))
	source.GroupColumn = "patient"
	r := w.ingest(networks, Options{Labels: source, Views: &Views{Count: 2, Augment: photo.Augment{Flip: true}}})
	if r.Groups == nil || r.Groups.Groups != 10 || r.Groups.Photos != 60 {
		t.Fatalf("%+v", r.Groups)
	}
	stats, err := w.db.Stats()
	must(t, err)
	if v := stats.Models[0].ViewVectors; v.Missing != 0 {
		t.Errorf("%d views are missing", v.Missing)
	}
	r = w.ingest(networks, Options{})
	counts(t, "again", r, Report{Unchanged: 60, Groups: r.Groups})
	if r.Groups.Moved != 0 || r.Groups.Straddle != 0 {
		t.Errorf("%+v", r.Groups)
	}
}

// A bad list changes nothing.
func TestBadListsChangeNothing(t *testing.T) {
	w := newWorld(t)
	networks, calls := fakes("m")
	threePhotos(w)
	for text, want := range map[string]any{
		"path,label\ndaisy/1.jpg,a\ndaisy/1.jpg,b\n": new(SeveralLabelsError),
		"a,b,c\n1,2,3\n":             new(annotation.ColumnError),
		"path,label\nx/1.jpg,a\n":    ErrLabelsDoNotFit,
		"path,label\ndaisy/1.jpg,\n": ErrLabelsDoNotFit,
		"path,label,split\ndaisy/1,a,train\ndaisy/1.jpg,a,test\n": ErrTwice,
		"path,label\n": annotation.ErrList,
	} {
		w.write("list.csv", text)
		source := byList(w.path("list.csv"))
		if strings.Contains(text, "split") {
			source.SplitColumn = "split"
		}
		_, err := ingest(context.Background(), w.db, networks, w.dir, Options{Labels: source})
		ok := false
		switch want := want.(type) {
		case *SeveralLabelsError:
			ok = errors.As(err, &want)
		case *annotation.ColumnError:
			ok = errors.As(err, &want)
		case error:
			ok = errors.Is(err, want)
		}
		if !ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	must(t, w.db.View(func(tx *store.Tx) error {
		if roots, err := tx.Roots(); len(roots) > 0 || err != nil || calls.Load() > 0 {
			t.Errorf("roots %v, %v, %d calls", roots, err, calls.Load())
		}
		return nil
	}))
}
