package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// TestMain lets the test program play another process that uses a store.
func TestMain(m *testing.M) {
	switch os.Getenv("STORE_TEST_CHILD") {
	case "hold":
		holdStore(os.Getenv("STORE_TEST_PATH"))
	case "write":
		writeUntilKilled(os.Getenv("STORE_TEST_PATH"))
	case "update":
		updateOnce(os.Getenv("STORE_TEST_PATH"))
	case "busy":
		holdData(os.Getenv("STORE_TEST_PATH"))
	case "read":
		readUntilCut(os.Getenv("STORE_TEST_PATH"))
	case "reading":
		holdView(os.Getenv("STORE_TEST_PATH"))
	case "create":
		createUntilKilled(os.Getenv("STORE_TEST_PATH"))
	case "full":
		writeUntilFull(os.Getenv("STORE_TEST_PATH"))
	default:
		os.Exit(m.Run())
	}
}

// child starts the test program as another process.
func child(t *testing.T, role, path string, env ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), "STORE_TEST_CHILD="+role, "STORE_TEST_PATH="+path), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, bufio.NewReader(out)
}

func holdStore(path string) {
	db, err := store.Open(path, store.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("open")
	bufio.NewReader(os.Stdin).ReadString('\n') // stdin is empty or closed: the lock goes with the process
	time.Sleep(time.Minute)
	db.Close()
}

// fill makes a store with something of everything and returns its path.
func fill(t testing.TB) string { return fillAs(t, "features.db") }

// fillToDamage is fill for a store that the test damages.
func fillToDamage(t testing.TB) string { return fillAs(t, "damaged.db") }

func fillAs(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(storetest.Dir(t), name)
	db, err := store.Open(path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	fillAll(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// smallModel and largeModel are the models of fillAll: vectors of the one fit small
// buckets, those of the other overflow their pages.
var (
	smallModel = storetest.Clusters{Model: "small", Labels: 3, Images: 12, Dim: 8, Spread: 0.5}
	largeModel = storetest.Clusters{Model: "large", Labels: 3, Images: 12, Dim: 1500, Spread: 0.5}
)

func fillAll(t testing.TB, db *store.DB) {
	t.Helper()
	smallModel.Fill(t, db)
	largeModel.Fill(t, db)
	err := db.Update(func(tx *store.Tx) error {
		return errors.Join(
			tx.PutImage(1, "copy.jpg", store.Image{Digest: smallModel.Digest(0, 0), Size: 1, Label: "another"}),
			tx.PutFailure(1, "bad.jpg", store.Failure{Reason: "cut short"}),
			tx.SetSplit(smallModel.Digest(1, 1), split.Testing),
			tx.PutHead(store.Head{Name: "default", Models: []string{"small"}, Dim: 8, Labels: []string{"a"}, Params: make([]byte, 6000)}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := storetest.Dir(t)
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign := filepath.Join(dir, "damaged-foreign.db")
	b, err := bolt.Open(foreign, 0o644, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("meta")); return err }); err != nil {
		t.Fatal(err)
	}
	b.Close()
	newer := fillToDamage(t)
	setMeta(t, newer, "format", []byte{4})
	odd := fillToDamage(t)
	setMeta(t, odd, "format", []byte{0})
	garbled := fillToDamage(t)
	setMeta(t, garbled, "policy", []byte{0xc1})
	for _, c := range []struct {
		path string
		opt  store.Options
		want error
		says string
	}{
		{filepath.Join(dir, "none.db"), store.Options{}, store.ErrNotExist, "none.db: no such store"},
		{filepath.Join(dir, "none.db"), store.Options{ReadOnly: true, Create: true}, store.ErrNotExist, ""},
		{filepath.Join(dir, "no", "folder.db"), store.Options{Create: true}, nil, "there is no folder"},
		{dir, store.Options{Create: true}, store.ErrNotStore, "it is a directory"},
		{os.DevNull, store.Options{}, store.ErrNotStore, "not a regular file"},
		{file("damaged-empty.db", ""), store.Options{}, store.ErrNotStore, "it is empty"},
		{file("damaged-short.db", "x"), store.Options{Create: true}, store.ErrNotStore, ""},
		{file("damaged-line.db", "a line of text, shorter than a page's header and meta"), store.Options{Create: true}, store.ErrNotStore, ""},
		{file("damaged-text.db", strings.Repeat("some text\n", 10000)), store.Options{Create: true}, store.ErrNotStore, ""},
		{file("damaged-text.db", strings.Repeat("some text\n", 10000)), store.Options{ReadOnly: true}, store.ErrNotStore, ""},
		{foreign, store.Options{Create: true}, store.ErrNotStore, "another program's bbolt file"},
		{newer, store.Options{}, store.ErrNewer, "format 4"},
		{newer, store.Options{ReadOnly: true}, store.ErrNewer, ""},
		{odd, store.Options{}, store.ErrCorrupt, "format 0"},
		{garbled, store.Options{}, store.ErrCorrupt, "split policy"},
		{filepath.Join(dir, "bad.db"), store.Options{Create: true, Policy: &split.Policy{Validation: 60, Testing: 60}}, nil, "nothing to train on"},
	} {
		db, err := store.Open(c.path, c.opt)
		if err == nil {
			db.Close()
			t.Errorf("%s %+v opens", c.path, c.opt)
			continue
		}
		if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %+v: %v\nwant %v, %q", c.path, c.opt, err, c.want, c.says)
		}
		if strings.Count(err.Error(), c.path) != 1 && c.path != dir {
			t.Errorf("the path is not once in %q", err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

// setMeta changes a key of the meta bucket behind the store's back.
func setMeta(t *testing.T, path, key string, value []byte) {
	t.Helper()
	b, err := bolt.Open(path, 0o644, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte(key), value) }); err != nil {
		t.Fatal(err)
	}
}

func TestOpenWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("needs a user whom permissions bind")
	}
	path := fill(t)
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(path, store.Options{}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("writing: %v", err)
	}
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	dir := filepath.Dir(path)
	os.Chmod(dir, 0o555)
	defer os.Chmod(dir, 0o755)
	if _, err := store.Open(filepath.Join(dir, "new.db"), store.Options{Create: true}); !errors.Is(err, os.ErrPermission) ||
		!strings.Contains(err.Error(), "cannot make it") {
		t.Errorf("making: %v", err)
	}
}

func TestLockedByAnotherProcess(t *testing.T) {
	path := fill(t)
	cmd, out := child(t, "busy", path)
	if line, err := out.ReadString('\n'); line != "open\n" {
		t.Fatal(line, err)
	}
	for _, opt := range []store.Options{{Timeout: 50 * time.Millisecond}, {ReadOnly: true, Timeout: 50 * time.Millisecond},
		{Create: true, Timeout: 50 * time.Millisecond}} {
		if _, err := store.Open(path, opt); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "in use by another process"+who(cmd)) {
			t.Errorf("%+v: %v", opt, err)
		}
	}
	// A waiting Open gets the store as soon as the other lets go.
	go func() { time.Sleep(100 * time.Millisecond); cmd.Process.Kill() }()
	db, err := store.Open(path, store.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	storetest.CheckFile(t, path)
}

func TestReadersShare(t *testing.T) {
	path := fill(t)
	a, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	b, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Update(func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("Update: %v", err)
	}
	err = a.View(func(tx *store.Tx) error { return tx.DeleteImage(1, "copy.jpg") })
	if !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("DeleteImage in View: %v", err)
	}
	storetest.CheckAtEnd(t, a)
	storetest.CheckAtEnd(t, b)
}

// Several processes that make the same store at once all end up in one store.
func TestCreateAtOnce(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "features.db")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			db, err := store.Open(path, store.Options{Create: true, Timeout: time.Minute})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if err := db.Update(func(tx *store.Tx) error { _, err := tx.PutRoot(store.Root{Path: fmt.Sprint(i)}); return err }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.CheckAtEnd(t, db)
	if st, err := db.Stats(); err != nil || len(st.Roots) != 8 {
		t.Errorf("%d roots, %v", len(st.Roots), err)
	}
}

func TestCreateInEmptyFile(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "made-by-mktemp")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	policy := split.Policy{Validation: 5, Testing: 25, Salt: "x"}
	db, err := store.Open(path, store.Options{Create: true, Policy: &policy})
	if err != nil {
		t.Fatal(err)
	}
	if db.Policy() != policy || time.Since(db.Created()) > time.Hour || db.Path() != path {
		t.Errorf("%+v %v %s", db.Policy(), db.Created(), db.Path())
	}
	storetest.CheckAtEnd(t, db)
}

// A failure at any step of making a store leaves none, and the next try succeeds.
func TestCreateFails(t *testing.T) {
	for k := 0; ; k++ {
		path := filepath.Join(storetest.Dir(t), "features.db")
		fired := false
		n := 0
		opt := store.WithFault(store.Options{Create: true}, func(string) error {
			if n++; n-1 == k {
				fired = true
				return errInjected
			}
			return nil
		})
		db, err := store.Open(path, opt)
		if !fired {
			if err != nil {
				t.Fatal(err)
			}
			db.Close()
			if k < 2 {
				t.Errorf("only %d steps", k)
			}
			return
		}
		if err == nil && n-1 == k {
			t.Fatalf("step %d: the failure was not told", k)
		}
		if !errors.Is(err, errInjected) {
			t.Fatalf("step %d: %v", k, err)
		}
		if db, err = store.Open(path, store.Options{Create: true}); err != nil {
			t.Fatalf("after a failure at step %d: %v", k, err)
		}
		db.Close()
		storetest.CheckFile(t, path)
		if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
			t.Errorf("after a failure at step %d: %v", k, names)
		}
	}
}

var errInjected = errors.New("injected")
