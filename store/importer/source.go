package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"featstore/split"
	"featstore/store"
)

// Errors of Open and of reading. Those of files wrap ErrSource.
var (
	// ErrSource: the bytes are not vectors that can be read.
	ErrSource = errors.New("no vectors that can be read")

	// ErrViews: the file has vectors of changed photos, which would be taken for photos.
	ErrViews = fmt.Errorf("%w: it has views of photos: export without them", ErrSource)

	// ErrBeside: a file beside the vectors was given, and they have no use for it.
	ErrBeside = errors.New("files of labels, paths and splits go with an array of features")
)

// A Row is one photo's vector. It and its vector are valid until the next row.
type Row struct {
	Number int    // from 0
	Path   string // as written; empty for none
	Label  string // empty for none
	Split  split.Split
	Fixed  bool         // Split is given
	Digest split.Digest // zero for none
	Copies []string     // paths of further files with the same bytes
	Vector []float32    // nil where vectors are not asked for, or Problem says why
	// Problem says why the row cannot be used; empty if it can.
	Problem string
}

// Name names a row for people: by its path, or by its number.
func (r *Row) Name() string {
	if r.Path != "" {
		return r.Path
	}
	return rowName(r.Number)
}

func rowName(n int) string { return fmt.Sprintf("row %d", n) }

// A Format is a kind of source.
type Format string

// The formats.
const (
	NPY        Format = "npy"
	CSV        Format = "csv"
	Parquet    Format = "parquet"
	Bottleneck Format = "bottleneck"
)

// A Source reads the rows of one file or folder. Close it.
type Source struct {
	Path   string // absolute
	Format Format
	Dim    int // floats in a vector
	Rows   int // −1 where only reading tells

	// Unused are columns or files that have no meaning here.
	Unused []string

	opt Options
	reader
}

// A reader reads the rows of one format.
type reader interface {
	// each calls fn with all rows in their order. Without vectors they need not be
	// read. It returns fn's errors as they are.
	each(ctx context.Context, vectors bool, fn func(*Row) error) error
	close() error
}

// Options say what belongs to the vectors. All may be empty.
type Options struct {
	// Of an array: files with as many values as it has rows, in the same order. They
	// are arrays, tables with a header, or texts with a line each.
	Labels, Paths, Splits string
	// LabelNames is such a file with the names of labels that are numbers from 0.
	LabelNames string

	// Of a table: its columns. Empty ones are found by their usual names.
	PathColumn, LabelColumn string

	// OpenFile opens a file; os.Open if nil.
	OpenFile func(name string) (*os.File, error)
}

func (o *Options) open(name string) (*os.File, error) {
	if o.OpenFile != nil {
		return o.OpenFile(name)
	}
	return os.Open(name)
}

// beside reports whether files beside the vectors are given.
func (o *Options) beside() bool {
	return o.Labels != "" || o.Paths != "" || o.Splits != "" || o.LabelNames != ""
}

// Open opens a file or folder of vectors.
func Open(path string, opt Options) (*Source, error) {
	s := &Source{Rows: -1, opt: opt}
	err := s.begin(path)
	if err != nil {
		if s.reader != nil {
			err = errors.Join(err, s.close())
		}
		return nil, err
	}
	if s.Dim > store.MaxDim {
		return nil, errors.Join(fmt.Errorf("%w: %d features a row, at most %d are possible", ErrSource, s.Dim, store.MaxDim), s.close())
	}
	return s, nil
}

// begin finds out what the path leads to, and opens it.
func (s *Source) begin(path string) (err error) {
	if s.Path, err = filepath.Abs(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return withoutPath(err)
	}
	if info.IsDir() {
		if _, err := os.Stat(filepath.Join(path, featuresName)); err == nil {
			return s.openFolder(path)
		}
		return s.openBottlenecks(path)
	}
	f, err := s.opt.open(path)
	if err != nil {
		return withoutPath(err)
	}
	head := make([]byte, 8)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(withoutPath(err), f.Close())
	}
	switch head := string(head[:n]); {
	case strings.HasPrefix(head, npyMagic):
		return s.openArray(f)
	case strings.HasPrefix(head, parquetMagic) && !s.opt.beside():
		return s.openParquet(f)
	case strings.HasPrefix(head, "PK\x03\x04"):
		err = fmt.Errorf("%w: it is an archive of arrays: take those out with numpy.load and numpy.save", ErrSource)
	case strings.HasPrefix(head, "\x80\x04") || strings.HasPrefix(head, "\x80\x03") || strings.HasPrefix(head, "\x80\x05"):
		err = fmt.Errorf("%w: it is a pickle, which can only be read by running it: save arrays with numpy.save", ErrSource)
	case s.opt.beside():
		err = ErrBeside
	default:
		return s.openTable(f)
	}
	return errors.Join(err, f.Close())
}

// Each calls fn with each row, in their order, until it returns an error, which Each
// returns as it is. Without vectors reading is faster.
func (s *Source) Each(ctx context.Context, vectors bool, fn func(*Row) error) error {
	n := 0
	return s.each(ctx, vectors, func(r *Row) error {
		if n++; n%128 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		for i, v := range r.Vector {
			if f := float64(v); (math.IsNaN(f) || math.IsInf(f, 0)) && r.Problem == "" {
				r.Problem = fmt.Sprintf("feature %d is %v, which no number of 32 bits is", i, v)
			}
		}
		return fn(r)
	})
}

// Close closes the source's files.
func (s *Source) Close() error { return s.close() }

// withoutPath drops what package os puts before an error: the caller names the file.
func withoutPath(err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
