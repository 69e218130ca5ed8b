package kernel

import "unsafe"

// Aligned returns n zero floats whose first one lies at a multiple of 64 bytes:
// a cache line, and the widest vector.
func Aligned(n int) []float32 {
	const line = 16
	s := make([]float32, n+line-1)
	skip := 0
	if len(s) > 0 {
		skip = int(-uintptr(unsafe.Pointer(&s[0]))%64) / 4
	}
	return s[skip : skip+n : skip+n]
}
