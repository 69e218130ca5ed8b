package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// fakeQuantize: x = min(max(round(x/scale), lo, hi)·unit + shift. The quotient is the
// product with the reciprocal, corrected by its remainder.
func fakeQuantize(v *vector) {
	v.function("FakeQuantize", "func(x []float32, scale, inverse, lo, hi, unit, shift float32)", "does what fakeQuantize does. inverse is 1/scale.")
	p, n := Load(Param("x").Base(), GP64()), Load(Param("x").Len(), GP64())
	scale, inverse := v.parameter("scale"), v.parameter("inverse")
	lo, hi, unit, shift := v.parameter("lo"), v.parameter("hi"), v.parameter("unit"), v.parameter("shift")
	change := func(x reg.VecVirtual) {
		q := v.new()
		VMULPS(x, inverse, q)
		VFNMADD231PS(q, scale, x)
		VFMADD213PS(q, inverse, x)
		if v.masks {
			VRNDSCALEPS(Imm(0), x, x)
		} else {
			VROUNDPS(Imm(0), x, x)
		}
		VMAXPS(lo, x, x)
		VMINPS(hi, x, x)
		VFMADD213PS(shift, unit, x)
	}
	Label("two")
	SUBQ(U32(uint32(2*v.floats)), n)
	JL(LabelRef("rest"))
	a, b := v.new(), v.new()
	VMOVUPS(field(p, 0), a)
	VMOVUPS(field(p, v.bytes()), b)
	change(a)
	change(b)
	VMOVUPS(a, field(p, 0))
	VMOVUPS(b, field(p, v.bytes()))
	ADDQ(U32(uint32(2*v.bytes())), p)
	JMP(LabelRef("two"))
	Label("rest")
	ADDQ(U32(uint32(v.floats)), n)
	JL(LabelRef("last"))
	x := v.new()
	VMOVUPS(field(p, 0), x)
	change(x)
	VMOVUPS(x, field(p, 0))
	ADDQ(U32(uint32(v.bytes())), p)
	SUBQ(U32(uint32(v.floats)), n)
	Label("last")
	ADDQ(U32(uint32(v.floats)), n)
	JZ(LabelRef("done"))
	v.part(p, n, change)
	Label("done")
	VZEROUPPER()
	RET()
}
