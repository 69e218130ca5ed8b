package importer

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"featstore/split"
	"featstore/store"
)

// drive is how absolute paths of Windows begin.
var drive = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

// slashed is a path as written with slashes, cleaned, and whether it is absolute: of this
// machine or another.
func slashed(written string) (clean string, absolute bool) {
	if drive.MatchString(written) {
		return path.Clean(strings.ReplaceAll(written, `\`, "/")), true
	}
	clean = path.Clean(filepath.ToSlash(written))
	return clean, path.IsAbs(clean)
}

// absolutePath is a row's path as an absolute one, slash-separated. Relative ones count from
// the folder of the imported file.
func (s *Source) absolutePath(written string) string {
	clean, absolute := slashed(written)
	if absolute {
		return clean
	}
	return path.Join(filepath.ToSlash(filepath.Dir(s.Path)), clean)
}

// inside returns the part of a slash-separated path below a folder.
func inside(p, dir string) (rest string, ok bool) {
	if dir = strings.TrimSuffix(dir, "/"); !strings.HasPrefix(p, dir+"/") {
		return "", false
	}
	return p[len(dir)+1:], len(p) > len(dir)+1
}

// shared is the folder that two slash-separated folders share.
func shared(a, b string) string {
	if a == b || b == "" {
		return a
	}
	if a == "" {
		return b
	}
	for a != b {
		if len(a) < len(b) {
			a, b = b, a
		}
		above := path.Dir(a)
		if above == a {
			return a
		}
		a = above
	}
	return a
}

// A place is where a row's image lies.
type place struct {
	root string // path of the root, as the system writes it
	path string // below it, slash-separated
}

// A placer decides where images lie.
type placer struct {
	src    *Source
	known  []string // paths of the folders that the store has, the longest first
	common string   // folder that all paths share that lead into none of these; empty for none
	photos string   // folder of photos; empty for none
	strip  int      // elements of a path that are left away to find the photo
}

// newPlacer begins with the folders that a store has.
func newPlacer(src *Source, roots []store.Root) *placer {
	p := &placer{src: src}
	for _, r := range roots {
		if r.Path != src.Path {
			p.known = append(p.known, filepath.ToSlash(r.Path))
		}
	}
	slices.SortFunc(p.known, func(a, b string) int { return len(b) - len(a) })
	return p
}

// meet learns from a row's path, before any is placed. whole notes that no folder is shared.
func (p *placer) meet(written string, whole *bool) {
	if written == "" {
		return
	}
	clean, absolute := slashed(written)
	if !absolute && !strings.HasPrefix(clean, "..") {
		*whole = true
		return
	}
	at := p.src.absolutePath(written)
	if _, ok := p.knownFolder(at); !ok {
		p.common = shared(p.common, path.Dir(at))
	}
}

// isKnown reports whether a row's image lies in a folder that the store has.
func (p *placer) isKnown(r *Row) bool {
	if p.photos != "" {
		return slices.Contains(p.known, filepath.ToSlash(p.photos))
	}
	if r.Path == "" {
		return false
	}
	_, ok := p.knownFolder(p.src.absolutePath(r.Path))
	return ok
}

// knownFolder finds the store's folder that a path leads into.
func (p *placer) knownFolder(at string) (dir string, ok bool) {
	for _, dir := range p.known {
		if _, ok := inside(at, dir); ok {
			return dir, true
		}
	}
	return "", false
}

// place says where a row's image lies.
func (p *placer) place(r *Row, written string) (place, error) {
	if p.photos != "" {
		rest, err := p.photoPath(written)
		return place{p.photos, rest}, err
	}
	if written == "" {
		return place{p.src.Path, rowName(r.Number)}, nil
	}
	at := p.src.absolutePath(written)
	if dir, ok := p.knownFolder(at); ok {
		rest, _ := inside(at, dir)
		return place{filepath.FromSlash(dir), rest}, nil
	}
	if rest, ok := inside(at, p.common); ok && p.common != "" {
		return place{filepath.FromSlash(p.common), rest}, nil
	}
	clean, _ := slashed(written)
	for strings.HasPrefix(clean, "../") {
		clean = clean[len("../"):]
	}
	if clean = strings.TrimLeft(clean, "/"); clean == "." || clean == ".." || clean == "" {
		return place{}, fmt.Errorf("the path %q names no file", written)
	}
	return place{p.src.Path, clean}, nil
}

// photoPath is where a row's photo lies below the folder of photos.
func (p *placer) photoPath(written string) (string, error) {
	if written == "" {
		return "", fmt.Errorf("it has no path, so its photo cannot be found")
	}
	clean, absolute := slashed(written)
	if rest, ok := inside(clean, filepath.ToSlash(p.photos)); absolute && ok {
		return rest, nil
	}
	elements := strings.Split(strings.TrimLeft(clean, "/"), "/")
	if p.strip >= len(elements) {
		return "", fmt.Errorf("its path has no more than the %d folders that were left away for others", p.strip)
	}
	rest := path.Join(elements[p.strip:]...)
	if !fs.ValidPath(rest) {
		return "", fmt.Errorf("its path leads out of the folder of photos")
	}
	return rest, nil
}

// findPhotos finds out how many elements of a path are left away so that there is a photo.
// It reports whether there is one.
func (p *placer) findPhotos(written string) bool {
	clean, _ := slashed(written)
	elements := strings.Split(strings.TrimLeft(clean, "/"), "/")
	for n := range elements {
		rest := path.Join(elements[n:]...)
		if !fs.ValidPath(rest) {
			continue
		}
		if info, err := os.Stat(filepath.Join(p.photos, filepath.FromSlash(rest))); err == nil && info.Mode().IsRegular() {
			p.strip = n
			return true
		}
	}
	return false
}

// Prefixes of what is hashed where no bytes of a photo are known.
const (
	pathPrefix = "featstore imported path\n"
	rowPrefix  = "featstore imported row\n"
)

// pathDigest stands for the bytes of a photo of which only the path is known.
func pathDigest(written string) split.Digest {
	clean, _ := slashed(written)
	return split.SumBytes([]byte(pathPrefix + clean))
}

// rowDigest stands for the bytes of a photo of which only the row is known, in a file with
// some labels.
func rowDigest(labels [sha256.Size]byte, n int) split.Digest {
	return split.SumBytes(fmt.Appendf(nil, "%s%x\n%d", rowPrefix, labels, n))
}
