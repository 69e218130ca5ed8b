//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// avx512Bytes returns the kernels on bytes, if the processor can multiply these.
func avx512Bytes() byteKernels {
	if !cpu.X86.HasAVX512VNNI || !cpu.X86.HasAVX512BW {
		return portableBytes
	}
	k := byteKernels{
		fast:      true,
		panels:    avx512BytePanels,
		lanes:     4,
		depthwise: avx512ByteDepthwise,
		maxInto:   avx512ByteMax,
		sumInto:   avx512ByteSums,
		narrow: func(dst []byte, src []float32, g Grid) {
			avx512ByteNarrow(dst, src, g.Step, 1/g.Step, 1024*g.Step, g.Zero, g.Top)
		},
		widen: avx512ByteWiden,
		add: func(dst, a, b []byte, s *ByteSum) {
			avx512ByteAdd(dst, a, b, s, 1/s.Step)
		},
		lookup: lookup,
	}
	if cpu.X86.HasAVX512VBMI {
		k.lookup = avx512ByteLookup
	}
	return k
}
