package jpeg

func idct8(b *[64]int16, last int, dst []byte, stride int) { idct8Generic(b, last, dst, stride) }
