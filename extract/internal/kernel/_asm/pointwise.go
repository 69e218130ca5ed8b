package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pointwise generates the functions of every element of a slice.
func pointwise(v *vector) {
	into := func(name, reference, statement string, packed, single func(...Op)) {
		v.function(name, "func(dst, src []float32)", "does what "+reference+" does:\n\n\tfor i, v := range src {\n\t\t"+statement+"\n\t}")
		g := &elements{vector: v, dst: Load(Param("dst").Base(), GP64()), src: Load(Param("src").Base(), GP64())}
		g.all(Load(Param("dst").Len(), GP64()), func(i int, op elementOp) {
			op.load(g.dst, i)
			if op.single {
				single(op.at(g.src, i), op.x, op.x)
			} else {
				packed(op.at(g.src, i), op.x, op.x)
			}
		})
	}
	into("MaxInto", "maxInto", "dst[i] = max(dst[i], v)", VMAXPS, VMAXSS)
	into("AddInto", "addInto", "dst[i] += v", VADDPS, VADDSS)
	into("MulInto", "mulInto", "dst[i] *= v", VMULPS, VMULSS)
	affine(v)
	clip(v)
}

// affine: dst = src·scale + shift.
func affine(v *vector) {
	v.function("Affine", "func(dst, src []float32, scale, shift float32)",
		"does what affine does, rounded once:\n\n\tfor i, v := range src {\n\t\tdst[i] = v*scale + shift\n\t}")
	g := &elements{vector: v, dst: Load(Param("dst").Base(), GP64()), src: Load(Param("src").Base(), GP64())}
	scale, shift := v.parameter("scale"), v.parameter("shift")
	g.all(Load(Param("dst").Len(), GP64()), func(i int, op elementOp) {
		op.load(g.src, i)
		if op.single {
			VFMADD213SS(shift.AsX(), scale.AsX(), op.x)
		} else {
			VFMADD213PS(shift, scale, op.x)
		}
	})
}

// clip bounds x; NaN passes.
func clip(v *vector) {
	v.function("Clip", "func(x []float32, lo, hi float32)", "does what clipAll does:\n\n\tfor i, v := range x {\n\t\tx[i] = min(max(v, lo), hi)\n\t}")
	x := Load(Param("x").Base(), GP64())
	g := &elements{vector: v, dst: x, src: x}
	lo, hi := v.parameter("lo"), v.parameter("hi")
	g.all(Load(Param("x").Len(), GP64()), func(i int, op elementOp) {
		op.load(x, i)
		if op.single {
			VMAXSS(op.x, lo.AsX(), op.x)
			VMINSS(op.x, hi.AsX(), op.x)
		} else {
			VMAXPS(op.x, lo, op.x)
			VMINPS(op.x, hi, op.x)
		}
	})
}

// parameter broadcasts a float32 parameter.
func (v *vector) parameter(name string) reg.VecVirtual {
	m, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	r := v.new()
	VBROADCASTSS(m.Addr, r)
	return r
}

// elements goes through slices: four vectors at a time, then one, then single
// floats.
type elements struct {
	*vector
	dst, src reg.Register
}

// An elementOp is one vector, or one float, of a group.
type elementOp struct {
	single bool
	size   int
	x      reg.VecVirtual
}

func (op elementOp) at(base reg.Register, i int) Mem { return field(base, i*op.size) }

func (op elementOp) load(base reg.Register, i int) {
	if op.single {
		VMOVSS(op.at(base, i), op.x)
	} else {
		VMOVUPS(op.at(base, i), op.x)
	}
}

func (g *elements) all(n reg.Register, f func(i int, op elementOp)) {
	left := GP64()
	MOVQ(n, left)
	g.groups("four", left, 4, false, f)
	g.groups("one", left, 1, false, f)
	g.groups("single", left, 1, true, f)
	VZEROUPPER()
	RET()
}

func (g *elements) groups(label string, left reg.GPVirtual, count int, single bool, f func(i int, op elementOp)) {
	floats, size := count*g.floats, g.bytes()
	if single {
		floats, size = 1, 4
	}
	Label(label)
	CMPQ(left, U32(uint32(floats)))
	JL(LabelRef(label + "Done"))
	for i := range count {
		op := elementOp{single: single, size: size, x: g.new()}
		if single {
			op.x = XMM()
		}
		f(i, op)
		if single {
			VMOVSS(op.x, op.at(g.dst, i))
		} else {
			VMOVUPS(op.x, op.at(g.dst, i))
		}
	}
	ADDQ(U32(uint32(4*floats)), g.dst)
	if g.src != g.dst {
		ADDQ(U32(uint32(4*floats)), g.src)
	}
	SUBQ(U32(uint32(floats)), left)
	JMP(LabelRef(label))
	Label(label + "Done")
}
