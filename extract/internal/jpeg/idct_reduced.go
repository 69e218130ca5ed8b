package jpeg

// A block of reduced size consists of means: a sample of idct4 is the mean of the 2×2
// samples of the whole block that it stands for, one of idct2 of 4×4, and the block of one
// sample is the mean of all. They are computed from the coefficients, as libjpeg-turbo does
// (jidctred.c), with its constants and roundings: the 8-point transform ends with
// sums and differences, and those that make a mean are added up beforehand. Coefficients
// of which every mean is 0 take no part: row and column 4 for idct4, all even ones but the
// first for idct2.

// Constants times 1<<13, with c(k) = cos(kπ/16)·√2.
const (
	k0211 = 1730  // c3−c1, as −0.211
	k0509 = 4176  // c7−c5, as −0.509
	k0601 = 4926  // c5−c1, as −0.601
	k0720 = 5906  // c7−c5+c3−c1, as −0.720
	k0850 = 6967  // −c1+c3+c5+c7
	k1061 = 8697  // c5+c7
	k1272 = 10426 // −c1+c3−c5−c7, as −1.272
	k1451 = 11893 // c3+c7
	k2172 = 17799 // −c1−c5, as −2.172
	k3624 = 29692 // c1+c3+c5+c7
)

// means4 is the 8-point transform to means of two, without the final rounding and with
// one more fractional bit than butterfly8 has.
func means4(c0, c1, c2, c3, c5, c6, c7 int32) (s0, s1, s2, s3 int32) {
	e := c0 << (constBits + 1)
	rot := c2*k1847 - c6*k0765
	o1 := c5*k1451 - c7*k0211 - c3*k2172 + c1*k1061
	o0 := c3*k0899 - c7*k0509 - c5*k0601 + c1*k2562
	return e + rot + o0, e - rot + o1, e - rot - o1, e + rot - o0
}

// idct4 computes a block at half size, of which the coefficients beyond zigzag position
// last are zero.
func idct4(b *[64]int16, last int, dst []byte, stride int) {
	var w [4][8]int32
	for x := range int(columnsUsed[last&63]) {
		if x == 4 {
			continue
		}
		s0, s1, s2, s3 := means4(int32(b[x]), int32(b[8+x]), int32(b[16+x]), int32(b[24+x]), int32(b[40+x]), int32(b[48+x]), int32(b[56+x]))
		const shift, half = constBits - columnBits + 1, 1 << (constBits - columnBits)
		w[0][x], w[1][x], w[2][x], w[3][x] = (s0+half)>>shift, (s1+half)>>shift, (s2+half)>>shift, (s3+half)>>shift
	}
	for y := range w {
		r, out := &w[y], (*[4]byte)(dst[y*stride:])
		s0, s1, s2, s3 := means4(r[0], r[1], r[2], r[3], r[5], r[6], r[7])
		const bits = constBits + columnBits + 3 + 1
		out[0], out[1], out[2], out[3] = sample(s0, bits), sample(s1, bits), sample(s2, bits), sample(s3, bits)
	}
}

// means2 is the 8-point transform to means of four, with two more fractional bits than
// butterfly8 has.
func means2(c0, c1, c3, c5, c7 int32) (s0, s1 int32) {
	e := c0 << (constBits + 2)
	o := c1*k3624 - c3*k1272 + c5*k0850 - c7*k0720
	return e + o, e - o
}

// idct2 computes a block at a quarter of its size.
func idct2(b *[64]int16, last int, dst []byte, stride int) {
	var w [2][8]int32
	for x := range int(columnsUsed[last&63]) {
		if x > 0 && x%2 == 0 {
			continue
		}
		s0, s1 := means2(int32(b[x]), int32(b[8+x]), int32(b[24+x]), int32(b[40+x]), int32(b[56+x]))
		const shift, half = constBits - columnBits + 2, 1 << (constBits - columnBits + 1)
		w[0][x], w[1][x] = (s0+half)>>shift, (s1+half)>>shift
	}
	for y := range w {
		r := &w[y]
		s0, s1 := means2(r[0], r[1], r[3], r[5], r[7])
		const bits = constBits + columnBits + 3 + 2
		dst[y*stride], dst[y*stride+1] = sample(s0, bits), sample(s1, bits)
	}
}
