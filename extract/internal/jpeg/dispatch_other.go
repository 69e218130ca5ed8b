//go:build !amd64 || purego

package jpeg

// idct8 is the inverse DCT of a whole block.
func idct8(b *[64]int16, last int, dst []byte, stride int) { idct8Portable(b, last, dst, stride) }
