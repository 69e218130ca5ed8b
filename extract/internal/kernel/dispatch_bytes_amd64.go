//go:build amd64 && !purego

package kernel

import "featstore/extract/cpu"

// avx512Bytes returns the kernels on bytes for processors that multiply these, and otherwise
// those of AVX2.
func avx512Bytes() byteKernels {
	if !cpu.HasVNNI(cpu.AVX512) {
		return avx2Bytes(false)
	}
	k := byteKernels{
		panels:    avx512BytePanels,
		lanes:     4,
		depthwise: byteDepthwise512,
		maxInto:   avx512ByteMax,
		sumInto:   avx512ByteSums,
		quantize: func(dst []byte, src []float32, p QuantParams) {
			avx512ByteQuantize(dst, src, p.Scale, 1/p.Scale, 1024*p.Scale, p.ZeroPoint, p.Max)
		},
		dequantize: avx512ByteDequantize,
		add: func(dst, a, b []byte, s *ByteBinary) {
			avx512ByteAdd(dst, a, b, s, 1/s.Scale)
		},
		mul: func(dst, a, b []byte, s *ByteBinary) {
			avx512ByteMul(dst, a, b, s, 1/s.Scale)
		},
		lookup: lookup,
	}
	if cpu.HasVBMI() {
		k.lookup = avx512ByteLookup
	}
	return k
}

// avx2Bytes returns the kernels for processors that multiply bytes without AVX-512, and
// for those that have to extend them to 16 bits. Depthwise kernels always do.
func avx2Bytes(multiplies bool) byteKernels {
	k := portableBytes
	k.twos, k.pairs, k.panels = false, true, avx2BytePanels
	if multiplies {
		k.pairs, k.panels = false, avx2DotPanels
	}
	k.tapPairs = true
	k.depthwise = avx2ByteDepthwise
	k.maxInto = func(dst, src []byte) {
		avx2ByteMax(dst, src)
		n := len(dst) &^ 15
		maxBytes(dst[n:], src[n:])
	}
	k.sumInto = func(dst []int32, src []byte) {
		avx2ByteSums(dst, src)
		n := len(dst) &^ 15
		sumBytes(dst[n:], src[n:])
	}
	k.quantize = func(dst []byte, src []float32, p QuantParams) {
		avx2ByteQuantize(dst, src, p.Scale, 1/p.Scale, 1024*p.Scale, p.ZeroPoint, p.Max)
		n := len(dst) &^ 15
		quantize(dst[n:], src[n:], p)
	}
	k.dequantize = func(dst []float32, src []byte, scale, zeroPoint float32) {
		avx2ByteDequantize(dst, src, scale, zeroPoint)
		n := len(dst) &^ 15
		dequantize(dst[n:], src[n:], scale, zeroPoint)
	}
	k.add = func(dst, a, b []byte, s *ByteBinary) {
		avx2ByteAdd(dst, a, b, s, 1/s.Scale)
		n := len(dst) &^ 15
		addBytes(dst[n:], a[n:], b[n:], s)
	}
	k.mul = func(dst, a, b []byte, s *ByteBinary) {
		avx2ByteMul(dst, a, b, s, 1/s.Scale)
		n := len(dst) &^ 15
		mulBytes(dst[n:], a[n:], b[n:], s)
	}
	return k
}

// byteDepthwise512 chooses a kernel for the taps and stride.
func byteDepthwise512(d *ByteDepthwise) {
	const block = 64 // channels
	if d.Columns == 0 {
		avx512ByteDepthwise(d)
		return
	}
	switch tap := d.Taps[4] - d.Taps[0]; {
	case d.Columns == 5 && d.Step == tap:
		avx512ByteDepthwise5s1(d)
	case d.Columns == 5 && d.Step == 2*tap:
		avx512ByteDepthwise5s2(d)
	case d.Columns == 5:
		avx512ByteDepthwise(d)
	case d.Step == tap && 2*d.C == block && tap == d.C && d.LDO == d.C && d.N%2 == 0:
		// Two pixels of 32 channels are one of 64: the next two begin two taps further.
		d.C, d.LDO, d.N = 2*d.C, 2*d.LDO, d.N/2
		avx512ByteDepthwise3s2(d)
		d.C, d.LDO, d.N = d.C/2, d.LDO/2, 2*d.N
	case d.Step == tap:
		avx512ByteDepthwise3s1(d)
	case d.Step == 2*tap:
		avx512ByteDepthwise3s2(d)
	default:
		avx512ByteDepthwise(d)
	}
}
