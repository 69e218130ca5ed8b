package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"featstore/store"
)

// tree makes files below a new folder; a name ending in / makes an empty folder,
// "a -> b" a symbolic link called a.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		p := filepath.Join(root, filepath.FromSlash(name))
		if link, target, ok := strings.Cut(name, " -> "); ok {
			p = filepath.Join(root, filepath.FromSlash(link))
			must(t, os.MkdirAll(filepath.Dir(p), 0o755))
			must(t, os.Symlink(strings.ReplaceAll(target, "ROOT", root), p))
			continue
		}
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(p, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		must(t, os.WriteFile(p, []byte(name), 0o644))
	}
	return root
}

func list(t *testing.T, root string) *listing {
	t.Helper()
	l, err := walk(context.Background(), root, func() {})
	must(t, err)
	l.arrange(store.ByLabel)
	return l
}

func paths(l *listing) []string {
	var got []string
	for _, f := range l.files {
		got = append(got, f.label+"|"+f.path)
	}
	return got
}

func TestWalk(t *testing.T) {
	decomposed := norm.NFD.String("Gänseblümchen")
	for _, c := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"labels and nested folders", []string{"b/2.jpg", "a/x/y/1.jpg", "a/0.jpg"}, []string{"a|a/0.jpg", "a|a/x/y/1.jpg", "b|b/2.jpg"}},
		{"hidden and left by systems", []string{"a/1.jpg", "a/.1.jpg", ".git/x.jpg", "__MACOSX/a/1.jpg", "a/Thumbs.db", "a/desktop.ini",
			"a/@eaDir/1.jpg"}, []string{"a|a/1.jpg"}},
		{"empty folder", []string{"a/1.jpg", "empty/"}, []string{"a|a/1.jpg"}},
		{"any file may be a photo", []string{"a/1", "a/note.txt"}, []string{"a|a/1", "a|a/note.txt"}},
		{"labels are normalised, paths are not", []string{decomposed + "/1.jpg"}, []string{"Gänseblümchen|" + decomposed + "/1.jpg"}},
		{"sorted by the bytes of the whole path", []string{"a/b.jpg", "a-b/1.jpg", "a/b/1.jpg"}, []string{"a-b|a-b/1.jpg", "a|a/b.jpg", "a|a/b/1.jpg"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := paths(list(t, tree(t, c.files...))); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWalkFollowsLinksOnce(t *testing.T) {
	elsewhere := tree(t, "lilies/1.jpg", "lilies/deep/2.jpg")
	for _, c := range []struct {
		name  string
		files []string
		want  []string
		links int
	}{
		{"to a photo", []string{"a/1.jpg", "b/2.jpg -> ../a/1.jpg"}, []string{"a|a/1.jpg", "b|b/2.jpg"}, 0},
		{"to a folder elsewhere", []string{"a/1.jpg", "b -> " + elsewhere + "/lilies"}, []string{"a|a/1.jpg", "b|b/1.jpg", "b|b/deep/2.jpg"}, 0},
		{"twice to one folder", []string{"b -> " + elsewhere + "/lilies", "c -> " + elsewhere + "/lilies"}, []string{"b|b/1.jpg", "b|b/deep/2.jpg"}, 1},
		{"to a folder that has its own path", []string{"a -> b", "b/1.jpg"}, []string{"b|b/1.jpg"}, 1},
		{"to itself", []string{"a/1.jpg", "a/b -> b"}, []string{"a|a/1.jpg"}, 0},
		{"to the root", []string{"a/1.jpg", "a/up -> ROOT"}, []string{"a|a/1.jpg"}, 1},
		{"above the root", []string{"a/1.jpg", "a/up -> ROOT/.."}, []string{"a|a/1.jpg"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := list(t, tree(t, c.files...))
			got := paths(l)
			got = slices.DeleteFunc(got, func(s string) bool { return s == "a|a/b" }) // the link to itself is a broken file
			if !slices.Equal(got, c.want) || len(l.links) != c.links {
				t.Errorf("got %q and links %v, want %q and %d links", got, l.links, c.want, c.links)
			}
		})
	}
}

func TestWalkNotesWhatItLeavesOut(t *testing.T) {
	l := list(t, tree(t, "top.JPG", "LICENSE.txt", "a/1.jpg", "a/gone.jpg -> nowhere.jpg", "empty/.hidden"))
	if want := []string{"top.JPG"}; !slices.Equal(l.unlabelled, want) {
		t.Errorf("unlabelled %q, want %q", l.unlabelled, want)
	}
	if got := l.all[0].path; got != "LICENSE.txt" || len(l.files) != 2 {
		t.Errorf("first of all is %q, %d files have a label", got, len(l.files))
	}
	if _, ok := l.labels["empty"]; !ok || len(l.labels) != 2 {
		t.Errorf("labels %v, want a and empty", l.labels)
	}
	if f := l.files[1]; f.path != "a/gone.jpg" || f.err == nil {
		t.Errorf("broken link: got %+v", f)
	}
}

func TestWalkUnreadableFolder(t *testing.T) {
	root := tree(t, "a/1.jpg", "b/2.jpg")
	must(t, os.Chmod(filepath.Join(root, "b"), 0))
	t.Cleanup(func() { os.Chmod(filepath.Join(root, "b"), 0o755) })
	if _, err := os.ReadDir(filepath.Join(root, "b")); err == nil {
		t.Skip("this user may read every folder")
	}
	l := list(t, root)
	if len(l.unread) != 1 || l.unread[0].Path != "b" {
		t.Errorf("unread %v, want b", l.unread)
	}
	var photos []string
	err := EachPhoto(context.Background(), root, "", func(p PhotoFile) error {
		photos = append(photos, p.Path)
		return nil
	})
	if want := []string{filepath.Join(root, "a/1.jpg"), filepath.Join(root, "b")}; err != nil || !slices.Equal(photos, want) {
		t.Errorf("photos %v, want %v: %v", photos, want, err)
	}
}

func TestWalkRefuses(t *testing.T) {
	root := tree(t, "a/1.jpg")
	if _, err := walk(context.Background(), filepath.Join(root, "a/1.jpg"), func() {}); !errors.Is(err, ErrNotFolder) {
		t.Errorf("a file as root: got %v", err)
	}
	if _, err := walk(context.Background(), filepath.Join(root, "none"), func() {}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing root: got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := walk(ctx, root, func() {}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestWalkReadsThroughALinkedRoot(t *testing.T) {
	root := tree(t, "photos/a/1.jpg", "link -> photos")
	l := list(t, filepath.Join(root, "link"))
	want, err := filepath.EvalSymlinks(filepath.Join(root, "photos"))
	must(t, err)
	if l.root != want || len(l.files) != 1 {
		t.Errorf("root %s with %d files, want %s with 1", l.root, len(l.files), want)
	}
}
