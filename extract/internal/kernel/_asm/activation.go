package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// activations generates the functions that need more than bounds. a and b are the
// fields of kernel.Activation.
func activations(v *vector) {
	for _, f := range []struct {
		name string
		emit func(g *curve, x reg.VecVirtual)
	}{
		{"Exp", (*curve).exp}, {"Sigmoid", (*curve).sigmoid}, {"SiLU", (*curve).silu}, {"Tanh", (*curve).tanh},
		{"Erf", (*curve).erf}, {"GELU", (*curve).gelu}, {"GELUTanh", (*curve).geluTanh}, {"ELU", (*curve).elu},
		{"Mish", (*curve).mish}, {"HardSigmoid", (*curve).hardSigmoid}, {"HardSwish", (*curve).hardSwish}, {"Leaky", (*curve).leaky},
		{"InverseRoots", (*curve).inverseRoots},
	} {
		reference := "Activation.at does for " + f.name
		if f.name == "InverseRoots" {
			reference = "inverseRoots does"
		}
		v.function(f.name, "func(x []float32, a, b float32)", "does what "+reference+", within rounding.")
		g := &curve{vector: v, a: v.parameter("a"), b: v.parameter("b")}
		p, n := Load(Param("x").Base(), GP64()), Load(Param("x").Len(), GP64())
		Label("loop")
		SUBQ(U32(uint32(v.floats)), n)
		JL(LabelRef("rest"))
		x := v.new()
		VMOVUPS(field(p, 0), x)
		f.emit(g, x)
		VMOVUPS(x, field(p, 0))
		ADDQ(U32(uint32(v.bytes())), p)
		JMP(LabelRef("loop"))
		Label("rest")
		ADDQ(U32(uint32(v.floats)), n)
		JZ(LabelRef("done"))
		v.part(p, n, func(x reg.VecVirtual) { f.emit(g, x) })
		Label("done")
		VZEROUPPER()
		RET()
	}
}

// part changes the first n floats at p, fewer than a vector.
func (v *vector) part(p, n reg.Register, change func(x reg.VecVirtual)) {
	x, left := v.new(), GP64()
	MOVQ(n, left)
	if v.masks {
		k := lanes(left)
		VMOVUPS_Z(field(p, 0), k, x)
		change(x)
		VMOVUPS(x, k, field(p, 0))
		return
	}
	mask, table := v.new(), GP64()
	NEGQ(left)
	LEAQ(v.laneMasks(), table)
	VMOVUPS(Mem{Base: table, Index: left, Scale: 4, Disp: 4 * v.floats}, mask)
	VMASKMOVPS(field(p, 0), mask, x)
	change(x)
	VMASKMOVPS(x, mask, field(p, 0))
}

// A curve emits code for one vector in place.
type curve struct {
	*vector
	a, b reg.VecVirtual
}

// constant loads a number into all lanes.
func (v *vector) constant(x float64) reg.VecVirtual {
	r := v.new()
	VBROADCASTSS(v.table(math.Float32bits(float32(x))), r)
	return r
}

// table returns where a word lies in read-only memory.
func (v *vector) table(word uint32) Mem {
	if v.words == nil {
		v.words = map[uint32]Mem{}
	}
	if _, ok := v.words[word]; !ok {
		v.words[word] = ConstData(fmt.Sprintf("%sWord%08x", v.name, word), U32(word))
	}
	return v.words[word]
}

// copyOf returns a register with the same value.
func (v *vector) copyOf(x reg.VecVirtual) reg.VecVirtual {
	r := v.new()
	VMOVAPS(x, r)
	return r
}

// horner evaluates a polynomial, highest coefficient first.
func (v *vector) horner(x reg.VecVirtual, coefficients ...float64) reg.VecVirtual {
	p := v.constant(coefficients[0])
	for _, c := range coefficients[1:] {
		VFMADD213PS(v.constant(c), x, p)
	}
	return p
}

// exp: x = n·ln 2 + r, e^x = 2ⁿ·e^r with |r| ≤ ln 2 / 2 by Taylor's series to the
// seventh power, within 2 units of the last place. Results below 2⁻¹²⁶ are 2⁻¹²⁶,
// those above 2¹²⁷ are clipped.
func (g *curve) exp(x reg.VecVirtual) {
	lo, hi := g.constant(-87.33654), g.constant(88.37626)
	VMAXPS(x, lo, x)
	VMINPS(x, hi, x)
	n := g.new()
	VMULPS(g.constant(math.Log2E), x, n)
	if g.masks {
		VRNDSCALEPS(Imm(0), n, n)
	} else {
		VROUNDPS(Imm(0), n, n)
	}
	VFNMADD231PS(g.constant(0.693359375), n, x)
	VFNMADD231PS(g.constant(-2.12194440e-4), n, x)
	p := g.horner(x, 1.0/5040, 1.0/720, 1.0/120, 1.0/24, 1.0/6, 0.5, 1, 1)
	i := g.new()
	VCVTPS2DQ(n, i)
	VPSLLD(Imm(23), i, i)
	VPADDD(p, i, x) // adds n to the exponent
}

