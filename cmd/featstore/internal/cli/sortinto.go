package cli

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"featstore/extract/userfile"
	"featstore/split"
	"featstore/train"
)

// sortFlags are the flags of predict about putting photos into folders.
type sortFlags struct {
	dir string
	by  string
	yes bool
}

// The ways to put a photo into a folder.
const (
	sortByLink = "link"
	sortByCopy = "copy"
	sortByMove = "move"
)

func (f *sortFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.dir, "sort-into", "", "put photos into folders of this folder that are named after their labels; only says so without --yes")
	flags.StringVar(&f.by, "by", sortByLink, "how --sort-into puts photos there: link, copy or move")
	flags.BoolVar(&f.yes, "yes", false, "do what --sort-into says")
}

// check refuses what makes no sense.
func (f *sortFlags) check(q *predicting) error {
	switch {
	case f.by != sortByLink && f.by != sortByCopy && f.by != sortByMove:
		return usagef("--by %s: want %s, %s or %s", f.by, sortByLink, sortByCopy, sortByMove)
	case f.dir == "" && (f.yes || f.by != sortByLink):
		return usagef("--by and --yes go with --sort-into DIR")
	case f.dir != "" && len(q.heads) > 1:
		return usagef("--sort-into: want one head, got %d", len(q.heads))
	}
	return nil
}

// sorter returns what sorts by a head's labels, nil if nothing is to be sorted.
func (f *sortFlags) sorter(head *train.Head, q predicting) (*sorter, error) {
	if f.dir == "" {
		return nil, nil
	}
	root, err := futurePath(f.dir)
	if err != nil {
		return nil, fmt.Errorf("find folder %s: %w", f.dir, userfile.WithoutPath(err))
	}
	if info, err := os.Stat(root); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("--sort-into %s: not a folder", f.dir)
	}
	if q.watch != "" {
		if at, err := futurePath(q.watch); err == nil && at == root {
			return nil, usagef("--watch and --sort-into are the same folder")
		}
	}
	s := &sorter{dir: f.dir, root: root, by: f.by, yes: f.yes, folders: map[string]string{}, seed: maphash.MakeSeed(), planned: map[uint64]struct{}{}}
	taken := map[string]bool{}
	for _, label := range head.Labels {
		s.folders[label] = folderName(label)
		taken[s.folders[label]] = true
	}
	s.none, s.unsure = freeName("_none", taken), freeName("_unsure", taken)
	return s, nil
}

// futurePath is the canonical path of a folder that may not exist yet.
func futurePath(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	rest := ""
	for at := abs; ; at = filepath.Dir(at) {
		real, err := filepath.EvalSymlinks(at)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(at) == at {
			return "", err
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// sortedHow says what became of a photo that is sorted.
type sortedHow string

const (
	sortWould  sortedHow = "would"
	sortDone   sortedHow = "done"
	sortBefore sortedHow = "before"
)

// A sorter puts photos into folders named after their labels. A run that ends halfway leaves
// whole photos, and is finished by the next one.
type sorter struct {
	dir  string // as it was given
	root string // its canonical path
	by   string
	yes  bool

	folders      map[string]string // by label
	none, unsure string            // folders of photos without a label

	seed    maphash.Seed
	planned map[uint64]struct{} // where a dry run would put photos: see mostPlanned
	would   int
	failed  int
}

// mostPlanned bounds what a dry run remembers. Beyond it, photos of the same name and label are
// shown at the same place.
const mostPlanned = 1 << 20

// place puts a photo where it belongs, or says where that is. Problems of the photo are put
// into r; others end the run.
func (s *sorter) place(ctx context.Context, r *predicted) error {
	said := &r.by[0]
	folder := s.folders[said.Label]
	switch {
	case said.Rejected:
		folder = s.none
	case said.Unsure:
		folder = s.unsure
	}
	m := &sorting{sorter: s, ctx: ctx, photo: r.photo, digest: said.digest, folder: filepath.Join(s.root, folder)}
	name, how, err := m.place()
	var bad photoProblem
	if errors.As(err, &bad) {
		r.err = "sort into " + filepath.Join(s.dir, folder) + ": " + bad.Error()
		s.failed++
		return nil
	}
	if err != nil {
		return fmt.Errorf("sort %s into %s: %w", r.photo.Path, filepath.Join(s.dir, folder), userfile.WithoutPath(err))
	}
	if how == sortWould {
		s.would++
	}
	said.SortedTo, said.Sorted = filepath.Join(s.dir, folder, name), how
	return nil
}

// plan notes a place in a dry run and tells whether it is free.
func (s *sorter) plan(place string) bool {
	h := maphash.String(s.seed, place)
	if _, taken := s.planned[h]; taken {
		return false
	}
	if len(s.planned) < mostPlanned {
		s.planned[h] = struct{}{}
	}
	return true
}

// conclude says that a dry run was one.
func (s *sorter) conclude(a *app) {
	if s.would > 0 {
		verb := map[string]string{sortByLink: "links", sortByCopy: "copies", sortByMove: "moves"}[s.by]
		a.say("nothing was changed: --yes %s %s into %s", verb, count(s.would, "photo"), s.dir)
	}
}

// folderName is the folder of a label: its own name, with what cannot be in the name of a
// folder, or would hide it, written as %2F. Different labels have different folders.
func folderName(label string) string {
	var b strings.Builder
	last := len(label) - 1
	for i, r := range label {
		edge := i == 0 && (r == '.' || r == ' ') || i == last && (r == '.' || r == ' ')
		if edge || moves(r) || strings.ContainsRune(`%/\:*?"<>|`, r) {
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteRune(r)
		}
	}
	const most = 200 // bytes: file systems allow 255
	name := b.String()
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most-17], "") + "%" + split.SumBytes([]byte(label)).String()[:16]
}

// freeName makes a name one that is not taken.
func freeName(name string, taken map[string]bool) string {
	for taken[name] {
		name = name[:1] + name
	}
	return name
}
