package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"

	"featstore/extract/userfile"
)

// A file is one candidate found below the root: a regular file, which may or may not
// turn out to be a photo.
type file struct {
	path  string // relative to the root, slash-separated, as on disk
	label string // NFC-normalised: see arrange
	group string // that a list gives it, empty for none
	said  said   // the split that a list gives it
	size  int64
	mtime int64 // nanoseconds since 1970
	err   error // why it cannot be opened, such as a broken link
}

// A listing is everything a walk found, sorted by path.
type listing struct {
	root    string    // canonical absolute path
	all     []file    // without labels
	folders []string  // the first two levels, also the empty ones
	unread  []Problem // folders that could not be read: what lies there is unknown
	links   []Problem // links to folders that were not followed, and why

	// What follows from a source of labels: see arrange and labelling.
	files      []file              // those with a label
	unlabelled []string            // photos whose folders give them none
	labels     map[string]struct{} // also those without a file, where folders give them
}

// skippedNames are files and folders that operating systems and archivers leave among
// photos. Like hidden files they are skipped and not reported.
var skippedNames = map[string]bool{
	"__macosx": true, "thumbs.db": true, "desktop.ini": true, "@eadir": true,
	"$recycle.bin": true, "system volume information": true, "lost+found": true,
}

func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || skippedNames[strings.ToLower(name)]
}

// photoExtensions are the extensions of photos. A file with one of them that is not a
// photo, or of a kind that cannot be decoded, is reported as a failure. Other files are
// looked at too, and skipped if their bytes are not a photo.
var photoExtensions = map[string]bool{
	".jpg": true, ".jpeg": true, ".jpe": true, ".jfif": true, ".png": true, ".gif": true, ".webp": true,
	".bmp": true, ".dib": true, ".tif": true, ".tiff": true, ".heic": true, ".heif": true, ".avif": true,
	".jxl": true, ".jp2": true, ".dng": true, ".cr2": true, ".cr3": true, ".nef": true, ".arw": true, ".orf": true, ".rw2": true,
}

func namedAsPhoto(name string) bool { return photoExtensions[strings.ToLower(path.Ext(name))] }

// A folder is one directory still to be read.
type folder struct {
	abs, rel string
}

type walker struct {
	ctx     context.Context
	out     listing
	seen    map[string]bool // canonical paths of the folders read so far
	found   func()
	pending []folder // links to folders: followed after all real folders
}

// walk lists the files below root. Real folders are read before links to
// folders are followed, so that a photo is listed under its real path whenever
// it has one, and each folder is read once however many links lead to it.
func walk(ctx context.Context, root string, found func()) (*listing, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("find folder %s: %w", root, err)
	}
	canonical, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, fmt.Errorf("find folder %s: %w", root, userfile.WithoutPath(err))
	}
	info, err := os.Stat(canonical)
	if err != nil {
		return nil, fmt.Errorf("find folder %s: %w", root, userfile.WithoutPath(err))
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: %w", root, ErrNotFolder)
	}
	w := &walker{ctx: ctx, seen: map[string]bool{}, found: found}
	w.out.root = canonical
	if _, err := os.ReadDir(canonical); err != nil {
		return nil, fmt.Errorf("read folder %s: %w", root, userfile.WithoutPath(err))
	}
	if err := w.all(folder{abs: canonical}); err != nil {
		return nil, err
	}
	sort.Slice(w.out.all, func(i, j int) bool { return w.out.all[i].path < w.out.all[j].path })
	return &w.out, nil
}

func (w *walker) all(root folder) error {
	todo := []folder{root}
	for {
		for len(todo) > 0 {
			f := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			more, err := w.read(f)
			if err != nil {
				return err
			}
			todo = append(todo, more...)
		}
		if len(w.pending) == 0 {
			return nil
		}
		link := w.pending[0]
		w.pending = w.pending[1:]
		if w.follow(link) {
			todo = append(todo, link)
		}
	}
}

// follow says whether the folder behind a link is to be read.
func (w *walker) follow(link folder) bool {
	target, err := filepath.EvalSymlinks(link.abs)
	switch {
	case err != nil:
		w.out.links = append(w.out.links, problem(link.rel, userfile.WithoutPath(err)))
	case within(w.out.root, target):
		w.out.links = append(w.out.links, problem(link.rel, errLoop))
	case w.seen[target]:
		w.out.links = append(w.out.links, problem(link.rel, errReadBefore))
	default:
		return true
	}
	return false
}

