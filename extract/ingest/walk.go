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

	in    *packed // the archive that it lies in, nil for a file of its own
	entry int     // its number there
	top   int     // bytes of path before the folders that mean something: see packed
}

// below is the file's path without what stands for an archive.
func (f file) below() string { return f.path[f.top:] }

// A listing is everything a walk found, sorted by path.
type listing struct {
	root    string    // canonical absolute path
	packed  []*packed // archives that were looked into; just one at "." if the root is one
	top     string    // folder in all of them that means nothing, with a slash behind
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

// A walker visits the files below a folder, sorted by path, except that links to folders
// come last: a photo has its real path whenever it has one, and each folder is read
// once however many links lead to it.
type walker struct {
	ctx     context.Context
	out     listing             // all but its files
	seen    map[string]bool     // canonical paths of the folders read so far
	visit   func(f file) error  // is told each file; an error ends the walk
	unread  func(Problem) error // is told each folder that cannot be read
	pending []folder            // links to folders: followed after all real folders
}

// newWalker returns a walker of a folder, which must be there.
func newWalker(ctx context.Context, root string) (*walker, error) {
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
	if h, err := os.Open(canonical); err != nil {
		return nil, fmt.Errorf("read folder %s: %w", root, userfile.WithoutPath(err))
	} else {
		h.Close()
	}
	return &walker{ctx: ctx, out: listing{root: canonical}, seen: map[string]bool{}}, nil
}

// walk lists the files below root, or those in it if it is an archive.
func walk(ctx context.Context, root string, found func()) (*listing, error) {
	w, err := newWalker(ctx, root)
	if errors.Is(err, ErrNotFolder) {
		return openRoot(ctx, root, found)
	}
	if err != nil {
		return nil, err
	}
	w.visit = func(f file) error {
		w.out.all = append(w.out.all, f)
		found()
		return nil
	}
	w.unread = func(p Problem) error {
		w.out.unread = append(w.out.unread, p)
		return nil
	}
	if err := w.all(); err != nil {
		return nil, err
	}
	if err := w.out.unpack(ctx, found); err != nil {
		return nil, err
	}
	w.out.sort()
	return &w.out, nil
}

func (l *listing) sort() {
	sort.Slice(l.all, func(i, j int) bool { return l.all[i].path < l.all[j].path })
}

func (w *walker) all() error {
	if err := w.read(folder{abs: w.out.root}); err != nil {
		return err
	}
	for len(w.pending) > 0 {
		link := w.pending[0]
		w.pending = w.pending[1:]
		if w.follow(link) {
			if err := w.read(link); err != nil {
				return err
			}
		}
	}
	return nil
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

// read visits what is in a folder and in the folders in it.
func (w *walker) read(f folder) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	canonical, err := filepath.EvalSymlinks(f.abs)
	if err == nil && w.seen[canonical] {
		return nil
	}
	w.seen[canonical] = true
	entries, err := os.ReadDir(f.abs)
	if err != nil {
		if err := w.unread(problem(f.rel, userfile.WithoutPath(err))); err != nil {
			return err
		}
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return skipped(e.Name()) })
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortKey(a), sortKey(b)) })
	for i, found := range lookAt(entries) {
		child := folder{filepath.Join(f.abs, entries[i].Name()), path.Join(f.rel, entries[i].Name())}
		if err := w.entry(child, found.info, found.err); err != nil {
			return err
		}
	}
	return nil
}

// sortKey puts entries into the order that the paths of files have.
func sortKey(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
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

// entry visits one entry of a folder.
func (w *walker) entry(child folder, info fs.FileInfo, err error) error {
	link := err == nil && info.Mode()&fs.ModeSymlink != 0
	if link {
		info, err = os.Stat(child.abs)
	}
	if errors.Is(err, fs.ErrNotExist) && !link {
		return nil // removed since the folder was listed
	}
	if err == nil && info.IsDir() {
		if strings.Count(child.rel, "/") < 2 {
			w.out.folders = append(w.out.folders, child.rel)
		}
		if link {
			w.pending = append(w.pending, child)
			return nil
		}
		return w.read(child)
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil // a pipe, socket or device: reading might never end
	}
	f := file{path: child.rel}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.err = errBrokenLink
	case err != nil:
		f.err = userfile.WithoutPath(err)
	default:
		f.size, f.mtime = info.Size(), info.ModTime().UnixNano()
	}
	return w.visit(f)
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
