package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.ByteDepthwise; a test of that package checks them.
const (
	bdIn, bdTaps, bdTapsLen, bdStep       = 0, 24, 32, 48
	bdW, bdBias, bdOut, bdLDO             = 56, 80, 104, 128
	bdScale, bdOffset, bdZeroPoint, bdMax = 136, 160, 184, 188
	bdC, bdN                              = 192, 200
	blockBytes, blockWords, blockVecs     = 64, 64, 4
)

// blockMask makes a mask of the channels of a block, given how many are left.
func blockMask(left Mem) reg.OpmaskVirtual {
	c, most := GP64(), GP64()
	MOVQ(left, c)
	MOVQ(U32(blockBytes), most)
	CMPQ(c, most)
	CMOVQGT(most, c)
	return lanes64(c)
}

// byteDepthwise generates the depthwise kernel on bytes for any taps. For 64 channels
// of a pixel it loads four taps, interleaves their bytes, so that the four of a channel
// are a word, and multiplies the words with those of the weights.
func byteDepthwise(v *vector) {
	v.function("ByteDepthwise", "func(d *ByteDepthwise)", "does what byteDepthwise does, for any taps.")
	d := Load(Param("d"), GP64())
	slots := AllocLocal(2 * 8)
	left, offset := slots.Offset(0), slots.Offset(8)
	move(left, load(d, bdC))
	MOVQ(U32(0), offset)
	w, bias, scale, shift := load(d, bdW), load(d, bdBias), load(d, bdScale), load(d, bdOffset)
	step, ldo := load(d, bdStep), load(d, bdLDO)
	zero, limit := v.new(), v.new()
	VPBROADCASTW(field(d, bdZeroPoint), zero)
	VPBROADCASTB(field(d, bdMax), limit)

	Label("channels")
	k := blockMask(left)
	in, out, n := load(d, bdIn), load(d, bdOut), load(d, bdN)
	ADDQ(offset, in)
	ADDQ(offset, out)
	end := GP64()

	Label("pixel")
	sums := v.newN(blockVecs)
	for j, s := range sums {
		VMOVDQU32(field(bias, j*v.bytes()), s)
	}
	taps, groups, p := load(d, bdTaps), load(d, bdTapsLen), GP64()
	MOVQ(w, end)
	Label("taps")
	x := v.newN(4)
	for i := range x {
		MOVQ(field(taps, 8*i), p)
		VMOVDQU8_Z(Mem{Base: in, Index: p, Scale: 1}, k, x[i])
	}
	for j, y := range v.interleave(x) {
		VPDPBUSD(field(end, j*v.bytes()), y, sums[j])
	}
	ADDQ(Imm(4*8), taps)
	ADDQ(U32(uint32(blockVecs*v.bytes())), end)
	SUBQ(Imm(4), groups)
	JNZ(LabelRef("taps"))
	for j, s := range sums {
		f := v.new()
		VMOVUPS(field(scale, j*v.bytes()), f)
		toWhole(s, f, field(shift, j*v.bytes()))
	}
	VMOVDQU8(packBytes(sums, zero, limit), k, field(out, 0))
	ADDQ(step, in)
	ADDQ(ldo, out)
	DECQ(n)
	JNZ(LabelRef("pixel"))

	MOVQ(end, w) // behind the weights of this block
	for _, q := range []reg.GPVirtual{bias, scale, shift} {
		ADDQ(U32(4*blockWords), q)
	}
	ADDQ(U32(blockBytes), offset)
	SUBQ(U32(blockBytes), left)
	JG(LabelRef("channels"))
	VZEROUPPER()
	RET()
}

// interleave turns four vectors of bytes into four vectors of words, each word with one
// byte of each vector. It overwrites them.
func (v *vector) interleave(x []reg.VecVirtual) []reg.VecVirtual {
	lo01, hi01, lo23, hi23 := v.new(), x[0], x[1], x[2]
	VPUNPCKLBW(x[1], x[0], lo01)
	VPUNPCKHBW(x[1], x[0], hi01)
	VPUNPCKLBW(x[3], x[2], lo23)
	VPUNPCKHBW(x[3], x[2], hi23)
	first := v.new()
	VPUNPCKLWD(lo23, lo01, first)
	VPUNPCKHWD(lo23, lo01, lo01)
	VPUNPCKLWD(hi23, hi01, lo23)
	VPUNPCKHWD(hi23, hi01, hi01)
	return []reg.VecVirtual{first, lo01, lo23, hi01}
}
