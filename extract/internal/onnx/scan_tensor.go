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
		case tensorDims:
			b.varints(func(d int64) { t.dim(&b, d) })
		case tensorDataType:
			v := b.varint()
			if t.dtype = tensor.DType(v); int64(t.dtype) != v {
				b.fail("element type %d", v)
			}
		case tensorSegment:
			t.segment = true
		case tensorName:
			t.name = b.text()
		case tensorRawData:
			if t.raw != nil {
				b.fail("raw data given twice")
			}
			t.raw = b.bytes()
		case tensorExternalData:
			if t.entries == nil {
				t.entries = map[string]string{}
			}
			s.entry(&b, t.entries)
		case tensorDataLocation:
			t.external = b.varint() == locationExternal
		case tensorFloatData, tensorInt32Data, tensorStringData, tensorInt64Data, tensorDoubleData, tensorUint64Data:
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
		case valueInfoName:
			v.name = f.text()
		case valueInfoType:
			f.each(func(t *fields) {
				if t.num == typeTensor { // the others are sequences, maps and the like
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
	case tensorElem:
		n := f.varint()
		if v.dtype = tensor.DType(n); int64(v.dtype) != n {
			f.fail("element type %d", n)
		}
	case tensorShape:
		v.dims = []graph.Dim{}
		f.each(func(sh *fields) {
			if len(v.dims) == maxRank {
				sh.fail("more than %d dimensions", maxRank)
			} else if sh.num == shapeDim {
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
		case dimensionSize:
			switch n := d.varint(); {
			case n == -1:
				dim = graph.Dim{Symbol: "?"}
			case n < 0 || n > math.MaxInt32:
				d.fail("dimension %d", n)
			default:
				dim = graph.Dim{Size: int(n)}
			}
		case dimensionName:
			if t := d.text(); t != "" {
				dim = graph.Dim{Symbol: t}
			}
		}
	})
	return dim
}
