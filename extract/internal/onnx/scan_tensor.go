package onnx

import (
	"math"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// maxRank is more dimensions than any operator of ONNX works with.
const maxRank = 64

// tensor reads a TensorProto, but not its values. The tensor it returns is never
// nil, so that errors can name it.
func (s *scanner) tensor(f *fields) (*tensorProto, error) {
	b := f.message()
	t := &tensorProto{body: b}
	if b.err = f.err; b.err == nil {
		b.err = s.item()
	}
	for b.next() {
		switch b.num {
		case 1:
			b.varints(func(d int64) { t.dim(&b, d) })
		case 2:
			v := b.varint()
			if t.dtype = tensor.DType(v); int64(t.dtype) != v {
				b.fail("element type %d", v)
			}
		case 3:
			t.segment = true
		case 8:
			t.name = b.text()
		case 9:
			if t.raw != nil {
				b.fail("raw data given twice")
			}
			t.raw = b.bytes()
		case 13:
			if t.entries == nil {
				t.entries = map[string]string{}
			}
			s.entry(&b, t.entries)
		case 14:
			t.external = b.varint() == 1
		case 4, 5, 6, 7, 10, 11:
			t.typed |= 1 << b.num
		}
	}
	return t, b.err
}

func (t *tensorProto) dim(f *fields, d int64) {
	switch {
	case d < 0:
		f.fail("dimension %d", d)
	case d > math.MaxInt32:
		f.fail("dimension %d is out of all proportion", d)
	case len(t.dims) == maxRank:
		f.fail("more than %d dimensions", maxRank)
	default:
		t.dims = append(t.dims, int(d))
	}
}

// valueInfo reads a ValueInfoProto.
func (s *scanner) valueInfo(f fields) (valueInfo, error) {
	var v valueInfo
	f.err = s.item()
	for f.next() {
		switch f.num {
		case 1:
			v.name = f.text()
		case 2:
			f.each(func(t *fields) {
				if t.num == 1 { // TypeProto.Tensor; the others are sequences, maps and the like
					v.typed = true
					t.each(v.tensorType)
				}
			})
		}
	}
	if f.err == nil && v.name == "" {
		f.fail("no name")
	}
	return v, f.err
}

// tensorType reads one field of a TypeProto.Tensor.
func (v *valueInfo) tensorType(f *fields) {
	switch f.num {
	case 1:
		n := f.varint()
		if v.dtype = tensor.DType(n); int64(v.dtype) != n {
			f.fail("element type %d", n)
		}
	case 2:
		v.dims = []graph.Dim{}
		f.each(func(sh *fields) {
			if len(v.dims) == maxRank {
				sh.fail("more than %d dimensions", maxRank)
			} else if sh.num == 1 {
				v.dims = append(v.dims, dimension(sh))
			}
		})
	}
}

// dimension reads a TensorShapeProto.Dimension: a size, a symbol, or neither. A
// size of -1 is how some exporters write an unknown one.
func dimension(f *fields) graph.Dim {
	dim := graph.Dim{Symbol: "?"}
	f.each(func(d *fields) {
		switch d.num {
		case 1:
			switch n := d.varint(); {
			case n == -1:
				dim = graph.Dim{Symbol: "?"}
			case n < 0 || n > math.MaxInt32:
				d.fail("dimension %d", n)
			default:
				dim = graph.Dim{Size: int(n)}
			}
		case 2:
			if t := d.text(); t != "" {
				dim = graph.Dim{Symbol: t}
			}
		}
	})
	return dim
}
