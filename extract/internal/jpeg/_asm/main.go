// Command _asm generates the AVX2 inverse DCT of package jpeg: run "go generate"
// in that package's folder.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	constBits  = 13
	columnBits = 2
)

func main() {
	ConstraintExpr("amd64,!purego")
	TEXT("idct8AVX2", NOSPLIT, "func(b *int16, dst *byte, stride int)")
	Doc("idct8AVX2 does what idct8Portable does, eight columns and then eight rows at once, in the same int32 arithmetic.")
	b, dst, stride := param("b"), param("dst"), param("stride")
	var v [8]VecVirtual
	for i := range v {
		v[i] = YMM()
		VPMOVSXWD(Mem{Base: b, Disp: 16 * i}, v[i])
	}
	butterfly(&v, constBits-columnBits)
	transpose(&v)
	butterfly(&v, constBits+columnBits+3)
	store(&v, dst, stride)
	VZEROUPPER()
	RET()
	Generate()
}

func param(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

// constants already in the data section, by value.
var constants = map[uint32]Mem{}

// constant returns 32 bytes that hold eight times v.
func constant(v uint32) Mem {
	m, ok := constants[v]
	if !ok {
		m = GLOBL(fmt.Sprintf("c%d", v), RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(v))
		}
		constants[v] = m
	}
	return m
}

func add(a, b VecVirtual) VecVirtual { r := YMM(); VPADDD(b, a, r); return r }
func sub(a, b VecVirtual) VecVirtual { r := YMM(); VPSUBD(b, a, r); return r }
func mul(a VecVirtual, k uint32) VecVirtual {
	r := YMM()
	VPMULLD(constant(k), a, r)
	return r
}

// butterfly is package jpeg's butterfly8 on eight vectors, rounded and shifted
// right by so many bits.
func butterfly(c *[8]VecVirtual, shift int) {
	// Even coefficients; rounding is added where it reaches every result once.
	rot := mul(add(c[2], c[6]), 4433)
	e2 := sub(rot, mul(c[6], 15137))
	e3 := add(rot, mul(c[2], 6270))
	e0, e1 := add(c[0], c[4]), sub(c[0], c[4])
	half := constant(1 << (shift - 1))
	for _, e := range []VecVirtual{e0, e1} {
		VPSLLD(Imm(constBits), e, e)
		VPADDD(half, e, e)
	}
	a := [4]VecVirtual{add(e0, e3), add(e1, e2), sub(e1, e2), sub(e0, e3)}

	// Odd ones.
	z3, z4 := add(c[7], c[3]), add(c[5], c[1])
	z5 := mul(add(z3, z4), 9633)
	z3, z4 = sub(z5, mul(z3, 16069)), sub(z5, mul(z4, 3196))
	z1, z2 := mul(add(c[7], c[1]), 7373), mul(add(c[5], c[3]), 20995)
	o := [4]VecVirtual{
		add(sub(mul(c[1], 12299), z1), z4),
		add(sub(mul(c[3], 25172), z2), z3),
		add(sub(mul(c[5], 16819), z2), z4),
		add(sub(mul(c[7], 2446), z1), z3),
	}
	for i := range 4 {
		c[i], c[7-i] = add(a[i], o[i]), sub(a[i], o[i])
		VPSRAD(Imm(uint64(shift)), c[i], c[i])
		VPSRAD(Imm(uint64(shift)), c[7-i], c[7-i])
	}
}

// transpose exchanges rows and columns of 8×8 int32.
func transpose(v *[8]VecVirtual) {
	var t, u [8]VecVirtual
	for i := range t {
		t[i], u[i] = YMM(), YMM()
	}
	for i := 0; i < 8; i += 2 { // pairs of rows: 2×2 blocks
		VPUNPCKLDQ(v[i+1], v[i], t[i])
		VPUNPCKHDQ(v[i+1], v[i], t[i+1])
	}
	for i := 0; i < 8; i += 4 { // 4×4 blocks
		VPUNPCKLQDQ(t[i+2], t[i], u[i])
		VPUNPCKHQDQ(t[i+2], t[i], u[i+1])
		VPUNPCKLQDQ(t[i+3], t[i+1], u[i+2])
		VPUNPCKHQDQ(t[i+3], t[i+1], u[i+3])
	}
	for i := range 4 {
		v[i], v[i+4] = YMM(), YMM()
		VPERM2I128(Imm(0x20), u[i+4], u[i], v[i])
		VPERM2I128(Imm(0x31), u[i+4], u[i], v[i+4])
	}
}

// store saturates columns of samples to bytes, adds the level shift and writes
// the rows.
func store(v *[8]VecVirtual, dst, stride GPVirtual) {
	// Each half of q holds columns 0–3 or 4–7 of four rows, column by column.
	var q [2]VecVirtual
	order := GLOBL("order", RODATA|NOPTR)
	for i := range 8 {
		y := uint32(i % 4)
		DATA(4*i, U32(y|(4+y)<<8|(8+y)<<16|(12+y)<<24))
	}
	level := constant(0x80808080)
	for i := range q {
		c := v[4*i:]
		VPACKSSDW(c[1], c[0], c[0])
		VPACKSSDW(c[3], c[2], c[2])
		q[i] = YMM()
		VPACKSSWB(c[2], c[0], q[i])
		VPADDB(level, q[i], q[i])
		VPSHUFB(order, q[i], q[i]) // now row by row
	}
	rows01, rows23 := YMM(), YMM() // and 45, 67 in the upper halves
	VPUNPCKLDQ(q[1], q[0], rows01)
	VPUNPCKHDQ(q[1], q[0], rows23)
	for _, upper := range []bool{false, true} {
		for _, rows := range []VecVirtual{rows01, rows23} {
			r := rows.AsX()
			if upper {
				r = XMM()
				VEXTRACTI128(Imm(1), rows, r)
			}
			VMOVQ(r, Mem{Base: dst})
			ADDQ(stride, dst)
			VPEXTRQ(Imm(1), r, Mem{Base: dst})
			ADDQ(stride, dst)
		}
	}
}
