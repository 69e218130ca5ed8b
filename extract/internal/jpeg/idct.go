package jpeg

// inverse computes the samples of a block of dequantised coefficients, in
// natural order, of which those beyond zigzag position last are zero, and
// writes side×side of them to dst.
func inverse(b *[64]int16, last, side int, dst []byte, stride int) {
	switch {
	case last == 0:
		flat(b[0], side, dst, stride)
	case side == 8:
		idct8(b, last, dst, stride)
	case side == 4:
		idct4(b, last, dst, stride)
	case side == 2:
		idct2(b, last, dst, stride)
	default:
		dst[0] = sample(int32(b[0]), 3)
	}
}

// sample rounds a value with so many fractional bits, adds the level shift and
// clamps.
func sample(v int32, bits int) byte {
	v = (v+1<<(bits-1))>>bits + 128
	return byte(max(0, min(255, v)))
}

// flat writes a block that has a DC coefficient only.
func flat(dc int16, side int, dst []byte, stride int) {
	v := sample(int32(dc), 3)
	for y := range side {
		row := dst[y*stride:][:side]
		for x := range row {
			row[x] = v
		}
	}
}

// The 8-point inverse DCT is the one of C. Loeffler, A. Ligtenberg and G.
// Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications"
// (ICASSP 1989), in the variant with 12 multiplications, no two of them in
// sequence. Constants are in fixed point with constBits bits; columns are
// computed first and leave columnBits fractional bits to the rows. With these
// numbers of bits and rounding after each half the samples equal those of
// libjpeg's "islow".
const (
	constBits  = 13
	columnBits = 2
)

// Constants times 1<<13. With c(k) = cos(kπ/16)·√2: evens rotate by c(6), odds
// combine c(1), c(3), c(5), c(7).
const (
	k0298 = 2446  // −c1+c3+c5−c7
	k0390 = 3196  // c3−c5, as −0.390
	k0541 = 4433  // c6
	k0765 = 6270  // c2−c6
	k0899 = 7373  // c3−c7, as −0.899
	k1175 = 9633  // c3
	k1501 = 12299 // c1+c3−c5−c7
	k1847 = 15137 // c2+c6
	k1961 = 16069 // c3+c5, as −1.961
	k2053 = 16819 // c1+c3−c5+c7
	k2562 = 20995 // c1+c3, as −2.562
	k3072 = 25172 // c1+c3+c5−c7
)

// butterfly8 is the 8-point transform without the final rounding.
func butterfly8(c0, c1, c2, c3, c4, c5, c6, c7 int32) (s0, s1, s2, s3, s4, s5, s6, s7 int32) {
	// Even coefficients.
	rot := (c2 + c6) * k0541
	e2, e3 := rot-c6*k1847, rot+c2*k0765
	e0, e1 := (c0+c4)<<constBits, (c0-c4)<<constBits
	a0, a3, a1, a2 := e0+e3, e0-e3, e1+e2, e1-e2

	// Odd ones.
	z3, z4 := c7+c3, c5+c1
	z5 := (z3 + z4) * k1175
	z3, z4 = z5-z3*k1961, z5-z4*k0390
	z1, z2 := (c7+c1)*k0899, (c5+c3)*k2562
	o7 := c7*k0298 - z1 + z3
	o5 := c5*k2053 - z2 + z4
	o3 := c3*k3072 - z2 + z3
	o1 := c1*k1501 - z1 + z4

	return a0 + o1, a1 + o3, a2 + o5, a3 + o7, a3 - o7, a2 - o5, a1 - o3, a0 - o1
}

// idct8Portable is the inverse DCT of a whole block.
func idct8Portable(b *[64]int16, last int, dst []byte, stride int) {
	var w [64]int32
	cols := int(columnsUsed[last&63])
	for x := 0; x < cols; x++ {
		c0 := int32(b[x])
		c1, c2, c3, c4 := int32(b[8+x]), int32(b[16+x]), int32(b[24+x]), int32(b[32+x])
		c5, c6, c7 := int32(b[40+x]), int32(b[48+x]), int32(b[56+x])
		if c1|c2|c3|c4|c5|c6|c7 == 0 {
			v := c0 << columnBits
			w[x], w[8+x], w[16+x], w[24+x], w[32+x], w[40+x], w[48+x], w[56+x] = v, v, v, v, v, v, v, v
			continue
		}
		s0, s1, s2, s3, s4, s5, s6, s7 := butterfly8(c0, c1, c2, c3, c4, c5, c6, c7)
		const shift, half = constBits - columnBits, 1 << (constBits - columnBits - 1)
		w[x], w[8+x], w[16+x], w[24+x] = (s0+half)>>shift, (s1+half)>>shift, (s2+half)>>shift, (s3+half)>>shift
		w[32+x], w[40+x], w[48+x], w[56+x] = (s4+half)>>shift, (s5+half)>>shift, (s6+half)>>shift, (s7+half)>>shift
	}
	for y := range 8 {
		r := (*[8]int32)(w[y*8:])
		out := (*[8]byte)(dst[y*stride:])
		s0, s1, s2, s3, s4, s5, s6, s7 := butterfly8(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
		const bits = constBits + columnBits + 3
		out[0], out[1], out[2], out[3] = sample(s0, bits), sample(s1, bits), sample(s2, bits), sample(s3, bits)
		out[4], out[5], out[6], out[7] = sample(s4, bits), sample(s5, bits), sample(s6, bits), sample(s7, bits)
	}
}

// columnsUsed[last] is 1 + the highest column among zigzag positions 0…last.
var columnsUsed = func() (t [64]uint8) {
	highest := uint8(0)
	for k, n := range natural {
		highest = max(highest, n%8+1)
		t[k] = highest
	}
	return t
}()
