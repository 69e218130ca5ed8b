package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A byteColumns generates a depthwise kernel on bytes for 3×3 taps. It moves along a
// row, one column of three pixels at a time: it interleaves the bytes of a column once
// and adds their products to every output that the column is part of. The weights of
// all taps stay in registers.
type byteColumns struct {
	*vector
	stride             int
	rows               []reg.GPVirtual
	tap, ldo, out, n   reg.GPVirtual
	bias, scale, shift reg.GPVirtual
	k                  reg.OpmaskVirtual
	weights            [][]reg.VecVirtual // by column, then vector
	sums               [][]reg.VecVirtual // of the outputs in progress, in rotation
	zero, limit        reg.VecVirtual
	d                  reg.Register
	w                  reg.GPVirtual
	left, offset       Mem
}

const columns = 3

func byteDepthwiseColumns(v *vector) {
	for stride := 1; stride <= 2; stride++ {
		(&byteColumns{vector: v, stride: stride}).generate()
	}
}

func (g *byteColumns) generate() {
	g.function(fmt.Sprintf("ByteDepthwise3s%d", g.stride), "func(d *ByteDepthwise)",
		fmt.Sprintf("does what byteDepthwise does, for 3×3 taps at stride %d, those of a column together.", g.stride))
	g.setUp()
	Label("channels")
	g.startChannels()
	if g.stride == 1 {
		g.everyColumn()
	} else {
		g.everyOther()
	}
	Label("next")
	for _, p := range []reg.GPVirtual{g.bias, g.scale, g.shift} {
		ADDQ(U32(4*blockWords), p)
	}
	ADDQ(U32(blockBytes), g.offset)
	SUBQ(U32(blockBytes), g.left)
	JG(LabelRef("channels"))
	VZEROUPPER()
	RET()
}

func (g *byteColumns) setUp() {
	g.d = Load(Param("d"), GP64())
	slots := AllocLocal(2 * 8)
	g.left, g.offset = slots.Offset(0), slots.Offset(8)
	move(g.left, load(g.d, bdC))
	MOVQ(U32(0), g.offset)
	g.w, g.bias, g.scale, g.shift = load(g.d, bdW), load(g.d, bdBias), load(g.d, bdScale), load(g.d, bdOffset)
	g.ldo, g.out, g.n = load(g.d, bdLDO), GP64(), GP64()
	g.tap = GP64()
	taps := load(g.d, bdTaps)
	MOVQ(field(taps, 4*8), g.tap)
	SUBQ(field(taps, 0), g.tap)
	g.zero, g.limit = g.new(), g.new()
	VPBROADCASTW(field(g.d, bdZeroPoint), g.zero)
	VPBROADCASTB(field(g.d, bdMax), g.limit)
	for range columns {
		g.rows = append(g.rows, GP64())
		g.weights = append(g.weights, g.newN(blockVecs))
	}
	for range columns - g.stride + 1 {
		g.sums = append(g.sums, g.newN(blockVecs))
	}
}

// startChannels points to the next 64 channels and loads their weights.
func (g *byteColumns) startChannels() {
	g.k = blockMask(g.left)
	taps := load(g.d, bdTaps)
	for i, p := range g.rows {
		MOVQ(field(g.d, bdIn), p)
		ADDQ(g.offset, p)
		ADDQ(field(taps, 8*i), p)
	}
	MOVQ(field(g.d, bdOut), g.out)
	ADDQ(g.offset, g.out)
	MOVQ(field(g.d, bdN), g.n)
	for _, column := range g.weights {
		for j, w := range column {
			VMOVDQU32(field(g.w, j*g.bytes()), w)
		}
		ADDQ(U32(uint32(blockVecs*g.bytes())), g.w)
	}
}

// everyColumn is for stride 1: a column is the first of one output, the second of the
// one before and the last of the one before that. The loop is unrolled three times, so
// that sums rotate without moves.
func (g *byteColumns) everyColumn() {
	g.start(0)
	g.column(map[int]int{0: 0})
	g.start(1)
	g.column(map[int]int{1: 0, 0: 1})
	Label("columns")
	for i := range columns {
		first := (i + 2) % columns
		g.start(first)
		g.column(map[int]int{first: 0, (first + 2) % columns: 1, (first + 1) % columns: 2})
		g.finish((first + 1) % columns)
		DECQ(g.n)
		if i < columns-1 {
			JZ(LabelRef("next"))
		}
	}
	JNZ(LabelRef("columns"))
}

// everyOther is for stride 2: the last column of an output is the first of the next.
func (g *byteColumns) everyOther() {
	g.start(0)
	g.column(map[int]int{0: 0})
	Label("columns")
	for i := range 2 {
		g.column(map[int]int{i: 1})
		g.start(1 - i)
		g.column(map[int]int{1 - i: 0, i: 2})
		g.finish(i)
		DECQ(g.n)
		if i == 0 {
			JZ(LabelRef("next"))
		}
	}
	JNZ(LabelRef("columns"))
}

// start sets the i-th sums to the bias.
func (g *byteColumns) start(i int) {
	for j, s := range g.sums[i] {
		VMOVDQU32(field(g.bias, j*g.bytes()), s)
	}
}

// column adds the next column to the sums, each by the taps of one of its columns.
func (g *byteColumns) column(taps map[int]int) {
	x := g.newN(columns)
	for i, p := range g.rows {
		VMOVDQU8_Z(field(p, 0), g.k, x[i])
		ADDQ(g.tap, p)
	}
	for j, y := range g.interleave([]reg.VecVirtual{x[0], x[1], x[2], x[2]}) { // the fourth has weights of zero
		for i := range g.sums {
			if tap, ok := taps[i]; ok {
				VPDPBUSD(g.weights[tap][j], y, g.sums[i][j])
			}
		}
	}
}

// finish stores an output.
func (g *byteColumns) finish(i int) {
	for j, s := range g.sums[i] {
		f := g.new()
		VMOVUPS(field(g.scale, j*g.bytes()), f)
		toWhole(s, f, field(g.shift, j*g.bytes()))
	}
	VMOVDQU8(packBytes(g.sums[i], g.zero, g.limit), g.k, field(g.out, 0))
	ADDQ(g.ldo, g.out)
}
