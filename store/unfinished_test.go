package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"featstore/store"
	"featstore/store/storetest"
)

// createUntilKilled makes a store and stops before a step of that.
func createUntilKilled(path string) {
	stop := os.Getenv("STORE_TEST_STEP")
	_, err := store.Open(path, store.WithFault(store.Options{Create: true}, func(step string) error {
		if step == stop {
			fmt.Println("stopped")
			time.Sleep(time.Hour)
		}
		return nil
	}))
	fmt.Println("not stopped:", err)
}

// What a killed creation leaves goes when somebody opens the store for writing; what a
// living process is making, and what others have put there, stays.
func TestKilledCreation(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("here a file must be an hour old")
	}
	for _, step := range []string{"create: write", "create: name"} {
		for _, again := range []bool{false, true} {
			dir := storetest.Dir(t)
			path := filepath.Join(dir, "features.db")
			cmd, out := child(t, "create", path, "STORE_TEST_STEP="+step)
			if line, err := out.ReadString('\n'); line != "stopped\n" {
				t.Fatal(line, err)
			}
			others := []string{"features.db.new-0123abcd", "features.db.new-mine", "other.db.new-0123abcd"}
			for _, name := range others {
				write(t, filepath.Join(dir, name), []byte("notes of somebody"))
			}
			open := func(opt store.Options) {
				db, err := store.Open(path, opt)
				if err != nil {
					t.Fatal(err)
				}
				storetest.CheckAtEnd(t, db)
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if again { // there is a store already when the process is killed
				open(store.Options{Create: true})
				if n := len(names(t, dir)); n != len(others)+2 {
					t.Errorf("%s: a living process's file is gone: %q", step, names(t, dir))
				}
			}
			cmd.Process.Kill()
			cmd.Wait()
			if again {
				open(store.Options{ReadOnly: true})
				if n := len(names(t, dir)); n != len(others)+2 {
					t.Errorf("%s: a reader removes files: %q", step, names(t, dir))
				}
			}
			open(store.Options{Create: !again})
			want := append([]string{"features.db"}, others...)
			if got := names(t, dir); !slices.Equal(got, want) {
				t.Errorf("%s: left are %q, want %q", step, got, want)
			}
		}
	}
}

// Processes that make the same store at the same time do not take each other's file for
// abandoned: each opens the one store that comes of it.
func TestCreationsAtTheSameTime(t *testing.T) {
	for range 20 {
		dir := storetest.Dir(t)
		path := filepath.Join(dir, "features.db")
		done := make(chan error)
		for range 4 {
			go func() {
				db, err := store.Open(path, store.Options{Create: true, Timeout: time.Minute})
				if err == nil {
					err = db.Close()
				}
				done <- err
			}()
		}
		for range 4 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		storetest.CheckFile(t, path)
		if got := names(t, dir); !slices.Equal(got, []string{"features.db"}) {
			t.Errorf("left are %q", got)
		}
	}
}

// names returns the names of a folder's files, sorted.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
