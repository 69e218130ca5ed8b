package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"featstore/store"
)

// bottlenecks are a folder of texts: a folder for each label, in it a file for each photo, with
// numbers and commas between them.
type bottlenecks struct {
	opt    *Options
	dir    string
	files  []string // slash-separated, sorted
	dim    int
	vector []float32
}

// mostNumber is how many bytes a number of a text takes at most, with what is around it.
const mostNumber = 32

// sample is how many texts are read to find out how many numbers they have.
const sample = 99

// photoName finds the photo's name in that of its text. The retrain example adds the name of
// the network.
var photoName = regexp.MustCompile(`(?s)^(.+\.(?i:jpe?g|png|gif|bmp|webp|tiff?))(_.*)?\.txt$`)

// openBottlenecks opens a folder of texts.
func (s *Source) openBottlenecks(dir string) error {
	if s.opt.beside() {
		return ErrBeside
	}
	b := &bottlenecks{opt: &s.opt, dir: dir}
	s.reader, s.Format = b, Bottleneck
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || e.IsDir() {
			return err
		}
		if rel = filepath.ToSlash(rel); photoName.MatchString(rel) && strings.Contains(rel, "/") {
			b.files = append(b.files, rel)
		} else {
			s.Unused = append(s.Unused, rel)
		}
		return nil
	})
	if err != nil {
		return withoutPath(err)
	}
	if len(b.files) == 0 {
		return fmt.Errorf("%w: the folder has neither features.npy nor texts such as roses/1.jpg.txt", ErrSource)
	}
	slices.Sort(b.files)
	s.Rows = len(b.files)
	if err := b.measure(); err != nil {
		return err
	}
	s.Dim = b.dim
	return nil
}

func (b *bottlenecks) close() error { return nil }

// measure finds out how many numbers most of some texts have.
func (b *bottlenecks) measure() error {
	counts := map[int]int{}
	n := min(sample, len(b.files))
	for i := range n {
		text, err := b.read(b.files[i*len(b.files)/n])
		if err != nil {
			continue // named later
		}
		if strings.TrimSpace(text) != "" {
			counts[strings.Count(text, ",")+1]++
		}
	}
	most := 0
	for dim, n := range counts {
		if n > most || n == most && dim > b.dim {
			b.dim, most = dim, n
		}
	}
	if b.dim == 0 {
		return fmt.Errorf("%w: its texts have no numbers", ErrSource)
	}
	return nil
}

// read reads a text, if it is not longer than any can be.
func (b *bottlenecks) read(name string) (string, error) {
	most := int64(store.MaxDim)
	if b.dim > 0 {
		most = max(int64(b.dim)*mostNumber, 1<<16)
	}
	f, err := b.opt.open(filepath.Join(b.dir, filepath.FromSlash(name)))
	if err != nil {
		return "", withoutPath(err)
	}
	defer f.Close()
	var text strings.Builder
	if _, err := io.Copy(&text, io.LimitReader(f, most+1)); err != nil {
		return "", withoutPath(err)
	}
	if int64(text.Len()) > most {
		return "", errors.New("it is longer than such texts are")
	}
	return text.String(), nil
}

func (b *bottlenecks) each(_ context.Context, vectors bool, fn func(*Row) error) error {
	b.vector = make([]float32, b.dim)
	for i, name := range b.files {
		r := Row{Number: i, Path: photoName.FindStringSubmatch(name)[1]}
		r.Label, _, _ = strings.Cut(name, "/")
		if vectors {
			if err := b.parse(name); err != nil {
				r.Problem = err.Error()
			} else {
				r.Vector = b.vector
			}
		}
		if err := fn(&r); err != nil {
			return err
		}
	}
	return nil
}

// parse reads the numbers of a text.
func (b *bottlenecks) parse(name string) error {
	text, err := b.read(name)
	if err != nil {
		return err
	}
	if text = strings.TrimSpace(text); text == "" {
		return fmt.Errorf("%s is empty", path.Base(name))
	}
	n := 0
	for word := range strings.SplitSeq(text, ",") {
		v, err := parseFloat(word)
		if err != nil {
			return fmt.Errorf("%s: number %d is %.40q, which is none", path.Base(name), n+1, word)
		}
		if n < len(b.vector) {
			b.vector[n] = v
		}
		n++
	}
	if n != b.dim {
		return fmt.Errorf("%s has %d numbers, others have %d", path.Base(name), n, b.dim)
	}
	return nil
}
