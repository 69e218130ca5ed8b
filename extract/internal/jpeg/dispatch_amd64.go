//go:build amd64 && !purego

package jpeg

import "featstore/extract/cpu"

//go:generate go run -C _asm . -pkg jpeg -stubs ../idct_avx2_amd64.go -out ../idct_avx2_amd64.s

// instructions is what the inverse DCT uses.
var instructions, _ = cpu.Chosen()

// idct8 is the inverse DCT of a whole block.
func idct8(b *[64]int16, last int, dst []byte, stride int) {
	if instructions < cpu.AVX2 {
		idct8Portable(b, last, dst, stride)
		return
	}
	_ = dst[7*stride+7]
	idct8AVX2(&b[0], &dst[0], stride)
}
