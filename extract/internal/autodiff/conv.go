package autodiff

import "featstore/extract/internal/tensor"

// convolution: with p over the places of an output plane, k over those of the kernel
// and x[c, p·k] the element of channel c under them,
//
//	y[m, p]      = b[m] + Σ over c, k of w[m, c, k]·x[c, p·k]
//	dw[m, c, k]  = Σ over images and p of dy[m, p]·x[c, p·k]
//	dx[c, j]     = Σ over m and all p, k with p·k = j of dy[m, p]·w[m, c, k]
//	db[m]        = Σ over images and p of dy[m, p]
//
// where m and c are of one group.
func convolution(s *step) error {
	at, err := s.taps(s.in[0].Shape[2:], s.in[1].Shape[2:])
	if err != nil {
		return err
	}
	groups, filters, channels := s.Int("group", 1), s.in[1].Shape[0], s.in[0].Shape[1]
	x, w, inLen, outLen := s.x(0), s.x(1), tensor.Len(s.in[0].Shape[2:]), len(at[0])
	dx, dw := make([]float64, len(x)), make([]float64, len(w))
	perGroup, each := channels/groups, filters/groups
	for n := range s.in[0].Shape[0] {
		for c := range channels {
			plane := (n*channels + c) * inLen
			for k, places := range at {
				for m := c / perGroup * each; m < (c/perGroup+1)*each; m++ {
					tap := (m*perGroup+c%perGroup)*len(at) + k
					dw[tap] += correlate(dx[plane:][:inLen], x[plane:][:inLen], s.dy[0][(n*filters+m)*outLen:][:outLen], places, w[tap])
				}
			}
		}
	}
	s.dx[0], s.dx[1] = dx, dw
	if s.has(2) {
		s.dx[2] = perChannel(s.dy[0], filters, outLen)
	}
	return nil
}

// correlate adds dy·w to dx at the places that one tap reads, and returns the sum of
// dy·x over them.
func correlate(dx, x, dy []float64, places []int, w float64) (sum float64) {
	for p, j := range places {
		if j >= 0 {
			dx[j] += dy[p] * w
			sum += dy[p] * x[j]
		}
	}
	return sum
}

// perChannel sums v over all but the channels, of which n come inner at a time.
func perChannel(v []float64, n, inner int) []float64 {
	sums := make([]float64, n)
	for i, x := range v {
		sums[i/inner%n] += x
	}
	return sums
}
