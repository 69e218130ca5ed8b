package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.ByteTile; a test of that package checks them.
const (
	btA, btOffs, btOffsLen, btK, btLDA    = 0, 24, 32, 48, 56
	btB, btBias, btC, btLDC               = 64, 88, 112, 136
	btScale, btOffset, btZeroPoint, btMax = 144, 168, 192, 196
	btCols, btTiles                       = 200, 216
)

// byteRows is the most rows of a tile by vectors in a row of it: the sums, the weights
// of a row and a value of A have to fit 32 registers.
var byteRows = []int{0, 14, 14, 9, 6}

// bytesAhead is the prefetch distance of weights, in bytes: more than a page, where the
// processor's own prefetching ends.
const bytesAhead = 6144

func byteTileName(rows, vecs int) string { return fmt.Sprintf("ByteTile%dx%d", rows, vecs) }

// byteProducts generates the product kernels on bytes. They are like those on floats,
// with words of four bytes in the place of floats: VPDPBUSD multiplies four unsigned
// bytes of A with four signed weights and adds all to a sum.
func byteProducts(v *vector) {
	for vecs, most := range byteRows {
		for rows := 1; rows <= most; rows++ {
			(&byteTile{tile: *newTile(v, rows, vecs)}).generate()
		}
	}
}

// byteOrder is a table of the order of words that undoes what packing vectors of 32-bit
// sums to bytes does: lane by lane, a word of each. Four vectors are packed to one of
// AVX-512, two to one of AVX2.
func (v *vector) byteOrder() Mem {
	if v.order == nil {
		packed := v.floats / 4 // vectors, and lanes
		m := GLOBL(v.name+"ByteOrder", RODATA|NOPTR)
		for i := range v.floats {
			DATA(4*i, U32(uint32(i%packed*4+i/packed)))
		}
		v.order = &m
	}
	return *v.order
}

type byteTile struct{ tile }

func (g *byteTile) byteDoc() string {
	return fmt.Sprintf("does what byteTile4 does, for tiles of %d×%d.", g.rows, g.vecs*g.floats)
}

