package kernel

import "math"

// The functions here compute in float32 what the fused multiply-add instructions do: each
// product and sum is rounded once, together. They are slow. The exact set has them, for
// what a network of 8-bit numbers leaves on floats: it gives the same bits on every machine.

// fma returns a·b + c, rounded once.
func fma(a, b, c float32) float32 {
	p, z := float64(float64(a)*float64(b)), float64(c) // the product of two float32 is exact in float64
	sum := p + z
	rest := sum - p
	rest = (p - (sum - rest)) + (z - rest) // what sum was rounded by (Knuth's TwoSum)
	if rest > 0 || rest < 0 {
		// To round the sum to float32 again may differ from rounding once, unless the first
		// rounding was to the odd one of the two float64 around it (Boldo and Melquiond, 2008).
		if bits := math.Float64bits(sum); bits&1 == 0 {
			if (rest > 0) == (sum > 0) {
				bits++
			} else {
				bits--
			}
			sum = math.Float64frombits(bits)
		}
	}
	return float32(sum)
}

// fusedTile4 is tile4 with the sums in the order, and with the roundings, of assembly.
func fusedTile4(t *Tile) {
	for i := range t.Rows * t.Tiles {
		sum, b := [4]float32(t.Bias), t.B
		for _, off := range t.Offs {
			for k, x := range t.A[i*t.LDA+off:][:t.K] {
				for j, w := range b[4*k:][:4] {
					sum[j] = fma(x, w, sum[j])
				}
			}
			b = b[4*t.K:]
		}
		c := t.C[i*t.LDC:][:t.Cols]
		for j := range c {
			v := sum[j]
			if t.R != nil {
				v += t.R[i*t.LDR+j]
			}
			c[j] = clip(v, t.Lo, t.Hi)
		}
	}
}

// fusedDepthwise is depthwiseRow with the roundings of assembly.
func fusedDepthwise(d *Depthwise) {
	for p := range d.N {
		out := d.Out[p*d.LDO:][:d.C]
		copy(out, d.Bias)
		w := d.W
		for _, row := range d.Rows {
			for x := range d.KW {
				in := d.In[p*d.Step+row+x*d.Tap:][:len(out)]
				taps := w[:len(out)]
				for c, v := range in {
					out[c] = fma(v, taps[c], out[c])
				}
				w = w[min(d.LDW, len(w)):]
			}
		}
		clipAll(out, d.Lo, d.Hi)
	}
}

func fusedAffine(dst, src []float32, scale, shift float32) {
	for i, v := range src {
		dst[i] = fma(v, scale, shift)
	}
}
