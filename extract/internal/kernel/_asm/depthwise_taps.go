package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dwTiles is the offset of kernel.Depthwise.Tiles.
const dwTiles = 184

// tapKernels are the widths and strides of depthwise convolutions that have
// kernels of their own.
var tapKernels = []struct{ width, stride int }{{3, 1}, {3, 2}, {5, 1}, {5, 2}, {7, 1}}

// most is the most pixels of a tile: sums, the weights of a row and one input
// have to fit the registers.
func (v *vector) most(width int) int {
	if v.masks {
		return 10
	}
	return min(10, 16-width-1)
}

func tapName(width, stride, pixels int) string {
	return fmt.Sprintf("Depthwise%ds%dx%d", width, stride, pixels)
}

// depthwiseTaps generates the kernels for tapKernels, one for every number of
// pixels of a tile. Such a kernel holds the weights of a row of taps in registers
// and loads every input once a row, where the general one loads it once a tap.
func depthwiseTaps(v *vector) {
	for _, k := range tapKernels {
		for pixels := 1; pixels <= v.most(k.width); pixels++ {
			(&taps{dw: dw{vector: v}, width: k.width, stride: k.stride, pixels: pixels}).generate()
		}
	}
}

type taps struct {
	dw
	width, stride, pixels int
	tap3                  reg.GPVirtual
}

func (g *taps) generate() {
	g.function(tapName(g.width, g.stride, g.pixels), "func(d *Depthwise)",
		fmt.Sprintf("does what depthwiseRow does, for rows of %d taps at stride %d, in tiles of %d pixels%s.", g.width, g.stride, g.pixels, g.channels()))
	g.setUp()
	g.tap3 = GP64()
	LEAQ(Mem{Base: g.tap, Index: g.tap, Scale: 2}, g.tap3)
	Label("channels")
	g.startChannels()
	move(g.left, load(g.d, dwTiles))
	Label("tile")
	sums := g.startSums(g.pixels)
	g.rowsOfTaps(sums)
	g.finish(g.pixels, sums)
	DECQ(g.left)
	JNZ(LabelRef("tile"))
	g.nextChannels()
}

// rowsOfTaps goes through the rows of taps.
func (g *taps) rowsOfTaps(sums []reg.VecVirtual) {
	MOVQ(field(g.d, dwW), g.w)
	ADDQ(g.offset, g.w)
	rp := load(g.d, dwRows)
	move(g.rc, load(g.d, dwRowsLen))
	weights, x := g.newN(g.width), g.newN(min(3, g.spareRegisters()))
	Label("row")
	p := GP64()
	MOVQ(field(rp, 0), p)
	ADDQ(Imm(8), rp)
	SHLQ(Imm(2), p)
	ADDQ(g.in, p)
	for _, w := range weights {
		g.loadVector(field(g.w, 0), w)
		ADDQ(g.wstride, g.w)
	}
	columns := (g.pixels-1)*g.stride + g.width
	for j := range columns {
		m := field(p, 0)
		if j%3 > 0 {
			m.Index, m.Scale = g.tap, uint8(j%3)
		}
		in := x[j%len(x)]
		g.loadVector(m, in)
		if j%3 == 2 {
			ADDQ(g.tap3, p)
		}
		for k, w := range weights { // tap k of pixel t reads column t·stride + k
			if t := j - k; t >= 0 && t%g.stride == 0 && t/g.stride < g.pixels {
				VFMADD231PS(w, in, sums[t/g.stride])
			}
		}
	}
	DECQ(g.rc)
	JNZ(LabelRef("row"))
}

func (g *taps) spareRegisters() int {
	if g.masks {
		return 32 - g.pixels - g.width
	}
	return 16 - g.pixels - g.width
}

// tapTable writes the Go table of these kernels.
func (v *vector) tapTable(b *strings.Builder) {
	fmt.Fprintf(b,
		"\n// %sTaps are the depthwise kernels by width and stride, then by pixels of a tile.\nvar %sTaps = map[tapKind][]func(*Depthwise){\n", v.name, v.name)
	for _, k := range tapKernels {
		fmt.Fprintf(b, "\t{%d, %d}: {", k.width, k.stride)
		list(b, numbered(v.name, v.most(k.width), func(pixels int) string { return tapName(k.width, k.stride, pixels) })...)
		b.WriteString("},\n")
	}
	b.WriteString("}\n")
}
