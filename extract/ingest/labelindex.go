package ingest

import (
	"errors"
	"hash/maphash"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// A fileIndex finds the files of a listing by their names, in a few bytes a file.
type fileIndex struct {
	list  *listing
	seed  maphash.Seed
	first map[uint64]int32 // by the hash of a name: the last file that has it
	next  []int32          // the file before it that has it too, −1 for none
}

func newFileIndex(l *listing) *fileIndex {
	x := &fileIndex{list: l, seed: maphash.MakeSeed(), first: make(map[uint64]int32, len(l.all)), next: make([]int32, len(l.all))}
	for i, f := range l.all {
		h := x.hash(f.path)
		x.next[i] = -1
		if before, ok := x.first[h]; ok {
			x.next[i] = before
		}
		x.first[h] = int32(i)
	}
	return x
}

// hash is that of what all spellings of a file's name have in common.
func (x *fileIndex) hash(name string) uint64 {
	return maphash.String(x.seed, strings.ToLower(norm.NFC.String(stem(path.Base(name)))))
}

// at returns the file of a path as it is written.
func (x *fileIndex) at(name string) (int, bool) {
	return sort.Find(len(x.list.all), func(i int) int { return strings.Compare(name, x.list.all[i].path) })
}

// mostSameNames is how many files of one name are compared with a path; in folders with
// more, paths must be written as they are.
const mostSameNames = 200

// A lookup finds the files that the paths of one list mean.
type lookup struct {
	*fileIndex
	dir    string // absolute path of the list's folder, empty if it has none
	stem   string // the list's name in lower case: photos of train.csv are rather in train
	base   string // the name of the photo folder
	folded bool   // paths may begin with folders that are not here
	begin  string // of such paths, once one was found: it is the same for all
	real   map[string]string
}

func newLookup(x *fileIndex, list string, folded bool) *lookup {
	l := &lookup{fileIndex: x, base: norm.NFC.String(x.list.name()), folded: folded, real: map[string]string{}}
	if list != "-" {
		l.dir = filepath.Dir(list)
		if real, err := filepath.EvalSymlinks(l.dir); err == nil {
			l.dir = real
		}
		l.stem = strings.ToLower(strings.TrimSuffix(filepath.Base(list), filepath.Ext(list)))
	}
	return l
}

// find returns the file that a path means, −1 if there is none. A path may be absolute,
// relative to the list's folder, to the photo folder or to the one above, or be the end of
// the path of just one file. It may lack the extension, be written with other accents, in
// other case, or with slashes that lean the other way.
func (l *lookup) find(name string) (int, error) {
	at, err := l.lean(name)
	if at < 0 && err == nil && strings.Contains(name, `\`) {
		at, err = l.lean(strings.ReplaceAll(name, `\`, "/"))
	}
	return at, err
}

func (l *lookup) lean(name string) (int, error) {
	ways := l.ways(name)
	for _, w := range ways {
		if i, ok := l.at(w); ok {
			return i, nil
		}
	}
	clean := strings.TrimPrefix(path.Clean(filepath.ToSlash(name)), "/")
	found := matches{rank: worst}
	i, ok := l.first[l.hash(clean)]
	for n := 0; ok && i >= 0 && n < mostSameNames; n++ {
		found.add(int(i), l.rank(l.list.all[i].path, ways, clean))
		i = l.next[i]
	}
	if len(found.at) < 2 {
		if len(found.at) == 0 {
			return -1, nil
		}
		return found.at[0], nil
	}
	slices.Sort(found.at)
	return -1, errors.New(l.list.all[found.at[0]].path + " and " + l.list.all[found.at[1]].path)
}

// matches are the files that fit a path best.
type matches struct {
	rank int
	at   []int
}

func (m *matches) add(i, rank int) {
	if rank < m.rank {
		m.rank, m.at = rank, nil
	}
	if rank == m.rank && rank < worst {
		m.at = append(m.at, i)
	}
}

// ways are the paths under the photo folder that a path may mean, the likeliest first.
func (l *lookup) ways(name string) (ways []string) {
	add := func(p string) {
		if p != "" && p != "." && p != ".." && !strings.HasPrefix(p, "../") && !slices.Contains(ways, p) {
			ways = append(ways, p)
		}
	}
	under := func(abs string) {
		if rel, err := filepath.Rel(l.list.root, abs); err == nil {
			add(filepath.ToSlash(rel))
		}
	}
	local := filepath.FromSlash(name)
	if filepath.IsAbs(local) {
		under(local)
		under(filepath.Join(l.resolve(filepath.Dir(local)), filepath.Base(local)))
		return ways
	}
	if l.dir != "" {
		under(filepath.Join(l.dir, local))
	}
	clean := path.Clean(filepath.ToSlash(name))
	add(clean)
	if first, rest, ok := strings.Cut(clean, "/"); ok && norm.NFC.String(first) == l.base {
		add(rest)
	}
	return ways
}

// resolve follows the links in a folder's path.
func (l *lookup) resolve(dir string) string {
	if real, ok := l.real[dir]; ok {
		return real
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		real = dir
	}
	if len(l.real) < 10000 {
		l.real[dir] = real
	}
	return real
}

// worst is the rank of a file that a path does not mean.
const worst = 1000

// rank says how well a file fits a path: the lower the better. ways are those of clean.
func (l *lookup) rank(file string, ways []string, clean string) int {
	for k, w := range ways {
		if s := spelt(file, w); s >= 0 {
			return 10*k + s
		}
	}
	shorter := strings.Count(file, "/") - strings.Count(clean, "/")
	switch {
	case shorter > 0: // the path is the end of the file's
		if s := spelt(lastParts(file, strings.Count(clean, "/")+1), clean); s >= 0 {
			if !l.namedAfter(path.Dir(file)) {
				s += 10
			}
			return 200 + s
		}
	case shorter < 0: // the file's path is the end of the path
		end := lastParts(clean, strings.Count(file, "/")+1)
		if s := spelt(file, end); s >= 0 && l.beginsElsewhere(strings.TrimSuffix(clean, "/"+end)) {
			return 100 + s
		}
	}
	return worst
}

// namedAfter tells whether the list is named after one of the folders: trainLabels.csv
// after train.
func (l *lookup) namedAfter(dir string) bool {
	return slices.ContainsFunc(strings.Split(dir, "/"), func(name string) bool { return strings.HasPrefix(l.stem, strings.ToLower(name)) })
}

// beginsElsewhere tells whether the beginning of a path may be left out: it ends with the
// photo folder's name or, where nothing fits otherwise, is the same for all paths.
func (l *lookup) beginsElsewhere(begin string) bool {
	if norm.NFC.String(path.Base(begin)) == l.base {
		return true
	}
	if l.folded && l.begin == "" {
		l.begin = begin
	}
	return l.folded && l.begin == begin
}

// lastParts returns the last n parts of a path.
func lastParts(p string, n int) string {
	at := len(p)
	for ; n > 0; n-- {
		at = strings.LastIndexByte(p[:at], '/')
		if at < 0 {
			return p
		}
	}
	return p[at+1:]
}

// spelt says how a file's path is written: 0 as it is, then with other accents, without the
// extension, in other case; −1 if the path means another file.
func spelt(file, written string) int {
	a, b := norm.NFC.String(file), norm.NFC.String(written)
	switch {
	case file == written:
		return 0
	case a == b:
		return 1
	case len(stem(a)) < len(a) && stem(a) == b:
		return 2
	case strings.EqualFold(a, b):
		return 3
	case len(stem(a)) < len(a) && strings.EqualFold(stem(a), b):
		return 4
	}
	return -1
}
