package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A byteColumns5 generates a depthwise kernel on bytes for 5×5 taps. Like byteColumns it
// moves along a row. A column of pixels gives words of its first four rows, for every
// output that the column is part of. Its last row gives, with that of the three columns
// behind it, words for the output that begins there; and, as the first byte of these
// words, the last tap of the output that ends there. So there are seven words for the 25
// taps of an output.
type byteColumns5 struct {
	byteColumns
	second, last          reg.GPVirtual // the second row of the column, and its last one
	up                    reg.GPVirtual // to the row before
	ahead, ahead3         reg.GPVirtual // to the next column and to the third one, 0 at the end of the row
	starts, n             Mem           // outputs to begin, and to finish
	firstWords, lastWords int           // of the weights of the last row
}

const columns5 = 5

func byteDepthwiseColumns5(v *vector) {
	for stride := 1; stride <= 2; stride++ {
		g := &byteColumns5{byteColumns: byteColumns{vector: v, stride: stride}, firstWords: columns5 * blockVecs, lastWords: (columns5 + 1) * blockVecs}
		g.generate()
	}
}

func (g *byteColumns5) generate() {
	g.function(fmt.Sprintf("ByteDepthwise5s%d", g.stride), "func(d *ByteDepthwise)",
		fmt.Sprintf("does what byteDepthwise does, for 5×5 taps at stride %d, four of a column together.", g.stride))
	g.setUp()
	Label("channels")
	g.startChannels()
	if g.stride == 1 {
		g.everyColumn()
	} else {
		g.everyOther()
	}
	Label("next")
	ADDQ(U32((columns5+2)*blockVecs*uint32(g.bytes())), g.w)
	for _, p := range []reg.GPVirtual{g.bias, g.scale, g.shift} {
		ADDQ(U32(4*blockWords), p)
	}
	ADDQ(U32(blockBytes), g.offset)
	SUBQ(U32(blockBytes), g.left)
	JG(LabelRef("channels"))
	VZEROUPPER()
	RET()
}

func (g *byteColumns5) setUp() {
	g.d = Load(Param("d"), GP64())
	slots := AllocLocal(4 * 8)
	g.left, g.offset, g.starts, g.n = slots.Offset(0), slots.Offset(8), slots.Offset(16), slots.Offset(24)
	move(g.left, load(g.d, bdC))
	MOVQ(U32(0), g.offset)
	g.w, g.bias, g.scale, g.shift = load(g.d, bdW), load(g.d, bdBias), load(g.d, bdScale), load(g.d, bdOffset)
	g.second, g.last, g.up, g.tap, g.ahead, g.ahead3, g.out = GP64(), GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	taps := load(g.d, bdTaps)
	MOVQ(field(taps, 4*8), g.tap)
	SUBQ(field(taps, 0), g.tap)
	MOVQ(field(taps, 0), g.up)
	SUBQ(field(taps, 8), g.up)
	g.zero, g.limit = g.new(), g.new()
	VPBROADCASTW(field(g.d, bdZeroPoint), g.zero)
	VPBROADCASTB(field(g.d, bdMax), g.limit)
	for range (columns5 + g.stride - 1) / g.stride {
		g.sums = append(g.sums, g.newN(blockVecs))
	}
}

// startChannels points to the next 64 channels.
func (g *byteColumns5) startChannels() {
	g.k = blockMask(g.left)
	taps := load(g.d, bdTaps)
	for i, p := range []reg.GPVirtual{g.second, g.last} {
		MOVQ(field(g.d, bdIn), p)
		ADDQ(g.offset, p)
		ADDQ(field(taps, []int{1, 4 * columns5}[i]*8), p)
	}
	MOVQ(field(g.d, bdOut), g.out)
	ADDQ(g.offset, g.out)
	n := load(g.d, bdN)
	MOVQ(n, g.n)
	MOVQ(n, g.starts)
	MOVQ(g.tap, g.ahead)
	LEAQ(Mem{Base: g.tap, Index: g.tap, Scale: 2}, g.ahead3)
}

