// Command _asm generates the AVX2 kernels of package row: run "go generate" in
// that package's folder.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const weightBits = 22

func main() {
	ConstraintExpr("amd64,!purego")
	convert()
	blend()
	double()
	along()
	across()
	Generate()
}

// constant returns 32 bytes that hold eight times v.
func constant(name string, v uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(v))
	}
	return m
}

// convert handles 8 pixels a turn, each component as 8 int32.
func convert() {
	TEXT("convertAVX2", NOSPLIT, "func(dst, y, cb, cr *byte, n int, m *int32)")
	Doc("convertAVX2 does what convert does, for n pixels, a multiple of 8. m is a Matrix's first field.")
	dst, y, cb, cr := param("dst"), param("y"), param("cb"), param("cr")
	n, m := param("n"), param("m")
	var k [6]VecVirtual // KY, Y0, KR, GB, GR, KB
	for i := range k {
		k[i] = YMM()
		VPBROADCASTD(Mem{Base: m, Disp: 4 * i}, k[i])
	}
	level := YMM()
	VMOVDQU(constant("level", 128), level)
	i := GP64()
	XORQ(i, i)

	Label("convertLoop")
	luma, u, v := YMM(), YMM(), YMM()
	VPMOVZXBD(Mem{Base: y, Index: i, Scale: 1}, luma)
	VPMOVZXBD(Mem{Base: cb, Index: i, Scale: 1}, u)
	VPMOVZXBD(Mem{Base: cr, Index: i, Scale: 1}, v)
	VPMULLD(k[0], luma, luma)
	VPSUBD(k[1], luma, luma)
	VPSUBD(level, u, u)
	VPSUBD(level, v, v)
	r, g, b, t := YMM(), YMM(), YMM(), YMM()
	VPMULLD(k[2], v, r)
	VPADDD(luma, r, r)
	VPMULLD(k[3], u, t)
	VPSUBD(t, luma, g)
	VPMULLD(k[4], v, t)
	VPSUBD(t, g, g)
	VPMULLD(k[5], u, b)
	VPADDD(luma, b, b)
	VPSRAD(Imm(16), r, r)
	VPSRAD(Imm(16), g, g)
	VPSRAD(Imm(16), b, b)
	// Saturate to words, then to bytes. In each half: r0–3 b0–3 | g0–3 0.
	rb, gx, zero := YMM(), YMM(), YMM()
	VPXOR(zero, zero, zero)
	VPACKSSDW(b, r, rb)
	VPACKSSDW(zero, g, gx)
	VPACKUSWB(gx, rb, rb) // r0–3 b0–3 g0–3 x0–3
	order := GLOBL("order", RODATA|NOPTR)
	for half := range 2 {
		for i := range 4 {
			// r, g, b, x of pixel i
			DATA(16*half+4*i, U32(uint32(i)|uint32(8+i)<<8|uint32(4+i)<<16|uint32(12+i)<<24))
		}
	}
	VPSHUFB(order, rb, rb)
	VMOVDQU(rb, Mem{Base: dst, Index: i, Scale: 4})
	ADDQ(Imm(8), i)
	CMPQ(i, n)
	JLT(LabelRef("convertLoop"))
	VZEROUPPER()
	RET()
}

// blend handles 16 bytes a turn.
func blend() {
	TEXT("blendAVX2", NOSPLIT, "func(dst *int16, near, far *byte, n int)")
	Doc("blendAVX2 does what blend does, for n bytes, a multiple of 16.")
	dst, near, far, n := param("dst"), param("near"), param("far"), param("n")
	i := GP64()
	XORQ(i, i)
	Label("blendLoop")
	a, b, sum := YMM(), YMM(), YMM()
	VPMOVZXBW(Mem{Base: near, Index: i, Scale: 1}, a)
	VPMOVZXBW(Mem{Base: far, Index: i, Scale: 1}, b)
	VPADDW(a, a, sum)
	VPADDW(a, b, b)
	VPADDW(b, sum, sum)
	VMOVDQU(sum, Mem{Base: dst, Index: i, Scale: 2})
	ADDQ(Imm(16), i)
	CMPQ(i, n)
	JLT(LabelRef("blendLoop"))
	VZEROUPPER()
	RET()
}

// double makes 32 bytes of 16 samples a turn.
func double() {
	TEXT("doubleAVX2", NOSPLIT, "func(dst *byte, s *int16, n int, even, odd int)")
	Doc("doubleAVX2 does what double does, for n samples, a multiple of 16. s points to the one before the first.")
	dst, s, n := param("dst"), param("s"), param("n")
	var bias [2]VecVirtual
	for j, name := range []string{"even", "odd"} {
		x := XMM()
		MOVQ(Load(Param(name), GP64()), x)
		bias[j] = YMM()
		VPBROADCASTW(x, bias[j])
	}
	i := GP64()
	XORQ(i, i)
	Label("doubleLoop")
	before, here, after := YMM(), YMM(), YMM()
	VMOVDQU(Mem{Base: s, Index: i, Scale: 2}, before)
	VMOVDQU(Mem{Base: s, Index: i, Scale: 2, Disp: 2}, here)
	VMOVDQU(Mem{Base: s, Index: i, Scale: 2, Disp: 4}, after)
	three := YMM()
	VPADDW(here, here, three)
	VPADDW(here, three, three)
	VPADDW(three, before, before)
	VPADDW(three, after, after)
	VPADDW(bias[0], before, before)
	VPADDW(bias[1], after, after)
	VPSRLW(Imm(4), before, before)
	VPSRLW(Imm(4), after, after)
	VPSLLW(Imm(8), after, after) // little-endian: odd bytes
	VPOR(before, after, after)
	VMOVDQU(after, Mem{Base: dst, Index: i, Scale: 2})
	ADDQ(Imm(16), i)
	CMPQ(i, n)
	JLT(LabelRef("doubleLoop"))
	VZEROUPPER()
	RET()
}

