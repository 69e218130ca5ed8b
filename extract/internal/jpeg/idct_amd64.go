//go:build amd64 && !purego

package jpeg

import "golang.org/x/sys/cpu"

//go:generate go run -C _asm . -pkg jpeg -stubs ../idct_avx2_amd64.go -out ../idct_avx2_amd64.s

var hasAVX2 = cpu.X86.HasAVX2

// idct8 is the inverse DCT of a whole block.
func idct8(b *[64]int16, last int, dst []byte, stride int) {
	if !hasAVX2 {
		idct8Generic(b, last, dst, stride)
		return
	}
	_ = dst[7*stride+7]
	idct8AVX2(&b[0], &dst[0], stride)
}
