// Command _asm writes the assembly of package product. Run it through go generate
// in that package.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A set is one instruction set: vectors of so many lanes.
type set struct {
	name  string
	lanes int
	vec   func() reg.VecVirtual
	zero  func(reg.VecVirtual)
}

var sets = []set{
	{"AVX2", 8, YMM, func(v reg.VecVirtual) { VXORPS(v, v, v) }},
	{"AVX512", 16, ZMM, func(v reg.VecVirtual) { VPXORD(v, v, v) }},
}

const (
	dotLanes  = 16 // product.Lanes
	dotRows   = 4  // rows a call of dots takes
	sliceSize = 24 // bytes of a slice header
	floatSize = 4
)

func main() {
	ConstraintExpr("amd64,!purego")
	for _, s := range sets {
		dots(s)
		tile(s, 1)
		outer(s, 1)
		outer(s, 2)
	}
	tile(sets[1], 4)
	Generate()
}

func (s set) zeros(n int) []reg.VecVirtual {
	vs := make([]reg.VecVirtual, n)
	for i := range vs {
		vs[i] = s.vec()
		s.zero(vs[i])
	}
	return vs
}

// dots computes the lanes of the dot products of four rows with one row of
// weights, over whole blocks of 16 elements.
func dots(s set) {
	TEXT("dots"+s.name, NOSPLIT, "func(rows *[]float32, w *float32, blocks int, lanes *[64]float32)")
	Pragma("noescape")
	Doc("dots"+s.name+" does what dotHalf does, for both halves of four rows: it sets lanes to the 16",
		"partial sums of each of rows[0..3]·w over blocks blocks of 16.")
	rows := Load(Param("rows"), GP64())
	w := Load(Param("w"), GP64())
	blocks := Load(Param("blocks"), GP64())
	lanes := Load(Param("lanes"), GP64())
	row := make([]reg.GPVirtual, dotRows)
	for i := range row {
		row[i] = GP64()
		MOVQ(Mem{Base: rows, Disp: i * sliceSize}, row[i])
	}
	vectors := dotLanes / s.lanes // a sum's 16 lanes
	width := s.lanes * floatSize
	sums := s.zeros(dotRows * vectors)
	offset := GP64()
	XORQ(offset, offset)
	Label("block" + s.name)
	for v := range vectors {
		weight := s.vec()
		VMOVUPS(Mem{Base: w, Index: offset, Scale: 1, Disp: v * width}, weight)
		for i := range row {
			t := s.vec()
			VMULPS(Mem{Base: row[i], Index: offset, Scale: 1, Disp: v * width}, weight, t)
			VADDPS(t, sums[i*vectors+v], sums[i*vectors+v])
		}
	}
	ADDQ(Imm(dotLanes*floatSize), offset)
	DECQ(blocks)
	JNZ(LabelRef("block" + s.name))
	for i, sum := range sums {
		VMOVUPS(sum, Mem{Base: lanes, Disp: i * width})
	}
	VZEROUPPER()
	RET()
}

// tile computes the dot products of four rows with so many rows of weights, over
// whole blocks of 16 elements, and adds up their lanes.
func tile(s set, labels int) {
	name := fmt.Sprint("tile", labels, s.name)
	TEXT(name, NOSPLIT, "func(rows *[]float32, w *float32, wStride int, blocks int, out *float32, outStride int)")
	Pragma("noescape")
	Doc(name+" does what dotsPortable does, for whole blocks of 16 elements: it sets out[r·outStride+c] to the",
		fmt.Sprintf("dot product of rows[r] and w[c·wStride…] over blocks blocks, for r < 4 and c < %d. Strides are in bytes.", labels))
	rows := Load(Param("rows"), GP64())
	w := Load(Param("w"), GP64())
	wStride := Load(Param("wStride"), GP64())
	blocks := Load(Param("blocks"), GP64())
	row := make([]reg.GPVirtual, dotRows)
	for i := range row {
		row[i] = GP64()
		MOVQ(Mem{Base: rows, Disp: i * sliceSize}, row[i])
	}
	label := make([]reg.Register, labels)
	label[0] = w
	for c := 1; c < labels; c++ {
		r := GP64()
		LEAQ(Mem{Base: label[c-1], Index: wStride, Scale: 1}, r)
		label[c] = r
	}
	vectors := dotLanes / s.lanes
	width := s.lanes * floatSize
	sums := s.zeros(dotRows * labels * vectors) // row by row, label by label
	offset := GP64()
	XORQ(offset, offset)
	Label("block" + name)
	for v := range vectors {
		weights := make([]reg.VecVirtual, labels)
		for c := range weights {
			weights[c] = s.vec()
			VMOVUPS(Mem{Base: label[c], Index: offset, Scale: 1, Disp: v * width}, weights[c])
		}
		for i := range row {
			at := Mem{Base: row[i], Index: offset, Scale: 1, Disp: v * width}
			x := s.vec()
			if labels > 1 {
				VMOVUPS(at, x)
			}
			for c := range weights {
				t := s.vec()
				if labels > 1 {
					VMULPS(x, weights[c], t)
				} else {
					VMULPS(at, weights[c], t)
				}
				sum := sums[(i*labels+c)*vectors+v]
				VADDPS(t, sum, sum)
			}
		}
	}
	ADDQ(Imm(dotLanes*floatSize), offset)
	DECQ(blocks)
	JNZ(LabelRef("block" + name))
	out := Load(Param("out"), GP64())
	outStride := Load(Param("outStride"), GP64())
	for i := range row {
		for c := range labels {
			at := (i*labels + c) * vectors
			s.reduce(sums[at:at+vectors], Mem{Base: out, Disp: c * floatSize})
		}
		if i+1 < dotRows {
			ADDQ(outStride, out)
		}
	}
	VZEROUPPER()
	RET()
}

