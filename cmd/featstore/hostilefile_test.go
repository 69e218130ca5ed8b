//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"featstore/store/storetest"
)

const jpegStart = "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"

// mostMemory is what a command may take until it refuses a single file.
const mostMemory = 500 << 20

// hostileFiles makes what no command may read to its end: it would take all memory, or
// for ever. The links lead to each of them.
func hostileFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"/dev/zero": "/dev/zero", "/dev/null": os.DevNull, "a folder": t.TempDir()}
	sparse := func(name, start string, size int64) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(start), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Skip("no sparse files here:", err)
		}
		files[name] = path
	}
	sparse("250 MB behind a JPEG's start", jpegStart, 250e6)
	sparse("5 GB", "", 5<<30)
	sparse("1.9 GB", "", 19e8)
	sparse("250 MB", "", 250e6)
	sparse("1.9 GB behind a network's start", "\x08\x08\x12\x03abc", 19e8)
	sparse("120 MB behind a list's start", "path,split\nrose/1.jpg,train\n", 120e6)
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	files["a pipe"] = pipe
	if runtime.GOOS == "linux" {
		files["/proc"] = "/proc/self/maps"
	}
	for name, path := range files {
		link := filepath.Join(dir, "link to "+strings.ReplaceAll(name, "/", "_"))
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		files["a link to "+name] = link
	}
	return files
}

// Whatever a name leads to, a command that gets it ends in little memory: it refuses the
// file, or has no use for it. A test that hangs here is one that waits for a pipe.
func TestHostileFiles(t *testing.T) {
	photos, db := drawSome(t, 4)
	for _, args := range [][]string{{"ingest", photos, "--size", "64"}, {"train", "--steps", "20"}} {
		p := start(t, append(args, "--store", db, "-q")...)
		if stderr, status := p.end(); status.ExitStatus() != 0 {
			t.Fatalf("%q: %s", args, stderr)
		}
	}
	other := filepath.Join(t.TempDir(), "other.db")
	files := hostileFiles(t)
	commands := []string{ // each with the file instead of X
		"predict X --store DB",
		"predict PHOTO --model X --store DB",
		"models inspect X",
		"ingest X --store OTHER",
		"ingest PHOTOS --model X --store OTHER",
		"ingest PHOTOS --split-file X --store OTHER",
		"split --file X --store DB",
		"forget X --store DB",
		"stats --store X",
		"bench --only network --model X",
		"bench --only decode --photos X",
		"evaluate --store X",
	}
	for name, path := range files {
		if testing.Short() && (strings.HasPrefix(name, "a link") || strings.HasPrefix(name, "1.9")) {
			continue
		}
		for _, command := range commands {
			var args []string
			for _, word := range strings.Fields(command) {
				switch word {
				case "X":
					word = path
				case "DB":
					word = db
				case "OTHER":
					word = other
				case "PHOTOS":
					word = photos
				case "PHOTO":
					word = filepath.Join(photos, "rose", "rose_000.jpg")
				}
				args = append(args, word)
			}
			p := start(t, args...)
			stderr, status := p.end()
			told := fmt.Sprintf("%s (X is %s): exit code %d, %s", command, name, status.ExitStatus(), stderr)
			if !status.Exited() || status.ExitStatus() == 0 || !strings.Contains(stderr, "featstore: ") {
				t.Errorf("want an error: %s", told)
			}
			if most := maxMemory(p); most > mostMemory {
				t.Errorf("%d MB: %s", most>>20, told)
			}
			if _, err := os.Stat(other); err == nil {
				t.Fatalf("a store was made: %s", told)
			}
		}
	}
	storetest.CheckFile(t, db)
}

// maxMemory is the most memory that a process had.
func maxMemory(p *process) int64 {
	most := int64(p.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	if runtime.GOOS != "darwin" {
		most <<= 10 // counted in KiB
	}
	return most
}

// A folder with such files among its photos is ingested without them.
func TestHostileFilesAmongPhotos(t *testing.T) {
	photos, db := drawSome(t, 2)
	at := filepath.Join(photos, "rose")
	if err := unix.Mkfifo(filepath.Join(at, "pipe.jpg"), 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	for name, size := range map[string]int64{"large.jpg": 5 << 30, "zeros.jpg": 200e6, "large": 5 << 30} {
		if err := os.WriteFile(filepath.Join(at, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(at, name), size); err != nil {
			t.Skip("no sparse files here:", err)
		}
	}
	if err := os.Symlink("/dev/zero", filepath.Join(at, "zero.jpg")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"ingest", photos, "--size", "64"}, {"ingest", photos}, {"train", "--steps", "20"}, {"predict", photos}} {
		p := start(t, append(args, "--store", db)...)
		stderr, status := p.end()
		want := 3
		if args[0] == "train" {
			want = 0
		}
		if status.ExitStatus() != want {
			t.Errorf("%q: exit code %d, %s", args, status.ExitStatus(), stderr)
		}
		if most := maxMemory(p); most > mostMemory {
			t.Errorf("%q: %d MB, %s", args, most>>20, stderr)
		}
	}
	storetest.CheckFile(t, db)
}

// The first Ctrl-C ends a command that waits for standard input, and the store is not
// held meanwhile.
func TestInterruptWaitingForInput(t *testing.T) {
	photos, db := drawSome(t, 4)
	for _, args := range [][]string{{"ingest", photos, "--size", "64"}, {"train", "--steps", "20"}} {
		p := start(t, append(args, "--store", db, "-q")...)
		if stderr, status := p.end(); status.ExitStatus() != 0 {
			t.Fatalf("%q: %s", args, stderr)
		}
	}
	for _, args := range [][]string{{"predict", "-"}, {"split", "--file", "-"}, {"ingest", photos, "--split-file", "-"}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := startWith(t, read, append(args, "--store", db)...)
		// More than a pipe holds can be written only when somebody reads.
		begin := jpegStart + strings.Repeat("\x00", 1<<20)
		if _, err := write.Write([]byte(begin)); err != nil {
			t.Fatal(err)
		}
		writer := start(t, "split", "--salt", args[0], "--store", db, "-q")
		if stderr, status := writer.end(); status.ExitStatus() != 0 {
			t.Errorf("while %q waits: %s", args, stderr)
		}
		p.Process.Signal(os.Interrupt)
		if stderr, status := p.end(); status.ExitStatus() != 130 || !strings.Contains(stderr, "interrupted") {
			t.Errorf("%q: exit code %d, %s", args, status.ExitStatus(), stderr)
		}
		read.Close()
		write.Close()
	}
	storetest.CheckFile(t, db)
}
