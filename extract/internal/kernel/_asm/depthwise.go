package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.Depthwise; a test of that package checks them.
const (
	dwIn, dwRows, dwRowsLen, dwKW, dwTap, dwStep = 0, 24, 32, 48, 56, 64
	dwW, dwLDW, dwBias, dwC                      = 72, 96, 104, 128
	dwOut, dwLDO, dwN, dwLo, dwHi                = 136, 160, 168, 176, 180
)

// A dw generates the kernel for depthwise convolutions of any size: for every
// vector of channels it goes along the row, eight output pixels at a time, and
// for each tap loads the weights once and multiplies them with memory.
type dw struct {
	*vector
	d                           reg.Register
	tap, step, wstride, ldo     reg.GPVirtual
	in, out, w                  reg.GPVirtual
	mask                        reg.OpmaskVirtual
	left, chans, offset, rp, rc Mem
}

func depthwise(v *vector) {
	g := &dw{vector: v}
	g.function("Depthwise", "func(d *Depthwise)", "does what depthwiseRow does, for any taps and stride"+v.channels()+".")
	g.setUp()
	Label("channels")
	g.startChannels()
	move(g.left, load(g.d, dwN))
	for _, pixels := range []int{8, 4, 2, 1} {
		g.groups(pixels)
	}
	g.nextChannels()
}

// startChannels sets the mask and the pointers for a vector of channels.
func (g *dw) startChannels() {
	if g.masks {
		n, most, ones := GP64(), GP64(), GP32()
		MOVQ(g.chans, n)
		MOVQ(U32(uint32(g.floats)), most)
		CMPQ(n, most)
		CMOVQGT(most, n)
		MOVL(U32(0xffffffff), ones)
		BZHIL(n.As32(), ones, ones)
		KMOVW(ones, g.mask)
	}
	MOVQ(field(g.d, dwIn), g.in)
	ADDQ(g.offset, g.in)
	MOVQ(field(g.d, dwOut), g.out)
	ADDQ(g.offset, g.out)
}

// nextChannels repeats all for the next vector of channels, or returns.
func (g *dw) nextChannels() {
	ADDQ(U32(uint32(g.bytes())), g.offset)
	SUBQ(U32(uint32(g.floats)), g.chans)
	JG(LabelRef("channels"))
	VZEROUPPER()
	RET()
}

func (g *dw) setUp() {
	slots := AllocLocal(5 * 8)
	for i, m := range []*Mem{&g.left, &g.chans, &g.offset, &g.rp, &g.rc} {
		*m = slots.Offset(8 * i)
	}
	g.d = Load(Param("d"), GP64())
	g.tap, g.step = loadBytes(g.d, dwTap), loadBytes(g.d, dwStep)
	g.wstride, g.ldo = loadBytes(g.d, dwLDW), loadBytes(g.d, dwLDO)
	g.in, g.out, g.w = GP64(), GP64(), GP64()
	move(g.chans, load(g.d, dwC))
	MOVQ(U32(0), g.offset)
	if g.masks {
		g.mask = K()
	}
}

// groups computes as many groups of n pixels as are left: one at most, unless it
// is the largest group.
func (g *dw) groups(n int) {
	again, done := fmt.Sprintf("pixels%d", n), fmt.Sprintf("after%d", n)
	Label(again)
	CMPQ(g.left, Imm(uint64(n)))
	JL(LabelRef(done))
	sums := g.startSums(n)
	g.rows(n, sums)
	g.finish(n, sums)
	SUBQ(Imm(uint64(n)), g.left)
	if n == 8 {
		JMP(LabelRef(again))
	}
	Label(done)
}

// startSums sets the sums of n pixels to the bias.
func (g *dw) startSums(n int) []reg.VecVirtual {
	sums := g.newN(n)
	bias := load(g.d, dwBias)
	ADDQ(g.offset, bias)
	g.loadVector(field(bias, 0), sums[0])
	for _, s := range sums[1:] {
		VMOVAPS(sums[0], s)
	}
	return sums
}

func (g *dw) loadVector(m Mem, to reg.VecVirtual) {
	if g.masks {
		VMOVUPS_Z(m, g.mask, to)
	} else {
		VMOVUPS(m, to)
	}
}

// rows adds all taps of n pixels.
func (g *dw) rows(n int, sums []reg.VecVirtual) {
	MOVQ(field(g.d, dwW), g.w)
	ADDQ(g.offset, g.w)
	move(g.rp, load(g.d, dwRows))
	move(g.rc, load(g.d, dwRowsLen))
	row, taps := fmt.Sprintf("row%d", n), fmt.Sprintf("taps%d", n)
	Label(row)
	first := GP64()
	MOVQ(g.rp, first)
	MOVQ(field(first, 0), first)
	ADDQ(Imm(8), g.rp)
	SHLQ(Imm(2), first)
	ADDQ(g.in, first)
	bases := rowBases(first, g.step, n)
	kw := load(g.d, dwKW)
	w := g.new()
	Label(taps)
	g.loadVector(field(g.w, 0), w)
	for i, s := range sums {
		m := strided(bases, g.step, i, 0)
		if g.masks {
			VFMADD231PS(m, w, g.mask, s)
		} else {
			VFMADD231PS(m, w, s)
		}
	}
	for _, p := range bases {
		ADDQ(g.tap, p)
	}
	ADDQ(g.wstride, g.w)
	DECQ(kw)
	JNZ(LabelRef(taps))
	DECQ(g.rc)
	JNZ(LabelRef(row))
}

// finish clips and stores n pixels and moves on.
func (g *dw) finish(n int, sums []reg.VecVirtual) {
	bound := g.new()
	VBROADCASTSS(field(g.d, dwLo), bound)
	for _, s := range sums {
		VMAXPS(s, bound, s)
	}
	VBROADCASTSS(field(g.d, dwHi), bound)
	for _, s := range sums {
		VMINPS(s, bound, s)
		if g.masks {
			VMOVUPS(s, g.mask, field(g.out, 0))
		} else {
			VMOVUPS(s, field(g.out, 0))
		}
		ADDQ(g.ldo, g.out)
	}
	skip := GP64()
	IMUL3Q(Imm(uint64(n)), g.step, skip)
	ADDQ(skip, g.in)
}
