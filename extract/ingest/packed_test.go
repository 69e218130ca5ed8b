package ingest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"featstore/store"
	"featstore/store/storetest"
)

// packing are the ways to make an archive.
var packings = map[string]func(names, texts []string) []byte{
	"zip": func(names, texts []string) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for i, name := range names {
			f, _ := w.Create(name)
			io.WriteString(f, texts[i])
		}
		w.Close()
		return b.Bytes()
	},
	"tar": tarred,
	"tgz": func(names, texts []string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write(tarred(names, texts))
		w.Close()
		return b.Bytes()
	},
}

func tarred(names, texts []string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, name := range names {
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(texts[i]))})
		io.WriteString(w, texts[i])
	}
	w.Close()
	return b.Bytes()
}

// An archive gives what a folder with the same files does, however many workers read it, and
// each photo is computed once.
func TestArchivesAreLikeFolders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, remove := storetest.TempDir()
		defer remove()
		kind := rapid.SampledFrom([]string{"zip", "tar", "tgz"}).Draw(t, "kind")
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`(rose|tulip)/[a-e]\.(jpg|png|txt)`), 1, 20, rapid.ID[string]).Draw(t, "names")
		var texts, packed []string // the folder that all lie in is no label
		for i, name := range names {
			packed = append(packed, "top/"+name)
			text := fmt.Sprint(rapid.SampledFrom([]string{"photo", "bad"}).Draw(t, "text"), i%7)
			texts = append(texts, text)
			path := dir + "/folder/" + name
			check(t, os.MkdirAll(path[:strings.LastIndexByte(path, '/')], 0o777), os.WriteFile(path, []byte(text), 0o666))
		}
		check(t, os.WriteFile(dir+"/folder."+kind, packings[kind](packed, texts), 0o666))
		got := map[string]string{}
		for _, root := range []string{"folder", "folder." + kind} {
			db, err := store.Open(dir+"/"+root+".db", store.Options{Create: true})
			check(t, err)
			networks, calls := fakes("m")
			r, err := ingest(context.Background(), db, networks, dir+"/"+root, Options{
				Workers: rapid.IntRange(1, 6).Draw(t, "workers"), Layout: new(store.Layout),
			})
			if errors.Is(err, ErrNoLabels) || errors.Is(err, ErrNoPhotos) {
				r = Report{}
			} else {
				check(t, err)
			}
			var failures []string
			for _, f := range r.Failures {
				failures = append(failures, f.Path+f.Reason)
			}
			slices.Sort(r.NotPhotos)
			said := fmt.Sprint(r.Labels, r.Disputed, r.New, r.Duplicates, failures, r.NotPhotos, calls.Load())
			got[root] = strings.ReplaceAll(said, "top/", "")
			problems, err := db.Check(context.Background(), nil)
			check(t, err)
			if len(problems.Problems) > 0 {
				t.Fatalf("%s: %v", root, problems)
			}
			check(t, db.Close())
		}
		if got["folder"] != got["folder."+kind] {
			t.Fatalf("folder  %s\narchive %s", got["folder"], got["folder."+kind])
		}
	})
}

func check(t *rapid.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// What cannot be read of an archive is unknown, not gone; what is not in it any more goes.
func TestChangedArchives(t *testing.T) {
	var names, texts []string
	for i := range 6 {
		names, texts = append(names, fmt.Sprintf("top/%s/%d.jpg", []string{"a", "b"}[i%2], i)), append(texts, strings.Repeat(fmt.Sprint("photo ", i), 100))
	}
	for kind, pack := range packings {
		w := newWorld(t)
		w.dir += "/x." + kind
		networks, calls := fakes("m")
		put := func(data []byte) {
			w.time = w.time.Add(1e9)
			must(t, os.WriteFile(w.dir, data, 0o666))
			must(t, os.Chtimes(w.dir, w.time, w.time))
		}
		whole := pack(names, texts)
		put(whole)
		counts(t, kind, w.ingest(networks, Options{}), Report{New: 6, Read: 6, Computed: 6})
		counts(t, kind+" again", w.ingest(networks, Options{}), Report{Unchanged: 6})

		if kind != "zip" { // which gives nothing if its end is missing
			put(whole[:3*len(whole)/4])
			r := w.ingest(networks, Options{Prune: true})
			if r.Pruned != 0 || r.Gone != 0 || len(r.Unread) != 1 || r.Touched == 0 && kind == "tar" {
				t.Errorf("%s, cut short: %d pruned, %d gone, %v unread", kind, r.Pruned, r.Gone, r.Unread)
			}
		}
		put(pack(append(names[2:], "top/b/7.jpg"), append(texts[2:], "photo 7")))
		r := w.ingest(networks, Options{Prune: true})
		if again := calls.Load() - 7; r.Pruned != 2 || r.Found != 5 || again < 0 || again > 1 || again > 0 && kind == "zip" { // what was cut in two
			t.Errorf("%s, changed: %+v, %d calls", kind, r, calls.Load())
		}
	}
}

// A list of labels in an archive is found by its path, and by its name where there is no such
// file.
func TestListsInArchives(t *testing.T) {
	names := []string{"top/p/1.jpg", "top/p/2.jpg", "top/list.csv"}
	texts := []string{"photo 1", "photo 2", "path,label\np/1.jpg,rose\n2,tulip\n"}
	for kind, pack := range packings {
		for _, list := range []string{"x/top/list.csv", "list.csv"} {
			w := newWorld(t)
			networks, _ := fakes("m")
			root := w.path("x." + kind)
			must(t, os.WriteFile(root, pack(names, texts), 0o666))
			at := w.path(strings.Replace(list, "x/", "x."+kind+"/", 1))
			r, err := ingest(context.Background(), w.db, networks, root, Options{Labels: byList(at)})
			if err != nil || fmt.Sprint(r.Labels) != "[{rose 1} {tulip 1}]" || r.Labelling.Source.Files[0] != "top/list.csv" {
				t.Errorf("%s, %s: %v, %+v: %v", kind, list, r.Labels, r.Labelling, err)
			}
			if r, err = ingest(context.Background(), w.db, networks, root, Options{}); err != nil || r.Unchanged != 2 {
				t.Errorf("%s, again: %+v, %v", kind, r, err)
			}
		}
	}
}
