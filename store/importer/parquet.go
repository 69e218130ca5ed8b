package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// parquetMagic is how a Parquet file begins and ends.
const parquetMagic = "PAR1"

// featureNames are usual names of columns of lists, the surest first.
var featureNames = []string{"features", "feature", "embedding", "embeddings", "vector", "vectors", "emb"}

// A parquetFile reads a Parquet file. Vectors are a column of lists of floats, or one column for
// each feature.
type parquetFile struct {
	file *os.File
	in   *parquet.File
	columns
	listed bool // there is one column of lists, which is the only one of features
	roles  []parquetRole
	dim    int
	vector []float32
	texts  [roleCount]string
	copied []string
}

// A parquetRole is what a column of the file is read for.
type parquetRole struct {
	kind int
	at   int // of features: which one
}

const (
	roleNone = iota
	rolePath
	roleLabel
	roleSplit
	roleDigest
	roleView
	roleCopies
	roleFeature
	roleCount
)

// openParquet opens a Parquet file. It takes the file over.
func (s *Source) openParquet(f *os.File) error {
	p := &parquetFile{file: f}
	s.reader, s.Format = p, Parquet
	info, err := f.Stat()
	if err != nil {
		return withoutPath(err)
	}
	if err := checkFooter(f, info.Size()); err != nil {
		return err
	}
	err = guarded(func() (err error) {
		p.in, err = parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		return err
	})
	if err != nil {
		return err
	}
	if err := checkPages(f, p.in); err != nil {
		return err
	}
	if s.Unused, err = p.findColumns(&s.opt); err != nil {
		return err
	}
	s.Rows = int(p.in.NumRows())
	if p.listed {
		if err := p.measure(); err != nil {
			return err
		}
	}
	s.Dim = p.dim
	return nil
}

// guarded calls the library, which panics on some damaged files.
func guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the Parquet file is damaged: %v", ErrSource, p)
		}
	}()
	err = do()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: read Parquet: %w", ErrSource, err)
	}
	return err
}

// findColumns finds out what the columns are, and returns those that mean nothing here.
func (p *parquetFile) findColumns(opt *Options) (unused []string, err error) {
	var header, lists, texts []string // texts are lists of texts
	schema := p.in.Schema()
	var scalar []string // header without lists
	for _, path := range schema.Columns() {
		leaf, ok := schema.Lookup(path...)
		name := strings.Join(path, ".")
		if ok && leaf.MaxRepetitionLevel == 1 {
			name = path[0]
		}
		header, scalar = append(header, name), append(scalar, "")
		switch {
		case !ok || leaf.MaxRepetitionLevel > 1:
		case leaf.MaxRepetitionLevel == 0:
			scalar[len(scalar)-1] = name
		case isFloat(leaf.Node):
			lists = append(lists, name)
		case leaf.Node.Type().Kind() == parquet.ByteArray:
			texts = append(texts, name)
		}
	}
	list := ""
	switch at := guess(lists, featureNames); {
	case at >= 0:
		list = lists[at]
	case len(lists) == 1:
		list = lists[0]
	case len(lists) > 1:
		return nil, fmt.Errorf("%w: which of the columns %.200q has the vectors? None is called features", ErrSource, lists)
	}
	if p.listed = list != ""; p.listed {
		p.columns, err = describedColumns(scalar, opt)
		p.features = []int{slices.Index(header, list)}
	} else {
		p.columns, err = findColumns(scalar, opt)
		p.dim = len(p.features)
	}
	if err != nil {
		return nil, err
	}
	p.copies = -1
	if slices.Contains(texts, copiesName) {
		p.copies = slices.Index(header, copiesName)
	}
	p.assignRoles(len(header))
	return p.unused(header), nil
}

// assignRoles notes what each column is read for.
func (p *parquetFile) assignRoles(n int) {
	p.roles = make([]parquetRole, n)
	for kind, at := range map[int]int{
		rolePath: p.path, roleLabel: p.label, roleSplit: p.split, roleDigest: p.digest, roleView: p.view, roleCopies: p.copies,
	} {
		if at >= 0 {
			p.roles[at].kind = kind
		}
	}
	for i, at := range p.features {
		p.roles[at] = parquetRole{roleFeature, i}
	}
}

// isFloat reports whether a column has floats, of 16, 32 or 64 bits.
func isFloat(n parquet.Node) bool {
	switch t := n.Type(); t.Kind() {
	case parquet.Float, parquet.Double:
		return true
	case parquet.FixedLenByteArray:
		return t.Length() == 2
	}
	return false
}

// errFirst ends reading after the first row.
var errFirst = errors.New("the first row")

