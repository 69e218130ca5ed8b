package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Without instructions that multiply bytes, bytes are extended to 16 bits: VPMADDWD
// multiplies pairs of them with pairs of weights and adds the two products. A word of
// four bytes gives a pair of its first and third, by a mask, and one of its second and
// fourth, by a shift.

// pairRows is the most rows of a tile by vectors in a row of it.
var pairRows = []int{0, 8, 4}

// pairProducts generates the product kernels on bytes for vectors without mask
// registers.
func pairProducts(v *vector) {
	for vecs, most := range pairRows {
		for rows := 1; rows <= most; rows++ {
			g := &pairTile{byteTile{tile: *newTile(v, rows, vecs)}}
			g.generate(byteTileName(rows, vecs), g.addPairs)
		}
	}
}

type pairTile struct{ byteTile }

// generate makes the kernel; add adds the products of one segment and moves the pointer
// to the weights behind them.
func (g *pairTile) generate(name string, add func(b reg.GPVirtual)) {
	g.function(name, "func(t *ByteTile)", g.byteDoc())
	g.t = Load(Param("t"), GP64())
	g.setUp()
	Label("tile")
	bias := load(g.t, btBias)
	for j := range g.vecs {
		VMOVDQU(field(bias, j*g.bytes()), g.sums[0][j])
		for i := 1; i < g.rows; i++ {
			VMOVDQA(g.sums[0][j], g.sums[i][j])
		}
	}
	b := load(g.t, btB)
	move(g.segment, load(g.t, btOffs))
	move(g.segments, load(g.t, btOffsLen))
	Label("segment")
	add(b)
	DECQ(g.segments)
	JNZ(LabelRef("segment"))
	g.finish()
	p := GP64()
	IMUL3Q(Imm(uint64(g.rows)), g.lda, p)
	ADDQ(p, g.a)
	DECQ(g.tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

func (g *pairTile) setUp() {
	slots := AllocLocal(5*8 + 16)
	for i, m := range []*Mem{&g.a, &g.c, &g.tiles, &g.segment, &g.segments, &g.r} {
		*m = slots.Offset(8 * i)
	}
	move(g.a, load(g.t, btA))
	move(g.c, load(g.t, btC))
	move(g.tiles, load(g.t, btTiles))
	g.lda = load(g.t, btLDA)
	g.sums = make([][]reg.VecVirtual, g.rows)
	for i := range g.sums {
		g.sums[i] = g.newN(g.vecs)
	}
	g.weights, g.values = g.newN(g.vecs), g.newN(2)
}

// startSegment returns pointers to its rows, and how many words it has.
func (g *pairTile) startSegment() (bases []reg.GPVirtual, k reg.GPVirtual) {
	p := GP64()
	MOVQ(g.segment, p)
	ADDQ(Imm(8), g.segment)
	first := GP64()
	MOVQ(field(p, 0), first)
	ADDQ(g.a, first)
	k = load(g.t, btK)
	ADDQ(Imm(3), k)
	SHRQ(Imm(2), k)
	return rowBases(first, g.lda, g.rows), k
}

// addPairs adds the products of one segment, and moves b behind its weights.
func (g *pairTile) addPairs(b reg.GPVirtual) {
	bases, k := g.startSegment()
	low := g.new()
	VBROADCASTSS(g.table(0x00ff00ff), low)
	Label("loop")
	for half := range 2 {
		for j, w := range g.weights {
			VMOVDQU(field(b, (half*g.vecs+j)*g.bytes()), w)
		}
		for i := range g.rows {
			x := g.values[i%2]
			VPBROADCASTD(strided(bases, g.lda, i, 0), x)
			if half == 0 {
				VPAND(low, x, x)
			} else {
				VPSRLW(Imm(8), x, x)
			}
			for j, w := range g.weights {
				product := x
				if j < g.vecs-1 {
					product = g.new()
				}
				VPMADDWD(w, x, product)
				VPADDD(product, g.sums[i][j], g.sums[i][j])
			}
		}
	}
	for _, p := range bases {
		ADDQ(Imm(4), p)
	}
	ADDQ(U32(uint32(2*g.vecs*g.bytes())), b)
	DECQ(k)
	JNZ(LabelRef("loop"))
}

// finish turns the sums into bytes and stores them.
func (g *pairTile) finish() {
	scale, shift := load(g.t, btScale), load(g.t, btOffset)
	for j, w := range g.weights {
		VMOVUPS(field(scale, j*g.bytes()), w)
		for i := range g.rows {
			toWhole(g.sums[i][j], w, field(shift, j*g.bytes()))
		}
	}
	zero, limit, order := g.values[0], g.values[1], g.weights[0]
	VPBROADCASTW(field(g.t, btZeroPoint), zero)
	VPBROADCASTB(field(g.t, btMax), limit)
	VMOVDQU(g.byteOrder(), order)
	c, ldc, cols := GP64(), load(g.t, btLDC), load(g.t, btCols)
	MOVQ(g.c, c)
	for i := range g.rows {
		x := packBytes(g.sums[i], zero, limit)
		VPERMD(x, order, x)
		g.storePart(fmt.Sprintf("row%d", i), x, c, cols, 8*g.vecs, g.r)
		ADDQ(ldc, c)
	}
	MOVQ(c, g.c)
}

// storePart stores the first n bytes of x: all 8 or 16 at once if n is as large, else
// one by one from the stack.
func (v *vector) storePart(label string, x reg.VecVirtual, to, n reg.GPVirtual, most int, stack Mem) {
	store := func(m Mem) {
		if most == 8 {
			VMOVQ(x.AsX(), m)
		} else {
			VMOVDQU(x.AsX(), m)
		}
	}
	CMPQ(n, Imm(uint64(most)))
	JL(LabelRef(label + "part"))
	store(field(to, 0))
	JMP(LabelRef(label + "done"))
	Label(label + "part")
	store(stack)
	i, b, from := GP64(), GP8(), GP64()
	LEAQ(stack, from)
	XORQ(i, i)
	Label(label + "byte")
	MOVB(Mem{Base: from, Index: i, Scale: 1}, b)
	MOVB(b, Mem{Base: to, Index: i, Scale: 1})
	INCQ(i)
	CMPQ(i, n)
	JL(LabelRef(label + "byte"))
	Label(label + "done")
}

// pairDepthwise generates the depthwise kernel: for 16 channels of a pixel it extends
// two taps to 16 bits, interleaves them, and multiplies pairs.
func pairDepthwise(v *vector) {
	const block = 16
	v.function("ByteDepthwise", "func(d *ByteDepthwise)", "does what byteDepthwise does, for any taps and a whole number of 16 channels.")
	d := Load(Param("d"), GP64())
	slots := AllocLocal(2*8 + block)
	left, offset, stack := slots.Offset(0), slots.Offset(8), slots.Offset(16)
	move(left, load(d, bdC))
	MOVQ(U32(0), offset)
	w, bias, scale, shift := load(d, bdW), load(d, bdBias), load(d, bdScale), load(d, bdOffset)
	zero, limit := v.new(), v.new()
	VPBROADCASTW(field(d, bdZeroPoint), zero)
	VPBROADCASTB(field(d, bdMax), limit)
	Label("channels")
	in, out, n, end := load(d, bdIn), load(d, bdOut), load(d, bdN), GP64()
	ADDQ(offset, in)
	ADDQ(offset, out)
	Label("pixel")
	sums := v.newN(2)
	for j, s := range sums {
		VMOVDQU(field(bias, j*v.bytes()), s)
	}
	taps, pairs, p := load(d, bdTaps), load(d, bdTapsLen), GP64()
	MOVQ(w, end)
	Label("taps")
	x, y := v.new(), v.new()
	for i, t := range []reg.VecVirtual{x, y} {
		MOVQ(field(taps, 8*i), p)
		VPMOVZXBW(Mem{Base: in, Index: p, Scale: 1}, t)
	}
	lo := v.new()
	VPUNPCKLWD(y, x, lo)
	VPUNPCKHWD(y, x, x)
	for j, t := range []reg.VecVirtual{lo, x} {
		VPMADDWD(field(end, j*v.bytes()), t, t)
		VPADDD(t, sums[j], sums[j])
	}
	ADDQ(Imm(2*8), taps)
	ADDQ(U32(uint32(2*v.bytes())), end)
	SUBQ(Imm(2), pairs)
	JNZ(LabelRef("taps"))
	for j, s := range sums {
		f := v.new()
		VMOVUPS(field(scale, j*v.bytes()), f)
		toWhole(s, f, field(shift, j*v.bytes()))
	}
	b := packBytes(sums, zero, limit)
	VPERMQ(Imm(0b1000), b, b)
	cols := GP64()
	MOVQ(left, cols)
	v.storePart("pixel", b, out, cols, block, stack)
	ADDQ(field(d, bdStep), in)
	ADDQ(field(d, bdLDO), out)
	DECQ(n)
	JNZ(LabelRef("pixel"))
	MOVQ(end, w) // behind the weights of this block
	for _, q := range []reg.GPVirtual{bias, scale, shift} {
		ADDQ(Imm(4*block), q)
	}
	ADDQ(Imm(block), offset)
	SUBQ(Imm(block), left)
	JG(LabelRef("channels"))
	VZEROUPPER()
	RET()
}

// bytes16 calls f for every whole group of 16 of n bytes; f advances its own pointers.
func bytes16(n reg.GPVirtual, f func()) {
	Label("bytes")
	SUBQ(Imm(16), n)
	JL(LabelRef("done"))
	f()
	JMP(LabelRef("bytes"))
	Label("done")
	VZEROUPPER()
	RET()
}

// pairPointwise generates the functions of every byte of a slice, as far as whole
// vectors go.
func pairPointwise(v *vector) {
	pairMax(v)
	pairSums(v)
	pairBinary(v, "ByteAdd", "addBytes", func(x, y reg.VecVirtual) { VADDPS(y, x, x) })
	pairBinary(v, "ByteMul", "mulBytes", func(x, y reg.VecVirtual) { VMULPS(y, x, x) })
	pairQuantize(v)
	pairDequantize(v)
}

func pairMax(v *vector) {
	v.function("ByteMax", "func(dst, src []byte)",
		"does what maxBytes does, for whole vectors of 16 bytes:\n\n\tfor i, v := range src {\n\t\tdst[i] = max(dst[i], v)\n\t}")
	dst, src := pointer("dst"), pointer("src")
	bytes16(length("dst"), func() {
		x := XMM()
		VMOVDQU(field(dst, 0), x)
		VPMAXUB(field(src, 0), x, x)
		VMOVDQU(x, field(dst, 0))
		ADDQ(Imm(16), dst)
		ADDQ(Imm(16), src)
	})
}

func pairSums(v *vector) {
	v.function("ByteSums", "func(dst []int32, src []byte)",
		"does what sumBytes does, for whole vectors of 16 bytes:\n\n\tfor i, v := range src {\n\t\tdst[i] += int32(v)\n\t}")
	dst, src := pointer("dst"), pointer("src")
	bytes16(length("src"), func() {
		for i := range 2 {
			x := v.new()
			VPMOVZXBD(field(src, 8*i), x)
			VPADDD(field(dst, 32*i), x, x)
			VMOVDQU(x, field(dst, 32*i))
		}
		ADDQ(Imm(64), dst)
		ADDQ(Imm(16), src)
	})
}

// pairValues sets x to (byte − zero)·scale.
func pairValues(m Mem, zero, scale, x reg.VecVirtual) {
	VPMOVZXBD(m, x)
	VCVTDQ2PS(x, x)
	VSUBPS(zero, x, x)
	VMULPS(scale, x, x)
}

// storeBytes packs two vectors of whole numbers and stores them.
func (v *vector) storeBytes(sums []reg.VecVirtual, zero, limit reg.VecVirtual, to Mem) {
	x := packBytes(sums, zero, limit)
	order := v.new()
	VMOVDQU(v.byteOrder(), order)
	VPERMD(x, order, x)
	VMOVDQU(x.AsX(), to)
}

func pairBinary(v *vector, name, reference string, combine func(x, y reg.VecVirtual)) {
	v.function(name, "func(dst, a, b []byte, s *ByteBinary, inverse float32)",
		"does what "+reference+" does, for whole vectors of 16 bytes. inverse is 1/s.Scale.")
	dst, a, b, s := pointer("dst"), pointer("a"), pointer("b"), Load(Param("s"), GP64())
	inverse := v.parameter("inverse")
	zeroA, scaleA, zeroB, scaleB, scale, zero, limit := v.new(), v.new(), v.new(), v.new(), v.new(), v.new(), v.new()
	for i, x := range []reg.VecVirtual{zeroA, scaleA, zeroB, scaleB, scale} {
		VBROADCASTSS(field(s, bsZeroPointA+4*i), x)
	}
	VPBROADCASTW(field(s, bsZeroPoint), zero)
	VPBROADCASTB(field(s, bsMax), limit)
	bytes16(length("dst"), func() {
		sums := v.newN(2)
		for i, x := range sums {
			y := v.new()
			pairValues(field(a, 8*i), zeroA, scaleA, x)
			pairValues(field(b, 8*i), zeroB, scaleB, y)
			combine(x, y)
			v.divide(x, scale, inverse)
			VCVTPS2DQ(x, x)
		}
		v.storeBytes(sums, zero, limit, field(dst, 0))
		for _, p := range []reg.GPVirtual{dst, a, b} {
			ADDQ(Imm(16), p)
		}
	})
}

func pairQuantize(v *vector) {
	v.function("ByteQuantize", "func(dst []byte, src []float32, scale, inverse, far float32, zero, limit int32)", quantizeDoc)
	dst, src := pointer("dst"), pointer("src")
	scale, inverse, hi := v.parameter("scale"), v.parameter("inverse"), v.parameter("far")
	lo, zero, limit := v.new(), v.new(), v.new()
	VXORPS(lo, lo, lo)
	VSUBPS(hi, lo, lo)
	number := Load(Param("zero"), GP32())
	VMOVD(number, zero.AsX())
	VPBROADCASTW(zero.AsX(), zero)
	Load(Param("limit"), number)
	VMOVD(number, limit.AsX())
	VPBROADCASTB(limit.AsX(), limit)
	bytes16(length("dst"), func() {
		sums := v.newN(2)
		for i, x := range sums {
			VMOVUPS(field(src, 32*i), x)
			VMAXPS(lo, x, x)
			VMINPS(hi, x, x)
			v.divide(x, scale, inverse)
			VCVTPS2DQ(x, x)
		}
		v.storeBytes(sums, zero, limit, field(dst, 0))
		ADDQ(Imm(16), dst)
		ADDQ(Imm(64), src)
	})
}

func pairDequantize(v *vector) {
	v.function("ByteDequantize", "func(dst []float32, src []byte, scale, zero float32)",
		"does what dequantize does, for whole vectors of 16 bytes:\n\n\tfor i, v := range src {\n\t\tdst[i] = (float32(v) - zero) * scale\n\t}")
	dst, src := pointer("dst"), pointer("src")
	scale, zero := v.parameter("scale"), v.parameter("zero")
	bytes16(length("src"), func() {
		for i := range 2 {
			x := v.new()
			pairValues(field(src, 8*i), zero, scale, x)
			VMOVUPS(x, field(dst, 32*i))
		}
		ADDQ(Imm(64), dst)
		ADDQ(Imm(16), src)
	})
}
