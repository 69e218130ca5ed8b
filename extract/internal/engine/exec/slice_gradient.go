package exec

import "featstore/extract/internal/engine/memory"

// A SliceGradient goes through the elements of dy, run by run of those that lie
// side by side in both.
type SliceGradient struct {
	Dy, Dx   *memory.View
	Dims     []int // of dy, from outermost to innermost in memory
	From, To []int // what one step along each of dims is, in dy and in dx
	Begin    int   // where the first element of dy belongs in dx
}

func (s *SliceGradient) prepare() {}

func (s *SliceGradient) run(r *Runner) error {
	dx, v := r.mem(s.Dx), s.Dx
	for n := range v.N {
		for y := range v.H {
			for x := range v.W {
				clear(dx[v.At(n, y, x):][:v.C])
			}
		}
	}
	spread(dx[s.Begin:], r.mem(s.Dy)[s.Dy.At(0, 0, 0):], s.Dims, s.To, s.From)
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
