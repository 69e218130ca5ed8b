//go:build amd64 && !purego

package cpu

import "golang.org/x/sys/cpu"

func detect() ISA {
	x := &cpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA || !x.HasBMI2:
		return Portable
	case !x.HasAVX512F || !x.HasAVX512VL:
		return AVX2
	}
	return AVX512
}

// HasVNNI reports whether the processor multiplies bytes in vectors of the set's width
// (VPDPBUSD), which not all processors with the set do.
func HasVNNI(i ISA) bool {
	switch i {
	case AVX512:
		return cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512BW
	case AVX2:
		return cpu.X86.HasAVXVNNI
	}
	return false
}

// HasVBMI reports whether the processor looks bytes up in 512-bit vectors (VPERMI2B).
func HasVBMI() bool { return cpu.X86.HasAVX512VBMI }