// within reports whether p is dir or lies below it.
func within(p, dir string) bool {
	rel, err := filepath.Rel(dir, p)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// read lists one folder and returns the folders in it.
func (w *walker) read(f folder) ([]folder, error) {
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	canonical, err := filepath.EvalSymlinks(f.abs)
	if err == nil && w.seen[canonical] {
		return nil, nil
	}
	w.seen[canonical] = true
	entries, err := os.ReadDir(f.abs)
	if err != nil {
		w.out.unread = append(w.out.unread, problem(f.rel, userfile.WithoutPath(err)))
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return skipped(e.Name()) })
	var more []folder
	for i, found := range lookAt(entries) {
		child := folder{filepath.Join(f.abs, entries[i].Name()), path.Join(f.rel, entries[i].Name())}
		if w.entry(child, found.info, found.err) {
			more = append(more, child)
		}
	}
	return more, nil
}

// A finding is what is known of an entry of a folder.
type finding struct {
	info fs.FileInfo
	err  error
}

// lookAt finds out what the entries of a folder are, many at a time: that is most of the
// time that a folder of unchanged photos takes.
func lookAt(entries []fs.DirEntry) []finding {
	found := make([]finding, len(entries))
	inParts(len(entries), func(lo, hi int) error {
		for i, e := range entries[lo:hi] {
			found[lo+i].info, found[lo+i].err = e.Info()
		}
		return nil
	})
	return found
}

// inParts calls do for parts of 0 … n-1, on all processors, and returns one of its errors.
func inParts(n int, do func(lo, hi int) error) error {
	const least = 128 // in a part, for which another goroutine is worth its while
	parts := max(1, min(runtime.GOMAXPROCS(0), n/least))
	var group errgroup.Group
	for i := range parts {
		group.Go(func() error { return do(n*i/parts, n*(i+1)/parts) })
	}
	return group.Wait()
}

// entry notes one entry of a folder and reports whether it is a folder to read.
func (w *walker) entry(child folder, info fs.FileInfo, err error) bool {
	link := err == nil && info.Mode()&fs.ModeSymlink != 0
	if link {
		info, err = os.Stat(child.abs)
	}
	if errors.Is(err, fs.ErrNotExist) && !link {
		return false // removed since the folder was listed
	}
	if err == nil && info.IsDir() {
		if strings.Count(child.rel, "/") < 2 {
			w.out.folders = append(w.out.folders, child.rel)
		}
		if link {
			w.pending = append(w.pending, child)
		}
		return !link
	}
	if err == nil && !info.Mode().IsRegular() {
		return false // a pipe, socket or device: reading might never end
	}
	w.note(child.rel, info, err)
	return false
}

func (w *walker) note(rel string, info fs.FileInfo, err error) {
	f := file{path: rel}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.err = errBrokenLink
	case err != nil:
		f.err = userfile.WithoutPath(err)
	default:
		f.size, f.mtime = info.Size(), info.ModTime().UnixNano()
	}
	w.out.all = append(w.out.all, f)
	w.found()
}

// someNames is how many names of a folder LooksLabelled looks at.
const someNames = 1000

// LooksLabelled reports, without reading all of dir, whether it holds folders of photos:
// at least two folders directly in it have files named as photos.
func LooksLabelled(dir string) bool {
	labels := 0
	for _, name := range firstNames(dir, someNames) {
		if skipped(name) {
			continue
		}
		if slices.ContainsFunc(firstNames(filepath.Join(dir, name), someNames), namedAsPhoto) {
			labels++
		}
		if labels == 2 {
			return true
		}
	}
	return false
}

// firstNames returns some names in a folder, none if it is not one.
func firstNames(dir string, most int) []string {
	h, err := os.Open(dir + string(filepath.Separator)) // which no pipe or device is
	if err != nil {
		return nil
	}
	defer h.Close()
	names, _ := h.Readdirnames(most)
	return names
}

// Photos returns the slash-separated paths, relative to dir, of all photos in a
// folder and the folders below it, whether they lie in a label's folder or not.
// unread are the folders below dir that could not be read.
func Photos(ctx context.Context, dir string) (photos []string, unread []Problem, err error) {
	l, err := walk(ctx, dir, func() {})
	if err != nil {
		return nil, nil, err
	}
	for _, f := range l.all {
		if namedAsPhoto(f.path) || isPhoto(filepath.Join(l.root, filepath.FromSlash(f.path))) {
			photos = append(photos, f.path)
		}
	}
	return photos, l.unread, nil
}

// isPhoto reports whether a file that is not named as a photo is one.
func isPhoto(abs string) bool {
	h, err := userfile.Open(abs)
	if err != nil {
		return false
	}
	defer h.Close()
	return startsLikePhoto(h)
}
