package export

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// removeUnfinished removes what exports to the same name that were killed have left
// behind: temporary files, and an earlier export set aside whose place is taken. What
// is in use, cannot be removed or is not of an export's making stays.
func (t *target) removeUnfinished(dir, name string) {
	entries, _ := os.ReadDir(dir)
	_, err := os.Lstat(t.final)
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), "."+name+".")
		digits, ending, _ := strings.Cut(rest, ".")
		if _, bad := strconv.ParseUint(digits, 16, 32); !ok || bad != nil || len(digits) != 8 {
			continue
		}
		if ending != "tmp" && !(ending == "old" && err == nil) {
			continue
		}
		if at := filepath.Join(dir, e.Name()); e.IsDir() == t.folder && unfinished(at) {
			os.RemoveAll(at)
		}
	}
}

// justMade is how old an empty folder is at most that may be about to be filled.
const justMade = time.Minute

// unfinished tells whether what is named as an export's temporary file or folder is
// one, and nobody is writing to it.
func unfinished(at string) bool {
	info, err := os.Lstat(at)
	if err != nil || !info.IsDir() {
		return err == nil && info.Mode().IsRegular() && !inUse(at) && beginsAsExport(at) == nil
	}
	entries, err := os.ReadDir(at)
	if err != nil || len(entries) == 0 && time.Since(info.ModTime()) < justMade {
		return false
	}
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !slices.Contains(npyNames, e.Name()) || inUse(filepath.Join(at, e.Name()))
	})
}
