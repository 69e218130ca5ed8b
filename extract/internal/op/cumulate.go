package op

import "featstore/extract/internal/tensor"

// cumulate makes a running sum or product along an axis, without the element
// itself if exclusive, from the end if reverse.
func cumulate(f func(a, b float64) float64, i func(a, b int64) int64, u func(a, b uint64) uint64, start int64) impl {
	return func(c *call) []*tensor.Tensor {
		x := c.input(0)
		require(x.DType != tensor.Bool && len(x.Shape) > 0, "%v: an array of numbers is needed", x)
		along := func() runner {
			list := c.ints(1)
			require(len(list) == 1, "axis %v: one value is needed", list)
			r := runner{exclusive: c.flag("exclusive", false), reverse: c.flag("reverse", false)}
			r.outer, r.n, r.inner = lanes(x.Shape, axis(list[0], len(x.Shape)))
			return r
		}
		return one(c.numbers(x.DType, x.Shape,
			func(out []float64) { runAlong(along(), out, floatsOf(x), float64(start), f) },
			func(out []int64) { runAlong(along(), out, intsOf(x), start, i) },
			func(out []uint64) { runAlong(along(), out, uintsOf(x), uint64(start), u) }))
	}
}

type runner struct {
	outer, n, inner    int
	exclusive, reverse bool
}

func runAlong[T num](r runner, out, x []T, start T, f func(a, b T) T) {
	for o := range r.outer {
		for i := range r.inner {
			acc := start
			for k := range r.n {
				if r.reverse {
					k = r.n - 1 - k
				}
				at := (o*r.n+k)*r.inner + i
				next := f(acc, x[at])
				if r.exclusive {
					out[at] = acc
				} else {
					out[at] = next
				}
				acc = next
			}
		}
	}
}
