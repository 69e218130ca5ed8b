package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// holder describes a process that holds a lock on f: its number and command. It is
// empty where the system does not tell, such as for processes of other containers.
func holder(f *os.File) string {
	info, err := f.Stat()
	var st unix.Stat_t
	if err != nil || unix.Fstat(int(f.Fd()), &st) != nil {
		return ""
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return ""
	}
	found := ""
	for line := range strings.Lines(string(locks)) {
		// 1: FLOCK  ADVISORY  WRITE 1234 fe:00:131 0 EOF; "->" after the number is who waits
		w := strings.Fields(line)
		if len(w) < 6 || w[1] != "FLOCK" || !strings.HasSuffix(w[5], fmt.Sprint(":", st.Ino)) {
			continue
		}
		pid, err := strconv.Atoi(w[4])
		if err != nil || pid <= 0 || pid != os.Getpid() && !hasOpen(pid, info) {
			continue
		}
		if found == "" || w[3] == "WRITE" {
			found = fmt.Sprintf("%d%s", pid, commandOf(pid))
		}
	}
	return found
}

// hasOpen tells whether a process has a file open: other file systems have files of
// the same number.
func hasOpen(pid int, info os.FileInfo) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if other, err := os.Stat(filepath.Join(dir, f.Name())); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	return err != nil && os.IsPermission(err) // another user's: most likely it is
}

// commandOf returns the command line of a process as part of a sentence.
func commandOf(pid int) string {
	const longest = 80
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	words := bytes.Split(bytes.TrimRight(b, "\x00"), []byte{0})
	if err != nil || len(words[0]) == 0 {
		return ""
	}
	words[0] = []byte(filepath.Base(string(words[0])))
	line := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(string(bytes.Join(words, []byte(" "))), "?")))
	if len(line) > longest {
		line = append(line[:longest-1], '…')
	}
	return " (" + string(line) + ")"
}