// everyColumn is for stride 1: every column begins an output, and is the last one of the
// output four before that. The loop is unrolled, so that sums rotate without moves.
func (g *byteColumns5) everyColumn() {
	for c := range columns5 - 1 {
		g.start(c)
		taps := map[int]int{}
		for i := range c + 1 {
			taps[i] = c - i
		}
		g.column(taps)
		g.lastRow(c, -1)
	}
	Label("columns")
	for i := range columns5 {
		first, ended := (i+columns5-1)%columns5, i
		g.start(first)
		taps := map[int]int{}
		for tap := range columns5 {
			taps[(first+columns5-tap)%columns5] = tap
		}
		g.column(taps)
		g.lastRow(first, ended)
		g.finish(ended)
		DECQ(g.n)
		if i < columns5-1 {
			JZ(LabelRef("next"))
		}
	}
	JNZ(LabelRef("columns"))
}

// everyOther is for stride 2: every other column begins an output.
func (g *byteColumns5) everyOther() {
	const outputs = 3
	odd := func(i int) { g.column(map[int]int{i: 1, (i + outputs - 1) % outputs: 3}) }
	g.start(0)
	g.column(map[int]int{0: 0})
	g.lastRow(0, -1)
	g.column(map[int]int{0: 1})
	g.skipRow()
	g.start(1)
	g.column(map[int]int{1: 0, 0: 2})
	g.lastRow(1, -1)
	odd(1)
	g.skipRow()
	Label("columns")
	for i := range outputs {
		first, ended := (i+2)%outputs, i
		g.start(first)
		g.column(map[int]int{first: 0, (first + 2) % outputs: 2, ended: 4})
		g.lastRow(first, ended)
		g.finish(ended)
		DECQ(g.n)
		JZ(LabelRef("next"))
		odd(first)
		g.skipRow()
	}
	JMP(LabelRef("columns"))
}

// loadPixel loads what lies so many times a distance from p.
func (g *byteColumns5) loadPixel(p, distance reg.GPVirtual, times uint8, x reg.VecVirtual) {
	m := field(p, 0)
	if times > 0 {
		m.Index, m.Scale = distance, times
	}
	VMOVDQU8_Z(m, g.k, x)
}

// column adds the first four rows of the column to the sums, each by the taps of one of
// its columns.
func (g *byteColumns5) column(taps map[int]int) {
	x := g.newN(4)
	g.loadPixel(g.second, g.up, 1, x[0])
	g.loadPixel(g.second, g.up, 0, x[1])
	g.loadPixel(g.last, g.up, 2, x[2])
	g.loadPixel(g.last, g.up, 1, x[3])
	for j, y := range g.interleave(x) {
		for i := range g.sums {
			if tap, ok := taps[i]; ok {
				VPDPBUSD(field(g.w, (tap*blockVecs+j)*g.bytes()), y, g.sums[i][j])
			}
		}
	}
	ADDQ(g.tap, g.second)
}

// lastRow adds the last row from the column on to the output that begins, and its first
// pixel to the one that ends, if there is one; and moves on. Behind the last output that
// begins, the pixels ahead may lie beyond the image: then the first one stands for them, and
// an output begins that nothing finishes.
func (g *byteColumns5) lastRow(begins, ends int) {
	x := g.newN(4)
	g.loadPixel(g.last, g.ahead, 0, x[0])
	g.loadPixel(g.last, g.ahead, 1, x[1])
	g.loadPixel(g.last, g.ahead, 2, x[2])
	g.loadPixel(g.last, g.ahead3, 1, x[3])
	for j, y := range g.interleave(x) {
		VPDPBUSD(field(g.w, (g.firstWords+j)*g.bytes()), y, g.sums[begins][j])
		if ends >= 0 {
			VPDPBUSD(field(g.w, (g.lastWords+j)*g.bytes()), y, g.sums[ends][j])
		}
	}
	none := GP64()
	XORQ(none, none)
	DECQ(g.starts)
	CMOVQEQ(none, g.ahead)
	CMOVQEQ(none, g.ahead3)
	g.skipRow()
}

func (g *byteColumns5) skipRow() { ADDQ(g.tap, g.last) }

// finish stores an output.
func (g *byteColumns5) finish(i int) {
	for j, s := range g.sums[i] {
		f := g.new()
		VMOVUPS(field(g.scale, j*g.bytes()), f)
		toWhole(s, f, field(g.shift, j*g.bytes()))
	}
	VMOVDQU8(packBytes(g.sums[i], g.zero, g.limit), g.k, field(g.out, 0))
	ADDQ(field(g.d, bdLDO), g.out)
}