// reduce adds up the 16 lanes of a sum as a tree, 8 on 8, 4 on 4, 2 on 2, 1 on 1.
func (s set) reduce(sum []reg.VecVirtual, to Mem) {
	var half reg.VecVirtual
	if s.lanes == 16 {
		half = YMM()
		VEXTRACTF64X4(Imm(1), sum[0], half)
		VADDPS(half, sum[0].AsY(), half)
	} else {
		half = sum[0]
		VADDPS(sum[1], half, half)
	}
	quarter, t := XMM(), XMM()
	if s.lanes == 16 {
		VEXTRACTF32X4(Imm(1), half, quarter) // the other takes no register above 15
	} else {
		VEXTRACTF128(Imm(1), half, quarter)
	}
	VADDPS(quarter, half.AsX(), quarter)
	VMOVHLPS(quarter, quarter, t)
	VADDPS(t, quarter, quarter)
	VMOVSHDUP(quarter, t)
	VADDSS(t, quarter, quarter)
	VMOVSS(quarter, to)
}

// outer adds, to a tile of one or two rows of weights, the sum over n rows of
// factor times row.
func outer(s set, labels int) {
	columns := 4 * s.lanes
	name := fmt.Sprint("outer", labels, s.name)
	TEXT(name, NOSPLIT, "func(w *float32, wStride int, rows *[]float32, n int, f *float32, fStride int, offset int)")
	Pragma("noescape")
	Doc(name+" does what outerPortable does, for whole tiles: it adds the sum over i < n of f[i·fStride+c]·rows[i][k]",
		fmt.Sprintf("to w[c·wStride+k] for c < %d and the %d columns k at the byte offset in each row.", labels, columns),
		"w points at the tile; strides are in bytes.")
	w := Load(Param("w"), GP64())
	wStride := Load(Param("wStride"), GP64())
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	f := Load(Param("f"), GP64())
	fStride := Load(Param("fStride"), GP64())
	offset := Load(Param("offset"), GP64())
	width := s.lanes * floatSize
	vectors := columns / s.lanes
	sums := s.zeros(labels * vectors)
	row := GP64()
	Label("row" + name)
	MOVQ(Mem{Base: rows}, row)
	ADDQ(offset, row)
	factor := make([]reg.VecVirtual, labels)
	for c := range factor {
		factor[c] = s.vec()
		VBROADCASTSS(Mem{Base: f, Disp: c * floatSize}, factor[c])
	}
	for v := range vectors {
		x := s.vec()
		VMOVUPS(Mem{Base: row, Disp: v * width}, x)
		for c := range factor {
			t := s.vec()
			VMULPS(factor[c], x, t)
			VADDPS(t, sums[c*vectors+v], sums[c*vectors+v])
		}
	}
	ADDQ(Imm(sliceSize), rows)
	ADDQ(fStride, f)
	DECQ(n)
	JNZ(LabelRef("row" + name))
	for c := range labels {
		for v := range vectors {
			m := Mem{Base: w, Disp: v * width}
			VADDPS(m, sums[c*vectors+v], sums[c*vectors+v])
			VMOVUPS(sums[c*vectors+v], m)
		}
		if c+1 < labels {
			ADDQ(wStride, w)
		}
	}
	VZEROUPPER()
	RET()
}
