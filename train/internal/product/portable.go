package product

// dotsPortable is the definition of Dots: the assembly is tested against it.
func dotsPortable(out []float32, rows [][]float32, w []float32, dim, labels int) {
	for i, row := range rows {
		for c := range labels {
			out[i*labels+c] = dot(row[:dim], w[c*dim:(c+1)*dim])
		}
	}
}

func dot(x, w []float32) float32 {
	var sums [Lanes]float32
	// Eight lanes at a time, because so many sums stay in registers.
	whole := len(x) - len(x)%Lanes
	dotHalf(&sums, x[:whole], w[:whole], 0)
	dotHalf(&sums, x[:whole], w[:whole], Lanes/2)
	return finishDot(&sums, x[whole:], w[whole:])
}

// dotHalf computes the lanes from, from+1, … from+7 over whole blocks of Lanes.
func dotHalf(sums *[Lanes]float32, x, w []float32, from int) {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for k := from; k < len(x); k += Lanes {
		a, b := (*[8]float32)(x[k:]), (*[8]float32)(w[k:])
		s0 += float32(a[0] * b[0])
		s1 += float32(a[1] * b[1])
		s2 += float32(a[2] * b[2])
		s3 += float32(a[3] * b[3])
		s4 += float32(a[4] * b[4])
		s5 += float32(a[5] * b[5])
		s6 += float32(a[6] * b[6])
		s7 += float32(a[7] * b[7])
	}
	*(*[8]float32)(sums[from:]) = [8]float32{s0, s1, s2, s3, s4, s5, s6, s7}
}

// finishDot adds what is left after the whole blocks, fewer than Lanes elements,
// to the lanes in their order, and then adds up the lanes as a tree.
func finishDot(sums *[Lanes]float32, x, w []float32) float32 {
	for l := range x {
		sums[l] += float32(x[l] * w[l])
	}
	for half := Lanes / 2; half > 0; half /= 2 {
		for l := range half {
			sums[l] += sums[l+half]
		}
	}
	return sums[0]
}

// outerPortable is the definition of AddOuter. It takes eight columns at a time through
// all the rows, so that their sums stay in registers. It computes the labels first ≤ c
// < last; g has stride factors a row.
func outerPortable(w []float32, rows [][]float32, g []float32, dim, first, last, stride, lo, hi int) {
	for c := first; c < last; c++ {
		wc := w[c*dim : (c+1)*dim]
		k := lo
		for ; k+8 <= hi; k += 8 {
			outerEight((*[8]float32)(wc[k:]), rows, g[c:], stride, k)
		}
		for ; k < hi; k++ {
			var s float32
			for i, row := range rows {
				s += float32(g[i*stride+c] * row[k])
			}
			wc[k] += s
		}
	}
}

func outerEight(w *[8]float32, rows [][]float32, g []float32, stride, k int) {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for i, row := range rows {
		a, f := (*[8]float32)(row[k:]), g[i*stride]
		s0 += float32(f * a[0])
		s1 += float32(f * a[1])
		s2 += float32(f * a[2])
		s3 += float32(f * a[3])
		s4 += float32(f * a[4])
		s5 += float32(f * a[5])
		s6 += float32(f * a[6])
		s7 += float32(f * a[7])
	}
	w[0] += s0
	w[1] += s1
	w[2] += s2
	w[3] += s3
	w[4] += s4
	w[5] += s5
	w[6] += s6
	w[7] += s7
}
