package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// pointwiseGradients generates functions of every element that backward passes need.
func pointwiseGradients(v *vector) {
	clipGradient(v)
	addProduct(v)
}

// clipGradient keeps the elements of dst where lo < src < hi, and clears the others.
func clipGradient(v *vector) {
	v.function("ClipGradient", "func(dst, src []float32, lo, hi float32)",
		"does what clipGradient does:\n\n\tfor i, v := range src {\n\t\tif !(lo < v && v < hi) {\n\t\t\tdst[i] = 0\n\t\t}\n\t}")
	g := &elements{vector: v, dst: Load(Param("dst").Base(), GP64()), src: Load(Param("src").Base(), GP64())}
	lo, hi := v.parameter("lo"), v.parameter("hi")
	const less, greater = 0x11, 0x1e // ordered, quiet
	g.all(Load(Param("dst").Len(), GP64()), func(i int, op elementOp) {
		above, below := v.new(), v.new()
		switch {
		case op.single:
			VMOVSS(op.at(g.src, i), op.x)
			VCMPSS(Imm(greater), lo.AsX(), op.x, above.AsX())
			VCMPSS(Imm(less), hi.AsX(), op.x, below.AsX())
			VANDPS(below.AsX(), above.AsX(), above.AsX())
			VMOVSS(op.at(g.dst, i), op.x)
			VANDPS(above.AsX(), op.x, op.x)
		case v.masks:
			VMOVUPS(op.at(g.src, i), op.x)
			inside := K()
			VCMPPS(Imm(greater), lo, op.x, inside)
			VCMPPS(Imm(less), hi, op.x, inside, inside)
			VMOVUPS_Z(op.at(g.dst, i), inside, op.x)
		default:
			VMOVUPS(op.at(g.src, i), op.x)
			VCMPPS(Imm(greater), lo, op.x, above)
			VCMPPS(Imm(less), hi, op.x, below)
			VANDPS(below, above, above)
			VANDPS(op.at(g.dst, i), above, op.x)
		}
	})
}

// addProduct: dst += src·factor.
func addProduct(v *vector) {
	v.function("AddScaled", "func(dst, src []float32, factor float32)",
		"does what addScaled does, rounded once:\n\n\tfor i, v := range src {\n\t\tdst[i] += v * factor\n\t}")
	g := &elements{vector: v, dst: Load(Param("dst").Base(), GP64()), src: Load(Param("src").Base(), GP64())}
	factor := v.parameter("factor")
	g.all(Load(Param("dst").Len(), GP64()), func(i int, op elementOp) {
		op.load(g.dst, i)
		if op.single {
			VFMADD231SS(op.at(g.src, i), factor.AsX(), op.x)
		} else {
			VFMADD231PS(op.at(g.src, i), factor, op.x)
		}
	})
}