// sigmoidOf returns 1/(1 + e^-x).
func (g *curve) sigmoid(x reg.VecVirtual) {
	g.negate(x)
	g.exp(x)
	one := g.constant(1)
	VADDPS(one, x, x)
	VDIVPS(x, one, x)
}

func (g *curve) negate(x reg.VecVirtual) {
	zero := g.constant(0)
	VSUBPS(x, zero, x)
}

func (g *curve) silu(x reg.VecVirtual) {
	s := g.new()
	VMULPS(g.a, x, s)
	g.sigmoid(s)
	VMULPS(s, x, x)
}

// tanh x = 2·sigmoid(2x) − 1.
func (g *curve) tanh(x reg.VecVirtual) {
	VADDPS(x, x, x)
	g.sigmoid(x)
	VFMADD213PS(g.constant(-1), g.constant(2), x)
}

// geluTanh: x/2·(1 + tanh(√(2/π)(x + 0.044715x³))) = x·sigmoid(2·√(2/π)(x + …)).
func (g *curve) geluTanh(x reg.VecVirtual) {
	u := g.new()
	VMULPS(x, x, u)
	VFMADD213PS(g.constant(2*math.Sqrt(2/math.Pi)), g.constant(2*math.Sqrt(2/math.Pi)*0.044715), u)
	VMULPS(x, u, u)
	g.sigmoid(u)
	VMULPS(u, x, x)
}

// erf by formula 7.1.26 of Abramowitz and Stegun, within 1.5e-7.
func (g *curve) erf(x reg.VecVirtual) {
	sign, u := g.signOf(x), g.new()
	g.and(x, 0x7fffffff)
	one, t := g.constant(1), g.constant(0.3275911)
	VFMADD213PS(one, x, t)
	VDIVPS(t, one, t)
	VMULPS(x, x, u)
	g.negate(u)
	g.exp(u)
	p := g.horner(t, 1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
	VMULPS(t, p, p)
	VFNMADD213PS(one, p, u) // 1 − p·e^(−x²)
	if g.masks {
		VPORD(sign, u, x)
	} else {
		VORPS(sign, u, x)
	}
}

func (g *curve) signOf(x reg.VecVirtual) reg.VecVirtual {
	s := g.copyOf(x)
	g.and(s, 0x80000000)
	return s
}

func (g *curve) and(x reg.VecVirtual, word uint32) {
	m := g.new()
	VBROADCASTSS(g.table(word), m)
	if g.masks {
		VPANDD(m, x, x)
	} else {
		VANDPS(m, x, x)
	}
}

func (g *curve) gelu(x reg.VecVirtual) {
	e, half := g.new(), g.new()
	VMULPS(g.constant(1/math.Sqrt2), x, e)
	g.erf(e)
	VMULPS(g.constant(0.5), x, half)
	VFMADD213PS(half, half, e)
	VMOVAPS(e, x)
}

// elu: max(x, 0) + a·(e^min(x, 0) − 1).
func (g *curve) elu(x reg.VecVirtual) {
	zero, e := g.constant(0), g.new()
	VMINPS(x, zero, e)
	g.exp(e)
	VSUBPS(g.constant(1), e, e)
	VMAXPS(x, zero, x)
	VFMADD231PS(g.a, e, x)
}

// mish: with e = e^x, tanh(ln(1 + e)) = (e² + 2e)/(e² + 2e + 2).
func (g *curve) mish(x reg.VecVirtual) {
	e, s := g.copyOf(x), g.new()
	VMINPS(e, g.constant(30), e)
	g.exp(e)
	two := g.constant(2)
	VADDPS(two, e, s)
	VMULPS(e, s, s)
	VADDPS(two, s, e)
	VDIVPS(e, s, s)
	VMULPS(s, x, x)
}

func (g *curve) hardSigmoid(x reg.VecVirtual) {
	VFMADD213PS(g.b, g.a, x)
	VMAXPS(x, g.constant(0), x)
	VMINPS(x, g.constant(1), x)
}

func (g *curve) hardSwish(x reg.VecVirtual) {
	s := g.copyOf(x)
	g.hardSigmoid(s)
	VMULPS(s, x, x)
}

// leaky: max(x, 0) + a·min(x, 0).
func (g *curve) leaky(x reg.VecVirtual) {
	zero, low := g.constant(0), g.new()
	VMINPS(x, zero, low)
	VMAXPS(x, zero, x)
	VFMADD231PS(g.a, low, x)
}

// inverseRoots: x^(-3/4) = 1/(√x·√√x).
func (g *curve) inverseRoots(x reg.VecVirtual) {
	root, fourth := g.new(), g.new()
	VSQRTPS(x, root)
	VSQRTPS(root, fourth)
	VMULPS(fourth, root, root)
	VDIVPS(root, g.constant(1), x)
}
