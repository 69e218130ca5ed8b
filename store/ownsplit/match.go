package ownsplit

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"featstore/split"
	"featstore/store"
)

// A File is a photo that a list may name.
type File struct {
	Folder string // absolute path of the photo folder
	Path   string // under it, slash-separated
	Digest split.Digest
}

func (f File) abs() string { return filepath.Join(f.Folder, filepath.FromSlash(f.Path)) }

// Files returns the photos in a store.
func Files(tx *store.Tx) ([]File, error) {
	roots, err := tx.Roots()
	if err != nil {
		return nil, err
	}
	var files []File
	for _, r := range roots {
		for image, err := range tx.Images(r.ID) {
			if err != nil {
				return nil, err
			}
			files = append(files, File{r.Path, image.Path, image.Digest})
		}
	}
	return files, nil
}

// A Found is what became of a list.
type Found struct {
	Wants    []Want
	Unknown  []split.Entry // no photo has that path
	Unlisted []string      // paths of photos that the list does not name, nor a copy of them

	UnlistedFolders []string // sorted; where they are, if folders say the splits
}

// ErrAmbiguous: a path in a list means photos in several folders.
var ErrAmbiguous = errors.New("means photos in several folders")

// Match finds the photos that a list names. Paths are absolute, or relative to a photo
// folder or to the folder above it. They match byte for byte or, failing that,
// whatever way their accents are written and, for lists made on Windows, whatever way
// their slashes lean.
func Match(entries []split.Entry, files []File) (Found, error) {
	m := newMatcher(files)
	var found Found
	listed := map[split.Digest]bool{}
	for _, e := range entries {
		at := m.find(e.Path)
		if len(at) == 0 {
			found.Unknown = append(found.Unknown, e)
			continue
		}
		f := files[at[0]]
		for _, i := range at[1:] {
			if files[i].Digest != f.Digest {
				return found, fmt.Errorf("line %d: %s %w: %s and %s: give absolute paths", e.Line, e.Path, ErrAmbiguous, f.abs(), files[i].abs())
			}
		}
		listed[f.Digest] = true
		found.Wants = append(found.Wants, Want{Path: f.abs(), Line: e.Line, Digest: f.Digest, Split: e.Split, Group: e.Group, Free: e.NoSplit})
	}
	for _, f := range files {
		if !listed[f.Digest] {
			found.Unlisted = append(found.Unlisted, f.abs())
		}
	}
	slices.Sort(found.Unlisted)
	return found, nil
}

// A matcher looks paths up.
type matcher struct {
	files   []File
	folders []string         // each once
	byPath  map[string][]int // indexes of files, by their normalised path under their folder
	real    map[string]string
}

func newMatcher(files []File) *matcher {
	m := &matcher{files: files, byPath: make(map[string][]int, len(files)), real: map[string]string{}}
	for i, f := range files {
		if len(m.folders) == 0 || m.folders[len(m.folders)-1] != f.Folder {
			m.folders = append(m.folders, f.Folder)
		}
		key := norm.NFC.String(f.Path)
		m.byPath[key] = append(m.byPath[key], i)
	}
	slices.Sort(m.folders)
	m.folders = slices.Compact(m.folders)
	return m
}

// find returns the files that a path means.
func (m *matcher) find(name string) []int {
	if at := m.lean(name); len(at) > 0 || !strings.Contains(name, `\`) {
		return at
	}
	return m.lean(strings.ReplaceAll(name, `\`, "/"))
}

// lean is find for a path whose slashes are as they are.
func (m *matcher) lean(name string) []int {
	if filepath.IsAbs(name) {
		if at := m.absolute(name); len(at) > 0 {
			return at
		}
		dir, base := filepath.Split(name)
		return m.absolute(filepath.Join(m.resolve(filepath.Clean(dir)), base))
	}
	clean := path.Clean(filepath.ToSlash(name))
	if at := m.under("", clean); len(at) > 0 {
		return at
	}
	first, rest, _ := strings.Cut(clean, "/")
	var all []int
	for _, folder := range m.folders {
		if norm.NFC.String(filepath.Base(folder)) == norm.NFC.String(first) {
			all = append(all, m.under(folder, rest)...)
		}
	}
	return all
}

func (m *matcher) absolute(name string) (all []int) {
	for _, folder := range m.folders {
		rel, err := filepath.Rel(folder, name)
		if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			all = append(all, m.under(folder, filepath.ToSlash(rel))...)
		}
	}
	return all
}

// resolve follows the links in a folder's path: the store knows folders by the paths
// behind all links.
func (m *matcher) resolve(dir string) string {
	if real, ok := m.real[dir]; ok {
		return real
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		real = dir
	}
	m.real[dir] = real
	return real
}

// under returns the files with a path under a folder, under any if it is "": those
// spelt just so, or all that differ in how accents are written.
func (m *matcher) under(folder, rel string) (all []int) {
	exact := false
	for _, i := range m.byPath[norm.NFC.String(rel)] {
		f := m.files[i]
		if folder != "" && f.Folder != folder {
			continue
		}
		if same := f.Path == rel; same && !exact {
			exact, all = true, nil
		} else if exact && !same {
			continue
		}
		all = append(all, i)
	}
	return all
}