// measure finds the dimension: the length of the first list that is not empty.
func (p *parquetFile) measure() error {
	err := p.rows(func(_ int, row parquet.Row) error {
		n := 0
		for _, v := range row {
			if c := v.Column(); c >= 0 && c < len(p.roles) && p.roles[c].kind == roleFeature && !v.IsNull() {
				n++
			}
		}
		if p.dim = n; n > 0 {
			return errFirst
		}
		return nil
	})
	if err == nil {
		err = fmt.Errorf("%w: its lists of features are all empty", ErrSource)
	}
	if errors.Is(err, errFirst) {
		err = nil
	}
	return err
}

// rows calls fn with each row of the file.
func (p *parquetFile) rows(fn func(i int, row parquet.Row) error) error {
	i := 0
	for _, group := range p.in.RowGroups() {
		var in parquet.Rows
		if err := guarded(func() error { in = group.Rows(); return nil }); err != nil {
			return err
		}
		err := eachParquetRow(in, &i, fn)
		if e := guarded(in.Close); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	if n := p.in.NumRows(); int64(i) != n {
		return fmt.Errorf("%w: the Parquet file is damaged: it has %d rows, and says %d", ErrSource, i, n)
	}
	return nil
}

// eachParquetRow calls fn with each row of a group, and counts them.
func eachParquetRow(in parquet.Rows, i *int, fn func(i int, row parquet.Row) error) error {
	buf := make([]parquet.Row, 8)
	for {
		n := 0
		end := guarded(func() (err error) {
			n, err = in.ReadRows(buf)
			return err
		})
		if n > len(buf) || n == 0 && end == nil {
			return fmt.Errorf("%w: the Parquet file is damaged: it ends before its last row", ErrSource)
		}
		for _, row := range buf[:n] {
			if err := fn(*i, row); err != nil {
				return err
			}
			*i++
		}
		switch {
		case errors.Is(end, io.EOF):
			return nil
		case end != nil:
			return end
		}
	}
}

func (p *parquetFile) close() error { return p.file.Close() }

func (p *parquetFile) each(_ context.Context, vectors bool, fn func(*Row) error) error {
	if p.vector == nil {
		p.vector = make([]float32, p.dim)
	}
	return p.rows(func(i int, row parquet.Row) error {
		r := Row{Number: i}
		if err := p.read(&r, row, vectors); err != nil {
			return err
		}
		return fn(&r)
	})
}

// read makes a row of a row's values.
func (p *parquetFile) read(r *Row, row parquet.Row, vectors bool) error {
	p.texts, p.copied = [roleCount]string{}, nil
	n, problem := 0, ""
	for _, v := range row {
		c := v.Column()
		if c < 0 || c >= len(p.roles) {
			return fmt.Errorf("%w: the Parquet file is damaged: there is no column %d", ErrSource, c)
		}
		switch role := p.roles[c]; {
		case role.kind == roleNone || v.IsNull() && role.kind != roleFeature:
		case role.kind == roleFeature:
			at := role.at
			if p.listed {
				at = n
			}
			f, ok := parquetFloat(v)
			if !ok && !(p.listed && v.IsNull()) && problem == "" {
				problem = fmt.Sprintf("feature %d is no number", at)
			}
			if ok && at < len(p.vector) {
				p.vector[at] = f
			}
			if ok {
				n++
			}
		case role.kind == roleCopies:
			p.copied = append(p.copied, parquetText(v))
		default:
			p.texts[role.kind] = parquetText(v)
		}
	}
	if view := p.texts[roleView]; view != "" && view != "0" {
		return ErrViews
	}
	r.Copies = p.copied
	r.describe(p.texts[rolePath], p.texts[roleLabel], p.texts[roleSplit], p.texts[roleDigest])
	if n != p.dim && problem == "" {
		problem = fmt.Sprintf("it has %d features, others have %d", n, p.dim)
	}
	if problem != "" && r.Problem == "" {
		r.Problem = problem
	}
	if vectors && r.Problem == "" {
		r.Vector = p.vector
	}
	return nil
}

// parquetFloat is a value as a feature.
func parquetFloat(v parquet.Value) (float32, bool) {
	switch v.Kind() {
	case parquet.Float:
		return v.Float(), true
	case parquet.Double:
		return float32(v.Double()), true
	case parquet.FixedLenByteArray:
		if b := v.ByteArray(); len(b) == 2 {
			return fromHalf(uint16(b[0]) | uint16(b[1])<<8), true
		}
	}
	return 0, false
}

// parquetText is a value as a text.
func parquetText(v parquet.Value) string {
	switch v.Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return string(v.ByteArray())
	case parquet.Int32:
		return strconv.FormatInt(int64(v.Int32()), 10)
	case parquet.Int64:
		return strconv.FormatInt(v.Int64(), 10)
	}
	return v.String()
}
