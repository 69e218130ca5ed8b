//go:build unix

package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"featstore/store"
	"featstore/store/storetest"
)

// A store may be read by whom the umask lets read it.
func TestUmask(t *testing.T) {
	for umask, want := range map[int]os.FileMode{0o077: 0o600, 0o022: 0o644, 0o002: 0o664} {
		path := filepath.Join(storetest.Dir(t), "features.db")
		was := syscall.Umask(umask)
		db, err := store.Open(path, store.Options{Create: true})
		syscall.Umask(was)
		if err != nil {
			t.Fatal(err)
		}
		storetest.CheckAtEnd(t, db)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("umask %o: mode %o, want %o, %v", umask, info.Mode().Perm(), want, err)
		}
	}
}

// Compact rewrites what a link refers to, keeps its mode and owner, removes what kills
// have left of earlier copies, and touches nothing else.
func TestCompactAmongOtherFiles(t *testing.T) {
	path := fill(t)
	dir := filepath.Dir(path)
	update(t, path, func(tx *store.Tx) error { return tx.DeleteRoot(1) })
	want := contents(t, path)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	owner := os.Geteuid()
	if owner == 0 {
		owner = 12345
		if err := os.Chown(path, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(storetest.Dir(t), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	whole := read(t, path)
	others := map[string][]byte{
		"features.db.compact":           whole,
		"features.db.compact-mine":      whole,
		"features.db.compact-0123abcd":  []byte("notes of somebody"),
		"features.db.compact-0123abcd0": whole,
		"other.db.compact-0123abcd":     whole,
	}
	for name, data := range others {
		write(t, filepath.Join(dir, name), data)
	}
	write(t, filepath.Join(dir, "features.db.compact-00000000"), nil)
	write(t, filepath.Join(dir, "features.db.compact-deadbeef"), whole[:len(whole)/2])

	before, after, err := store.Compact(t.Context(), link, store.Options{})
	if err != nil || after >= before {
		t.Fatalf("from %d to %d, %v", before, after, err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Size() != after || info.Mode() != 0o640 || int(info.Sys().(*syscall.Stat_t).Uid) != owner {
		t.Errorf("the store: %v, %v", info, err)
	}
	if to, err := os.Readlink(link); err != nil || to != path {
		t.Errorf("the link leads to %s, %v", to, err)
	}
	if contents(t, link) != want {
		t.Error("the store has changed")
	}
	if names := names(t, dir); !slices.Equal(names, []string{"features.db", "features.db.compact", "features.db.compact-0123abcd", "features.db.compact-0123abcd0",
		"features.db.compact-mine", "other.db.compact-0123abcd"}) {
		t.Errorf("left are %q", names)
	}
	storetest.CheckFile(t, path)
}
