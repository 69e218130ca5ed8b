package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.DepthwiseGradient; a test of that package checks them.
const (
	dgIn, dgKW, dgTap, dgStep = 0, 24, 32, 40
	dgOut, dgLDO, dgN         = 48, 72, 80
	dgW, dgLDW, dgC           = 88, 112, 120
	dgRows, dgRowIn, dgRowOut = 128, 136, 144
)

// depthwiseGradients generates the kernels for the gradients of depthwise weights, one
// for each of tapKernels: for every vector of channels the sums of a row of taps stay
// in registers while the pixels of an output row pass, four at a time.
func depthwiseGradients(v *vector) {
	for _, k := range tapKernels {
		(&depthwiseGradient{vector: v, width: k.width, stride: k.stride}).generate()
	}
}

func depthwiseGradientName(width, stride int) string {
	return fmt.Sprintf("DepthwiseGradient%ds%d", width, stride)
}

type depthwiseGradient struct {
	*vector
	width, stride      int
	d                  reg.Register
	tap, tap3, ldo     reg.GPVirtual
	in, out, left      reg.GPVirtual
	inRow, outRow      reg.GPVirtual // where the present row of pixels begins
	rows               reg.GPVirtual // left
	offset, chans      reg.GPVirtual
	sums               [][]reg.VecVirtual // by turn, then tap
	mask               reg.OpmaskVirtual
	columns, gradients []reg.VecVirtual
}

func (g *depthwiseGradient) generate() {
	g.function(depthwiseGradientName(g.width, g.stride), "func(d *DepthwiseGradient)",
		fmt.Sprintf("does what depthwiseGradientRows does, for rows of %d taps at stride %d%s.", g.width, g.stride, g.channels()))
	g.d = Load(Param("d"), GP64())
	g.tap, g.ldo, g.tap3 = loadBytes(g.d, dgTap), loadBytes(g.d, dgLDO), GP64()
	LEAQ(Mem{Base: g.tap, Index: g.tap, Scale: 2}, g.tap3)
	g.in, g.out, g.left, g.offset = GP64(), GP64(), GP64(), GP64()
	g.inRow, g.outRow, g.rows = GP64(), GP64(), GP64()
	g.chans = load(g.d, dgC)
	XORQ(g.offset, g.offset)
	if g.masks {
		g.mask = K()
	}
	turns, pixels := g.shape()
	for range turns {
		g.sums = append(g.sums, g.newN(g.width))
	}
	g.gradients, g.columns = g.newN(pixels), g.newN(2)
	Label("channels")
	g.setMask()
	g.loadSums()
	MOVQ(field(g.d, dgIn), g.inRow)
	ADDQ(g.offset, g.inRow)
	MOVQ(field(g.d, dgOut), g.outRow)
	ADDQ(g.offset, g.outRow)
	MOVQ(field(g.d, dgRows), g.rows)
	Label("rows")
	MOVQ(g.inRow, g.in)
	MOVQ(g.outRow, g.out)
	MOVQ(field(g.d, dgN), g.left)
	g.groups(pixels)
	g.groups(1)
	ADDQ(loadBytes(g.d, dgRowIn), g.inRow)
	ADDQ(loadBytes(g.d, dgRowOut), g.outRow)
	DECQ(g.rows)
	JG(LabelRef("rows"))
	g.storeSums()
	ADDQ(U32(uint32(g.bytes())), g.offset)
	SUBQ(U32(uint32(g.floats)), g.chans)
	JG(LabelRef("channels"))
	VZEROUPPER()
	RET()
}

// shape is how many sums of every tap run side by side, and how many pixels are
// worked on at once: as many as the registers hold.
func (g *depthwiseGradient) shape() (turns, pixels int) {
	switch {
	case g.masks:
		return 2, 4
	case g.width <= 5:
		return 2, 2
	}
	return 1, 2
}

func (g *depthwiseGradient) setMask() {
	if !g.masks {
		return
	}
	n, most := GP64(), GP64()
	MOVQ(g.chans, n)
	MOVQ(U32(uint32(g.floats)), most)
	CMPQ(n, most)
	CMOVQGT(most, n)
	ones := GP32()
	MOVL(U32(0xffffffff), ones)
	BZHIL(n.As32(), ones, ones)
	KMOVW(ones, g.mask)
}

func (g *depthwiseGradient) load(m Mem, to reg.VecVirtual) {
	if g.masks {
		VMOVUPS_Z(m, g.mask, to)
	} else {
		VMOVUPS(m, to)
	}
}

// loadSums sets the first turn's sums to what the gradient is so far, others to zero.
func (g *depthwiseGradient) loadSums() {
	w, ldw := load(g.d, dgW), loadBytes(g.d, dgLDW)
	ADDQ(g.offset, w)
	for k := range g.width {
		g.load(field(w, 0), g.sums[0][k])
		ADDQ(ldw, w)
	}
	for _, turn := range g.sums[1:] {
		for _, s := range turn {
			VXORPS(s.AsX(), s.AsX(), s.AsX())
		}
	}
}

func (g *depthwiseGradient) storeSums() {
	w, ldw := load(g.d, dgW), loadBytes(g.d, dgLDW)
	ADDQ(g.offset, w)
	for k, s := range g.sums[0] {
		for _, turn := range g.sums[1:] {
			VADDPS(turn[k], s, s)
		}
		if g.masks {
			VMOVUPS(s, g.mask, field(w, 0))
		} else {
			VMOVUPS(s, field(w, 0))
		}
		ADDQ(ldw, w)
	}
}

// groups works on as many groups of n pixels as are left.
func (g *depthwiseGradient) groups(n int) {
	again, done := fmt.Sprintf("pixels%d", n), fmt.Sprintf("after%d", n)
	Label(again)
	CMPQ(g.left, Imm(uint64(n)))
	JL(LabelRef(done))
	for i := range n {
		g.load(field(g.out, 0), g.gradients[i])
		ADDQ(g.ldo, g.out)
	}
	p := GP64()
	MOVQ(g.in, p)
	for j := range (n-1)*g.stride + g.width {
		m := field(p, 0)
		if j%3 > 0 {
			m.Index, m.Scale = g.tap, uint8(j%3)
		}
		in := g.columns[j%len(g.columns)]
		g.load(m, in)
		if j%3 == 2 {
			ADDQ(g.tap3, p)
		}
		for k := range g.width { // tap k of pixel t reads column t·stride + k
			if t := j - k; t >= 0 && t%g.stride == 0 && t/g.stride < n {
				VFMADD231PS(g.gradients[t/g.stride], in, g.sums[t/g.stride%len(g.sums)][k])
			}
		}
	}
	step := loadBytes(g.d, dgStep)
	IMUL3Q(Imm(uint64(n)), step, step)
	ADDQ(step, g.in)
	SUBQ(Imm(uint64(n)), g.left)
	JMP(LabelRef(again))
	Label(done)
}

// depthwiseGradientTable writes the Go table of these kernels.
func (v *vector) depthwiseGradientTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n// %sDepthwiseGradients are the kernels by width and stride.\nvar %sDepthwiseGradients = map[tapKind]func(*DepthwiseGradient){\n",
		v.name, v.name)
	for _, k := range tapKernels {
		fmt.Fprintf(b, "\t{%d, %d}: %s%s,\n", k.width, k.stride, v.name, depthwiseGradientName(k.width, k.stride))
	}
	b.WriteString("}\n")
}
