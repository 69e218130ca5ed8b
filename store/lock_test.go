package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// who is how an error names the process that holds a store.
func who(cmd *exec.Cmd) string {
	if runtime.GOOS != "linux" {
		return ""
	}
	return fmt.Sprintf(", %d (store.test", cmd.Process.Pid)
}

// takesTurns skips a test where a store is locked for as long as it is open.
func takesTurns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes take turns on Linux only")
	}
}

// holdData holds a transaction that changes a store.
func holdData(path string) {
	db, err := store.Open(path, store.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	db.Update(func(*store.Tx) error {
		fmt.Println("open")
		time.Sleep(time.Minute)
		return nil
	})
}

// updateOnce changes a store when told to, and says so.
func updateOnce(path string) {
	db, err := store.Open(path, store.Options{Timeout: time.Minute})
	if err == nil {
		fmt.Println("open")
		bufio.NewReader(os.Stdin).ReadString('\n')
		err = db.Update(func(tx *store.Tx) error { _, err := tx.PutRoot(store.Root{Name: "new"}); return err })
		err = errors.Join(err, db.Close())
	}
	fmt.Println("done", err)
}

// One process writes at a time. Others read between its transactions, and see each.
func TestReadersBesideAnIdleWriter(t *testing.T) {
	takesTurns(t)
	path := fill(t)
	writer, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if _, err := store.Open(path, store.Options{Timeout: 20 * time.Millisecond}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	reader, err := store.Open(path, store.Options{ReadOnly: true, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for i := range 30 {
		err := writer.Update(func(tx *store.Tx) error {
			_, err := tx.PutRoot(store.Root{Name: strings.Repeat("x", 1000*i)}) // the file grows
			return errors.Join(err, tx.SetSplit(largeModel.Digest(0, i%12), split.All[i%3]))
		})
		if err != nil {
			t.Fatal(err)
		}
		st, err := reader.Stats()
		if err != nil || len(st.Roots) != 2+i {
			t.Fatalf("after %d transactions there are %d roots, %v", i+1, len(st.Roots), err)
		}
		if err := newTruth().use(reader); err != nil {
			t.Fatal(err)
		}
	}
	storetest.CheckFile(t, path)
}

// A reader that reads without end lets a writer of another process in, and goes on.
func TestReadersLetWritersIn(t *testing.T) {
	takesTurns(t)
	path := fill(t)
	tr := newTruth()
	for name, read := range map[string]func(db *store.DB) func() error{
		"samplers": func(db *store.DB) func() error {
			ix, err := db.Index([]string{"large"}, split.Training)
			if err != nil {
				t.Fatal(err)
			}
			idle, err1 := db.NewSampler(ix)
			busy, err2 := db.NewSampler(ix)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			src := rand.NewPCG(1, 2)
			if _, err := idle.Draw(src, 5); err != nil {
				t.Fatal(err)
			}
			return func() error { _, err := busy.Draw(src, 5); return err }
		},
		"Each": func(db *store.DB) func() error {
			ix, err := db.Index([]string{"small", "large"}, split.Training)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			return func() error {
				return db.Each(ix, func(l int, d split.Digest, row []float32) error {
					n++
					if want := append(smallModel.Vector(index(d)), largeModel.Vector(index(d))...); !equalBits(row, want) {
						return errors.New("wrong row")
					}
					return nil
				})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(path, store.Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			next := read(db)
			if err := next(); err != nil {
				t.Fatal(err)
			}
			_, out := child(t, "update", path)
			said := make(chan string)
			go func() {
				for range 2 {
					line, _ := out.ReadString('\n')
					said <- line
				}
			}()
			for got := ""; got != "done <nil>\n"; {
				select {
				case got = <-said:
					if got == "" {
						t.Fatal("the writer has ended")
					}
				default:
					if err := next(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := errors.Join(next(), tr.use(db)); err != nil {
				t.Fatal(err)
			}
			storetest.CheckFile(t, path)
		})
	}
}

// index finds the label and the number of an image of fillAll.
func index(d split.Digest) (label, i int) {
	for l := range smallModel.Labels {
		for i := range smallModel.Images {
			if smallModel.Digest(l, i) == d {
				return l, i
			}
		}
	}
	return -1, -1
}

func equalBits(a, b []float32) bool { return fmt.Sprint(bits(a)) == fmt.Sprint(bits(b)) }

// A store that is replaced while a reader has it open is read anew.
func TestReplacedBeneathAReader(t *testing.T) {
	takesTurns(t)
	path := fillToDamage(t)
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	update(t, path, func(tx *store.Tx) error { return errors.Join(tx.DeleteHead("default"), tx.DeleteImage(1, "copy.jpg")) })
	if _, _, err := store.Compact(context.Background(), path, store.Options{}); err != nil {
		t.Fatal(err)
	}
	st, err := db.Stats()
	if err != nil || st.Images != 36 || len(st.Heads) != 0 {
		t.Errorf("%d images, %d heads, %v", st.Images, len(st.Heads), err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Stats(); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("of a store that was removed: %v", err)
	}
	if err := os.WriteFile(path, make([]byte, 5000), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := db.Stats(); !errors.Is(err, store.ErrNotStore) {
			t.Errorf("of another file: %v", err)
		}
	}
}

// A store that a newer version takes over beneath a reader stays unreadable to it.
func TestTakenOverBeneathAReader(t *testing.T) {
	takesTurns(t)
	path := fill(t)
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	setMeta(t, path, "format", []byte{99})
	for range 3 {
		if _, err := db.Stats(); !errors.Is(err, store.ErrNewer) {
			t.Errorf("of a later format: %v", err)
		}
	}
	setMeta(t, path, "format", []byte{2})
	if st, err := db.Stats(); err != nil || st.Images != 37 {
		t.Errorf("%d images, %v", st.Images, err)
	}
	storetest.CheckFile(t, path)
}

// A writer beneath which another program, one without locks, has changed the file
// writes no more: it does not know which pages are free.
func TestChangedBeneathAWriter(t *testing.T) {
	takesTurns(t)
	path := fill(t)
	other := filepath.Join(storetest.Dir(t), "other.db")
	write(t, other, read(t, path))
	update(t, other, func(tx *store.Tx) error { return tx.DeleteHead("default") })
	db, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	write(t, path, read(t, other))
	for range 3 {
		err := db.Update(func(tx *store.Tx) error { return tx.DeleteRoot(1) })
		if !errors.Is(err, store.ErrLocked) {
			t.Errorf("a change: %v", err)
		}
	}
	storetest.CheckFile(t, path)
}

// Who waits is told, once, for whom.
func TestWaitingIsTold(t *testing.T) {
	path := fill(t)
	cmd, out := child(t, "busy", path)
	if line, err := out.ReadString('\n'); line != "open\n" {
		t.Fatal(line, err)
	}
	var told []string
	opt := store.Options{ReadOnly: true, Timeout: time.Minute, Waiting: func(holder string) {
		told = append(told, holder)
		cmd.Process.Kill()
	}}
	db, err := store.Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if len(told) != 1 || !strings.HasPrefix(", "+told[0], who(cmd)) {
		t.Errorf("told %q, want %s", told, who(cmd))
	}
	storetest.CheckFile(t, path)
}

// readUntilCut reads a store in every way until it fails, and says how.
func readUntilCut(path string) {
	db, err := store.Open(path, store.Options{ReadOnly: os.Getenv("STORE_TEST_WRITER") == ""})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	ix, err := db.Index([]string{"small", "large"}, split.Training)
	s, err2 := db.NewSampler(ix)
	if err := errors.Join(err, err2); err != nil {
		fmt.Println(err)
		return
	}
	ways := map[string]func() error{
		"sampler": func() error { _, err := s.DrawImages(rand.NewPCG(1, 2), 50); return err },
		"each":    func() error { return db.Each(ix, func(int, split.Digest, []float32) error { return nil }) },
		"stats":   func() error { _, err := db.Stats(); return err },
		"check": func() error {
			r, err := db.Check(context.Background(), nil)
			if err == nil && !r.OK() {
				err = store.ErrCorrupt
			}
			return err
		},
		"view": func() error {
			return db.View(func(tx *store.Tx) error {
				return tx.Each(ix, func(int, split.Digest, []float32) error { time.Sleep(time.Millisecond); return nil })
			})
		},
		"update": func() error {
			return db.Update(func(tx *store.Tx) error { return tx.SetSplit(smallModel.Digest(0, 0), split.Testing) })
		},
	}
	read := ways[os.Getenv("STORE_TEST_WAY")]
	fmt.Println("open")
	for {
		if err := read(); err != nil {
			fmt.Println(errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotStore), err) // an empty file is no store
			return
		}
	}
}

// A file that is cut short while it is read makes an error, not the end of the process.
func TestCutShortWhileRead(t *testing.T) {
	for _, way := range []string{"sampler", "each", "stats", "check", "view", "update"} {
		for _, size := range []int64{0, 4096, 8192, 40960} {
			path := fill(t)
			env := []string{"STORE_TEST_WAY=" + way}
			if way == "update" || size == 4096 {
				env = append(env, "STORE_TEST_WRITER=1")
			}
			_, out := child(t, "read", path, env...)
			if line, err := out.ReadString('\n'); line != "open\n" {
				t.Fatal(line, err)
			}
			time.Sleep(20 * time.Millisecond)
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
			said, _ := out.ReadString('\n')
			if !strings.HasPrefix(said, "true ") {
				t.Errorf("%s, cut to %d bytes: %q", way, size, said)
			}
			os.Rename(path, filepath.Join(filepath.Dir(path), "damaged.db"))
		}
	}
}
