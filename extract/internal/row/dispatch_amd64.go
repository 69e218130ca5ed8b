//go:build amd64 && !purego

package row

import (
	"unsafe"

	"featstore/extract/cpu"
)

//go:generate go run -C _asm . -pkg row -stubs ../avx2_amd64.go -out ../avx2_amd64.s

// instructions is what the loops use. A test sets it.
var instructions, _ = cpu.Chosen()

// convertVector converts as many pixels as fill vectors and returns how many.
func convertVector(dst, y, cb, cr []byte, m *Matrix) int {
	n := len(y) &^ 7
	if instructions < cpu.AVX2 || n == 0 {
		return 0
	}
	convertAVX2(&dst[0], &y[0], &cb[0], &cr[0], n, &m.KY)
	return n
}

// blendVector blends as many bytes as fill vectors and returns how many.
func blendVector(dst []int16, near, far []byte) int {
	n := len(near) &^ 15
	if instructions < cpu.AVX2 || n == 0 {
		return 0
	}
	blendAVX2(&dst[0], &near[0], &far[0], n)
	return n
}

// doubleVector doubles as many samples as fill vectors and returns how many.
func doubleVector(dst []byte, s []int16, even, odd int) int {
	n := (len(s) - 2) &^ 15
	if instructions < cpu.AVX2 || n == 0 {
		return 0
	}
	doubleAVX2(&dst[0], &s[0], n, even, odd)
	return n
}

func alongVector(dst, src []byte, t *Taps) bool {
	if instructions < cpu.AVX2 || len(t.First) == 0 || t.Width == 0 {
		return false
	}
	alongAVX2(&dst[0], &src[0], &t.First[0], len(t.First), &t.Weights[0], t.Width)
	return true
}

// acrossVector sums as many bytes as fill vectors and returns how many.
func acrossVector(dst []byte, rows [][]byte, weights []int32) int {
	n := len(dst) &^ 31
	if instructions < cpu.AVX2 || n == 0 || len(weights) == 0 {
		return 0
	}
	acrossAVX2(&dst[0], n, (*byte)(unsafe.Pointer(&rows[0])), &weights[0], len(weights))
	return n
}