// along sums two pixels an instruction: their four bytes each in one half of a
// vector, times their weights.
func along() {
	TEXT("alongAVX2", NOSPLIT, "func(dst, src *byte, first *int32, n int, weights *int32, width int)")
	Doc("alongAVX2 does what along does, for n pixels of width weights each, a multiple of 4.")
	dst, src, first, n := param("dst"), param("src"), param("first"), param("n")
	weights, width := param("weights"), param("width")
	spread := YMM() // the first of two weights to the lower half, the second to the upper
	m := GLOBL("spread", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(uint32(i/4)))
	}
	VMOVDQU(m, spread)
	half := XMM()
	VMOVDQU(constant("half", 1<<(weightBits-1)), half)

	Label("alongPixel")
	at, k := GP64(), GP64()
	MOVLQSX(Mem{Base: first}, at)
	LEAQ(Mem{Base: src, Index: at, Scale: 4}, at)
	a, b, w, p := YMM(), YMM(), YMM(), YMM()
	w2, p2 := YMM(), YMM()
	VPXOR(a, a, a)
	VPXOR(b, b, b)
	MOVQ(width, k)
	Label("alongTaps")
	VPBROADCASTQ(Mem{Base: weights}, w)
	VPBROADCASTQ(Mem{Base: weights, Disp: 8}, w2)
	VPMOVZXBD(Mem{Base: at}, p)
	VPMOVZXBD(Mem{Base: at, Disp: 8}, p2)
	VPERMILPS(spread, w, w)
	VPERMILPS(spread, w2, w2)
	VPMULLD(w, p, p)
	VPMULLD(w2, p2, p2)
	VPADDD(p, a, a)
	VPADDD(p2, b, b)
	ADDQ(Imm(16), weights)
	ADDQ(Imm(16), at)
	SUBQ(Imm(4), k)
	JNZ(LabelRef("alongTaps"))

	VPADDD(b, a, a)
	upper := XMM()
	VEXTRACTI128(Imm(1), a, upper)
	sum := a.AsX()
	VPADDD(upper, sum, sum)
	VPADDD(half, sum, sum)
	VPSRAD(Imm(weightBits), sum, sum)
	VPACKSSDW(sum, sum, sum)
	VPACKUSWB(sum, sum, sum)
	VMOVD(sum, Mem{Base: dst})
	ADDQ(Imm(4), first)
	ADDQ(Imm(4), dst)
	DECQ(n)
	JNZ(LabelRef("alongPixel"))
	VZEROUPPER()
	RET()
}

// across sums 32 bytes of every row a turn.
func across() {
	TEXT("acrossAVX2", NOSPLIT, "func(dst *byte, n int, rows *byte, weights *int32, k int)")
	Doc("acrossAVX2 does what across does, for n bytes, a multiple of 32, of k rows. rows points to k slice headers.")
	dst, n, rows := param("dst"), param("n"), param("rows")
	weights, k := param("weights"), param("k")
	half := YMM()
	VMOVDQU(constant("halves", 1<<(weightBits-1)), half)
	gather := YMM()
	m := GLOBL("gather", RODATA|NOPTR)
	for i, v := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		DATA(4*i, U32(v))
	}
	VMOVDQU(m, gather)
	i := GP64()
	XORQ(i, i)

	Label("acrossChunk")
	var sum [4]VecVirtual
	for j := range sum {
		sum[j] = YMM()
		VMOVDQA(half, sum[j])
	}
	header, row, tap := GP64(), GP64(), GP64()
	MOVQ(rows, header)
	XORQ(tap, tap)
	Label("acrossTaps")
	w := YMM()
	MOVQ(Mem{Base: header}, row)
	VPBROADCASTD(Mem{Base: weights, Index: tap, Scale: 4}, w)
	for j := range sum {
		p := YMM()
		VPMOVZXBD(Mem{Base: row, Index: i, Scale: 1, Disp: 8 * j}, p)
		VPMULLD(w, p, p)
		VPADDD(p, sum[j], sum[j])
	}
	ADDQ(Imm(24), header)
	INCQ(tap)
	CMPQ(tap, k)
	JLT(LabelRef("acrossTaps"))

	for j := range sum {
		VPSRAD(Imm(weightBits), sum[j], sum[j])
	}
	VPACKSSDW(sum[1], sum[0], sum[0])
	VPACKSSDW(sum[3], sum[2], sum[2])
	VPACKUSWB(sum[2], sum[0], sum[0]) // quadruples 0 2 4 6 | 1 3 5 7
	VPERMD(sum[0], gather, sum[0])
	VMOVDQU(sum[0], Mem{Base: dst, Index: i, Scale: 1})
	ADDQ(Imm(32), i)
	CMPQ(i, n)
	JLT(LabelRef("acrossChunk"))
	VZEROUPPER()
	RET()
}

func param(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }
