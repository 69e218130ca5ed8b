package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// A commit writes data pages and then a meta page. Whatever part of these writes is
// on disk when the process or the machine stops, the store holds the state before
// or after, whole.
func TestKillBetweenWrites(t *testing.T) {
	path := fill(t)
	changes := []func(*store.Tx) error{
		func(tx *store.Tx) error {
			return tx.PutImage(1, "label00/000003.jpg", store.Image{Digest: largeModel.Digest(0, 3), Label: "label02"})
		},
		func(tx *store.Tx) error { return tx.DeleteImage(1, "label01/000005.jpg") },
		func(tx *store.Tx) error { return tx.PutVector("large", largeModel.Digest(2, 2), make([]float32, 1500)) },
		func(tx *store.Tx) error { return tx.SetSplit(smallModel.Digest(2, 7), split.Validation) },
		func(tx *store.Tx) error { return tx.DeleteRoot(1) },
	}
	for i, change := range changes {
		before := read(t, path)
		had := contents(t, path)
		update(t, path, change)
		after := read(t, path)
		has := contents(t, path)
		n := 0
		for _, file := range crashes(before, after, 4096) {
			if n++; testing.Short() && n%6 > 0 {
				continue
			}
			crashed := filepath.Join(storetest.Dir(t), "crashed.db")
			write(t, crashed, file.data)
			checkCrashed(t, crashed, file)
			got := contents(t, crashed)
			if got != had && (got != has || !file.complete) {
				t.Fatalf("change %d, %s: neither the state before nor after", i, file.name)
			}
			if got == has {
				continue
			}
			update(t, crashed, change) // the next run completes it
			if got := contents(t, crashed); got != has {
				t.Fatalf("change %d, %s: the next run gives another state", i, file.name)
			}
			storetest.CheckFile(t, crashed)
		}
		if n < 5 {
			t.Errorf("change %d: only %d crashes", i, n)
		}
	}
}

// checkCrashed is storetest.CheckFile for a store whose header may be torn.
func checkCrashed(t *testing.T, path string, c crash) {
	t.Helper()
	r, err := store.CheckFile(context.Background(), path, nil)
	if err != nil || !r.Finished {
		t.Fatalf("%s: %+v, %v", c.name, r, err)
	}
	for _, p := range r.Problems {
		if !c.complete || !strings.Contains(p, "one of its two headers is invalid") {
			t.Errorf("%s: %s", c.name, p)
		}
	}
}

type crash struct {
	name     string
	data     []byte
	complete bool // the meta page was written, at least in part
}

// crashes returns states of a file on its way from before to after: the first k
// changed pages written, the k-th alone missing or torn, and a torn meta page.
func crashes(before, after []byte, page int) []crash {
	grown := append(bytes.Clone(before), make([]byte, max(0, len(after)-len(before)))...)
	var data []int
	meta := -1
	for at := 0; at < len(after); at += page {
		switch {
		case bytes.Equal(grown[at:at+page], after[at:at+page]):
		case at < 2*page:
			meta = at
		default:
			data = append(data, at)
		}
	}
	put := func(dst []byte, at, n int) { copy(dst[at:at+n], after[at:at+n]) }
	all := bytes.Clone(grown)
	for _, at := range data {
		put(all, at, page)
	}
	var out []crash
	for k, at := range data {
		first := bytes.Clone(grown)
		for _, at := range data[:k] {
			put(first, at, page)
		}
		out = append(out, crash{fmt.Sprintf("%d of %d pages written", k, len(data)), first, false})
		torn := bytes.Clone(first)
		put(torn, at, page/2)
		out = append(out, crash{fmt.Sprintf("page %d of %d torn", k, len(data)), torn, false})
		one := bytes.Clone(grown)
		put(one, at, page)
		out = append(out, crash{fmt.Sprintf("only page %d of %d written", k, len(data)), one, false})
	}
	for n := 0; n <= 80; n += 8 {
		torn := bytes.Clone(all)
		put(torn, meta, n)
		out = append(out, crash{fmt.Sprintf("%d bytes of the meta page written", n), torn, n > 0})
	}
	return out
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func update(t testing.TB, path string, fn func(*store.Tx) error) {
	t.Helper()
	db, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// contents describes all that is in a store, so that states can be compared.
func contents(t testing.TB, path string) string {
	t.Helper()
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := describe(db)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func describe(db *store.DB) (string, error) {
	var b strings.Builder
	err := db.View(func(tx *store.Tx) error {
		st, err := tx.Stats()
		if err != nil {
			return err
		}
		st.Path, st.FileBytes = "", 0
		fmt.Fprintf(&b, "%+v\n", st)
		for _, r := range st.Roots {
			for e, err := range tx.Images(r.ID) {
				if err != nil {
					return err
				}
				fmt.Fprintf(&b, "%+v\n", e)
				for _, m := range st.Models {
					if v, err := tx.Vector(m.ID, e.Digest); err == nil {
						fmt.Fprintln(&b, bits(v))
					} else if !errors.Is(err, store.ErrNotFound) {
						return err
					}
				}
			}
			for f, err := range tx.Failures(r.ID) {
				if err != nil {
					return err
				}
				fmt.Fprintf(&b, "%+v\n", f)
			}
		}
		return nil
	})
	return b.String(), err
}

// writeUntilKilled is what a killed process does: it puts images, in transactions
// of its own and through a writer, moves and deletes them, and changes splits.
func writeUntilKilled(path string) {
	db, err := store.Open(path, store.Options{Create: true, Timeout: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("open")
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	err = db.Update(func(tx *store.Tx) error {
		if _, err := tx.Root(1); err == nil {
			return nil
		}
		_, err := tx.PutRoot(store.Root{})
		return errors.Join(err, tx.PutModel(store.Model{ID: "m", Dim: 700}))
	})
	for n := 0; err == nil; n++ {
		w := db.NewWriter(store.WriterOptions{MaxOps: 20})
		for range 50 {
			w.Put(store.Entry{
				Root: 1, Path: fmt.Sprint(rng.IntN(100)),
				Image:   store.Image{Digest: split.SumBytes([]byte{byte(rng.IntN(80))}), Label: fmt.Sprint(rng.IntN(3))},
				Vectors: map[string][]float32{"m": make([]float32, 700)},
			})
		}
		w.Do(func(tx *store.Tx) error { return tx.DeleteImage(1, fmt.Sprint(rng.IntN(100))) })
		if err = w.Close(); err == nil && n%3 == 0 {
			_, err = db.Resplit(context.Background(), split.Policy{Testing: 20, Validation: 20, Salt: fmt.Sprint(n)}, nil)
		}
	}
	fmt.Println(err)
}

// A process killed at a random moment leaves a store that is in order.
func TestKillAtRandom(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 4
	}
	path := filepath.Join(storetest.Dir(t), "features.db")
	for i := range rounds {
		cmd, out := child(t, "write", path)
		if line, err := out.ReadString('\n'); line != "open\n" {
			t.Fatal(line, err)
		}
		time.Sleep(time.Duration(rand.IntN(40000)) * time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()
		storetest.CheckFile(t, path)
		if t.Failed() {
			t.Fatalf("after kill %d", i)
		}
	}
	if left, _ := filepath.Glob(path + ".new-*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// exitCode waits for a child.
func exitCode(cmd *exec.Cmd) int {
	cmd.Wait()
	return cmd.ProcessState.ExitCode()
}
