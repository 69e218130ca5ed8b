package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// reductions generates sums over whole vectors: four sums run side by side.
func reductions(v *vector) {
	v.reduction("Sum", "sumOf", func(m Mem, sum reg.VecVirtual) { VADDPS(m, sum, sum) }, func(x, y, z Op) { VADDPS(x, y, z) }, 0)
	v.reduction("Max", "maxOf", func(m Mem, sum reg.VecVirtual) { VMAXPS(m, sum, sum) }, func(x, y, z Op) { VMAXPS(x, y, z) }, 0xff800000)
	v.reduction("SumSquares", "sumSquaresOf", func(m Mem, sum reg.VecVirtual) {
		x := v.new()
		VMOVUPS(m, x)
		VFMADD231PS(x, x, sum)
	}, func(x, y, z Op) { VADDPS(x, y, z) }, 0)
}

// reduction generates a function that folds the vectors of x, of which there is
// at least one, and then the lanes.
func (v *vector) reduction(name, reference string, add func(m Mem, sum reg.VecVirtual), join func(x, y, z Op), start uint32) {
	v.function(name, "func(x []float32) float32", "does what "+reference+" does, in float32 and for whole vectors, at least one.")
	p, n := Load(Param("x").Base(), GP64()), Load(Param("x").Len(), GP64())
	sums := v.newN(4)
	for _, s := range sums {
		VBROADCASTSS(v.table(start), s)
	}
	Label("four")
	CMPQ(n, U32(uint32(4*v.floats)))
	JL(LabelRef("one"))
	for i, s := range sums {
		add(field(p, i*v.bytes()), s)
	}
	ADDQ(U32(uint32(4*v.bytes())), p)
	SUBQ(U32(uint32(4*v.floats)), n)
	JMP(LabelRef("four"))
	Label("one")
	TESTQ(n, n)
	JZ(LabelRef("lanes"))
	add(field(p, 0), sums[0])
	ADDQ(U32(uint32(v.bytes())), p)
	SUBQ(U32(uint32(v.floats)), n)
	JMP(LabelRef("one"))
	Label("lanes")
	join(sums[1], sums[0], sums[0])
	join(sums[3], sums[2], sums[2])
	join(sums[2], sums[0], sums[0])
	half := YMM()
	if v.masks {
		VEXTRACTF64X4(Imm(1), sums[0], half)
		join(sums[0].AsY(), half, half)
	} else {
		VMOVAPS(sums[0], half)
	}
	quarter := XMM()
	VEXTRACTF128(Imm(1), half, quarter)
	join(half.AsX(), quarter, quarter)
	other := XMM()
	VPERMILPS(Imm(0x0e), quarter, other)
	join(other, quarter, quarter)
	VPERMILPS(Imm(0x01), quarter, other)
	join(other, quarter, quarter)
	Store(quarter, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
