package engine

// A sliceGradientStep goes through the elements of dy, run by run of those that lie
// side by side in both.
type sliceGradientStep struct {
	dy, dx   *view
	dims     []int // of dy, from outermost to innermost in memory
	from, to []int // what one step along each of dims is, in dy and in dx
	begin    int   // where the first element of dy belongs in dx
}

func (s *sliceGradientStep) prepare() {}

func (s *sliceGradientStep) run(r *Runner) error {
	dx, v := r.mem(s.dx), s.dx
	for n := range v.n {
		for y := range v.h {
			for x := range v.w {
				clear(dx[v.at(n, y, x):][:v.c])
			}
		}
	}
	spread(dx[s.begin:], r.mem(s.dy)[s.dy.at(0, 0, 0):], s.dims, s.to, s.from)
	return nil
}

// spread copies an array of the given dimensions between two places with strides.
func spread(dst, src []float32, dims, to, from []int) {
	switch {
	case len(dims) == 0:
		dst[0] = src[0]
	case len(dims) == 1 && to[0] == 1 && from[0] == 1:
		copy(dst[:dims[0]], src)
	default:
		for i := range dims[0] {
			spread(dst[i*to[0]:], src[i*from[0]:], dims[1:], to[1:], from[1:])
		}
	}
}
