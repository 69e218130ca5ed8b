package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.Transform; a test of that package checks them.
const (
	trIn, trInStep, trInLine, trNIn, trM, trLDM = 0, 24, 32, 40, 48, 72
	trOut, trOutStep, trOutLine                 = 80, 104, 112
	trLines, trC, trBias, trR                   = 128, 136, 144, 168
	trRStep, trRLine, trLo, trHi                = 192, 200, 208, 212
	maxOutputs                                  = 12
)

// transforms generates the kernels that multiply a small matrix with vectors of
// channels, one for every number of outputs: these are summed in registers while
// the inputs pass by.
func transforms(v *vector) {
	for n := 1; n <= maxOutputs; n++ {
		(&transform{vector: v, outputs: n}).generate()
	}
}

type transform struct {
	*vector
	outputs            int
	t                  reg.Register
	mask               reg.OpmaskVirtual
	lines, chans       Mem // left
	in, out, r, offset Mem // of the line; bytes to the vector of channels
}

func (g *transform) generate() {
	g.function(fmt.Sprintf("Transform%d", g.outputs), "func(t *Transform)", fmt.Sprintf("does what transform does, for %d outputs%s.", g.outputs, g.channels()))
	g.setUp()
	Label("line")
	move(g.chans, load(g.t, trC))
	MOVQ(U32(0), g.offset)
	Label("channels")
	if g.masks {
		g.setMask()
	}
	sums := g.startSums()
	g.addInputs(sums)
	g.addResidual(sums)
	g.store(sums)
	ADDQ(U32(uint32(g.bytes())), g.offset)
	SUBQ(U32(uint32(g.floats)), g.chans)
	JG(LabelRef("channels"))
	for _, p := range []struct {
		m    Mem
		line int
	}{{g.in, trInLine}, {g.out, trOutLine}} {
		ADDQ(loadBytes(g.t, p.line), p.m)
	}
	r := GP64()
	MOVQ(g.r, r)
	TESTQ(r, r)
	JZ(LabelRef("next"))
	ADDQ(loadBytes(g.t, trRLine), g.r)
	Label("next")
	DECQ(g.lines)
	JNZ(LabelRef("line"))
	VZEROUPPER()
	RET()
}

func (g *transform) setUp() {
	slots := AllocLocal(6 * 8)
	for i, m := range []*Mem{&g.lines, &g.chans, &g.in, &g.out, &g.r, &g.offset} {
		*m = slots.Offset(8 * i)
	}
	g.t = Load(Param("t"), GP64())
	move(g.lines, load(g.t, trLines))
	move(g.in, load(g.t, trIn))
	move(g.out, load(g.t, trOut))
	move(g.r, load(g.t, trR))
	if g.masks {
		g.mask = K()
	}
}

func (g *transform) setMask() {
	n, most, ones := GP64(), GP64(), GP32()
	MOVQ(g.chans, n)
	MOVQ(U32(uint32(g.floats)), most)
	CMPQ(n, most)
	CMOVQGT(most, n)
	MOVL(U32(0xffffffff), ones)
	BZHIL(n.As32(), ones, ones)
	KMOVW(ones, g.mask)
}

func (g *transform) loadVector(m Mem, to reg.VecVirtual) {
	if g.masks {
		VMOVUPS_Z(m, g.mask, to)
	} else {
		VMOVUPS(m, to)
	}
}

// startSums sets the sums to the bias, or zero.
func (g *transform) startSums() []reg.VecVirtual {
	sums := g.newN(g.outputs)
	if g.masks {
		VPXORD(sums[0], sums[0], sums[0])
	} else {
		VXORPS(sums[0], sums[0], sums[0])
	}
	bias := load(g.t, trBias)
	TESTQ(bias, bias)
	JZ(LabelRef("zero"))
	ADDQ(g.offset, bias)
	g.loadVector(field(bias, 0), sums[0])
	Label("zero")
	for _, s := range sums[1:] {
		VMOVAPS(sums[0], s)
	}
	return sums
}

func (g *transform) addInputs(sums []reg.VecVirtual) {
	p, step := GP64(), loadBytes(g.t, trInStep)
	MOVQ(g.in, p)
	ADDQ(g.offset, p)
	m, ldm, n := load(g.t, trM), loadBytes(g.t, trLDM), load(g.t, trNIn)
	x, coefficient := g.new(), g.new()
	Label("input")
	g.loadVector(field(p, 0), x)
	for o, s := range sums {
		if g.masks {
			VFMADD231PS_BCST(field(m, 4*o), x, s)
		} else {
			VBROADCASTSS(field(m, 4*o), coefficient)
			VFMADD231PS(coefficient, x, s)
		}
	}
	ADDQ(step, p)
	ADDQ(ldm, m)
	DECQ(n)
	JNZ(LabelRef("input"))
}

func (g *transform) addResidual(sums []reg.VecVirtual) {
	r := GP64()
	MOVQ(g.r, r)
	TESTQ(r, r)
	JZ(LabelRef("bounds"))
	ADDQ(g.offset, r)
	step := loadBytes(g.t, trRStep)
	for _, s := range sums {
		if g.masks {
			VADDPS(field(r, 0), s, g.mask, s)
		} else {
			VADDPS(field(r, 0), s, s)
		}
		ADDQ(step, r)
	}
	Label("bounds")
}

func (g *transform) store(sums []reg.VecVirtual) {
	bound := g.new()
	VBROADCASTSS(field(g.t, trLo), bound)
	for _, s := range sums {
		VMAXPS(s, bound, s)
	}
	VBROADCASTSS(field(g.t, trHi), bound)
	for _, s := range sums {
		VMINPS(s, bound, s)
	}
	p, step := GP64(), loadBytes(g.t, trOutStep)
	MOVQ(g.out, p)
	ADDQ(g.offset, p)
	for _, s := range sums {
		if g.masks {
			VMOVUPS(s, g.mask, field(p, 0))
		} else {
			VMOVUPS(s, field(p, 0))
		}
		ADDQ(step, p)
	}
}

// transformTable writes the Go table of these kernels.
func (v *vector) transformTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n// %sTransforms are the transforms by number of outputs.\nvar %sTransforms = [MaxOutputs + 1]func(*Transform){", v.name, v.name)
	list(b, numbered(v.name, maxOutputs, func(n int) string { return fmt.Sprintf("Transform%d", n) })...)
	b.WriteString("}\n")
}