func (g *byteTile) generate() {
	g.function(byteTileName(g.rows, g.vecs), "func(t *ByteTile)", g.byteDoc())
	g.t = Load(Param("t"), GP64())
	g.setUp()
	Label("tile")
	bias := load(g.t, btBias)
	for j := range g.vecs {
		VMOVDQU32(field(bias, j*g.bytes()), g.sums[0][j])
		for i := 1; i < g.rows; i++ {
			VMOVDQA32(g.sums[0][j], g.sums[i][j])
		}
	}
	b := load(g.t, btB)
	move(g.segment, load(g.t, btOffs))
	move(g.segments, load(g.t, btOffsLen))
	Label("segment")
	g.multiply(b)
	DECQ(g.segments)
	JNZ(LabelRef("segment"))
	g.finish()
	p := GP64()
	IMUL3Q(Imm(uint64(g.rows)), g.lda, p)
	ADDQ(p, g.a)
	DECQ(g.tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

func (g *byteTile) setUp() {
	slots := AllocLocal(5 * 8)
	for i, m := range []*Mem{&g.a, &g.c, &g.tiles, &g.segment, &g.segments} {
		*m = slots.Offset(8 * i)
	}
	move(g.a, load(g.t, btA))
	move(g.c, load(g.t, btC))
	move(g.tiles, load(g.t, btTiles))
	g.lda = load(g.t, btLDA)
	g.sums = make([][]reg.VecVirtual, g.rows)
	for i := range g.sums {
		g.sums[i] = g.newN(g.vecs)
	}
	g.weights, g.values = g.newN(g.vecs), g.newN(min(2, g.spare()))
	g.mask = lanes64(load(g.t, btCols))
}

// lanes64 makes a mask of the first n of 64 bytes.
func lanes64(n reg.GPVirtual) reg.OpmaskVirtual {
	ones, k := GP64(), K()
	MOVQ(I64(-1), ones)
	BZHIQ(n, ones, ones)
	KMOVQ(ones, k)
	return k
}

// multiply adds the products of one segment and moves b behind its weights.
func (g *byteTile) multiply(b reg.GPVirtual) {
	p := GP64()
	MOVQ(g.segment, p)
	ADDQ(Imm(8), g.segment)
	first := GP64()
	MOVQ(field(p, 0), first)
	ADDQ(g.a, first)
	bases := rowBases(first, g.lda, g.rows)

	unroll := 4
	if g.rows*g.vecs >= 12 {
		unroll = 2
	}
	k, n := load(g.t, btK), GP64()
	ADDQ(Imm(3), k)
	SHRQ(Imm(2), k)
	MOVQ(k, n)
	SHRQ(Imm(uint64(log2(unroll))), n)
	JZ(LabelRef("rest"))
	Label("loop")
	g.steps(b, bases, unroll)
	DECQ(n)
	JNZ(LabelRef("loop"))
	Label("rest")
	ANDQ(Imm(uint64(unroll-1)), k)
	JZ(LabelRef("sums"))
	Label("one")
	g.steps(b, bases, 1)
	DECQ(k)
	JNZ(LabelRef("one"))
	Label("sums")
}

// steps does n words of K and moves the pointers on.
func (g *byteTile) steps(b reg.GPVirtual, bases []reg.GPVirtual, n int) {
	for u := range n {
		for j, w := range g.weights {
			VMOVDQU32(field(b, (u*g.vecs+j)*g.bytes()), w)
			PREFETCHT0(field(b, (u*g.vecs+j)*g.bytes()+bytesAhead))
		}
		for i := range g.rows {
			x := g.values[i%len(g.values)]
			VPBROADCASTD(strided(bases, g.lda, i, 4*u), x)
			for j, w := range g.weights {
				VPDPBUSD(w, x, g.sums[i][j])
			}
		}
	}
	for _, p := range bases {
		ADDQ(Imm(uint64(4*n)), p)
	}
	ADDQ(U32(uint32(n*g.vecs*g.bytes())), b)
}

// finish turns the sums into bytes and stores them.
func (g *byteTile) finish() {
	scale, shift := load(g.t, btScale), load(g.t, btOffset)
	for j, w := range g.weights {
		VMOVUPS(field(scale, j*g.bytes()), w)
	}
	for j, w := range g.weights {
		for i := range g.rows {
			toWhole(g.sums[i][j], w, field(shift, j*g.bytes()))
		}
	}
	// The weights are free again: zero point, largest byte, order of words.
	zero, limit, order := g.values[0], g.weights[0], append(g.weights, g.values...)[1]
	if order == zero {
		order = g.values[1]
	}
	VPBROADCASTW(field(g.t, btZeroPoint), zero)
	VPBROADCASTB(field(g.t, btMax), limit)
	VMOVDQU32(g.byteOrder(), order)
	c, ldc := GP64(), load(g.t, btLDC)
	MOVQ(g.c, c)
	for i := range g.rows {
		x := packBytes(g.sums[i], zero, limit)
		VPERMD(x, order, x)
		VMOVDQU8(x, g.mask, field(c, 0))
		ADDQ(ldc, c)
	}
	MOVQ(c, g.c)
}

// toWhole scales a sum and rounds it to a whole number.
func toWhole(sum, scale reg.VecVirtual, shift Op) {
	VCVTDQ2PS(sum, sum)
	VFMADD213PS(shift, scale, sum)
	VCVTPS2DQ(sum, sum)
}

// packBytes packs one to four vectors of 32-bit numbers, plus zero and at most limit,
// into one vector of bytes, in which each lane has a word of each of them. It
// overwrites them.
func packBytes(s []reg.VecVirtual, zero, limit reg.VecVirtual) reg.VecVirtual {
	at := func(i int) reg.VecVirtual { return s[min(i, len(s)-1)] }
	a := at(0)
	if len(s) > 2 {
		b := at(2)
		VPACKSSDW(at(3), b, b)
		VPADDSW(zero, b, b)
		VPACKSSDW(at(1), a, a)
		VPADDSW(zero, a, a)
		VPACKUSWB(b, a, a)
	} else {
		VPACKSSDW(at(1), a, a)
		VPADDSW(zero, a, a)
		VPACKUSWB(a, a, a)
	}
	VPMINUB(limit, a, a)
	return a
}

// bytePanelTable writes the Go table of these kernels.
func (v *vector) bytePanelTable(b *strings.Builder, table string, most []int, name func(rows, vecs int) string) {
	fmt.Fprintf(b, "\n// %s%s are product kernels on bytes, the widest panels first.\nvar %s%s = []bytePanelKind{\n", v.name, table, v.name, table)
	for vecs := len(most) - 1; vecs > 0; vecs-- {
		fmt.Fprintf(b, "\t{width: %d, rows: %d, tile: []func(*ByteTile){", vecs*v.floats, most[vecs])
		list(b, numbered(v.name, most[vecs], func(rows int) string { return name(rows, vecs) })...)
		b.WriteString("}},\n")
	}
	b.WriteString("}\n")
}
