//go:build unix

package userfile

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Nothing but a regular file is opened, and nothing waits: neither for a pipe that
// nobody writes to nor for a device that has no bytes.
func TestKinds(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	paths := map[string]string{pipe: "it is a pipe", "/dev/zero": "it is a device", os.DevNull: "it is a device", dir: "it is a folder"}
	socket := filepath.Join(dir, "s")
	if l, err := net.Listen("unix", socket); err == nil { // the name may be too long
		defer l.Close()
		paths[socket] = "it is a socket"
	}
	for path, want := range paths {
		link := filepath.Join(dir, "link to "+filepath.Base(path))
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, link} {
			_, err := Read(context.Background(), name, 1<<20)
			if !errors.Is(err, ErrKind) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
			_, err = ReadFS(context.Background(), os.DirFS(filepath.Dir(name)), filepath.Base(name), 1<<20)
			if !errors.Is(err, ErrKind) {
				t.Errorf("%s in its folder: got %v", name, err)
			}
		}
	}
}

// Files of /proc are regular and say that they are empty.
func TestProc(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	data, err := Read(context.Background(), "/proc/self/status", 1<<20)
	if err != nil || len(data) == 0 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := Read(context.Background(), "/proc/self/status", 10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}
