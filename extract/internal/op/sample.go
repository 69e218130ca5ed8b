package op

import (
	"math"
	"slices"

	"featstore/extract/internal/tensor"
)

// A sampler reads images at places between their pixels.
type sampler struct {
	mode, padding string
	corners       bool // -1 and 1 are the centres of the outer pixels, not their edges
	size          []int
}

// gridSample samples an image (N×C×spatial) at the places of a grid (N×out×rank),
// whose coordinates run from -1 to 1, the last axis's first.
func gridSample(c *call) []*tensor.Tensor {
	x, grid := c.float(0), c.float(1)
	rank := len(x.Shape) - 2
	require(rank >= 1 && rank <= 3 && len(grid.Shape) == rank+2 && grid.Shape[rank+1] == rank && grid.Shape[0] == x.Shape[0],
		"input %v and grid %v do not suit", x.Shape, grid.Shape)
	s := &sampler{mode: attr(c, "mode", "linear"), padding: attr(c, "padding_mode", "zeros"), corners: c.flag("align_corners", false), size: x.Shape[2:]}
	s.check(x)
	shape := append([]int{x.Shape[0], x.Shape[1]}, grid.Shape[1:rank+1]...)
	c.work(append(slices.Clone(shape), 64)...)
	return one(c.floats(x.DType, shape, func(out []float64) {
		v, g := floatsOf(x), floatsOf(grid)
		n, plane, channels := tensor.Len(shape[2:]), tensor.Len(s.size), x.Shape[1]
		at := make([]float64, rank)
		for b := range shape[0] {
			for p := range n {
				for d := range rank {
					at[d] = s.place(g[(b*n+p)*rank+rank-1-d], d)
				}
				taps := s.taps(at)
				for ch := range channels {
					out[(b*channels+ch)*n+p] = taps.sum(v[(b*channels+ch)*plane:])
				}
			}
		}
	}))
}

func (s *sampler) check(x *tensor.Tensor) {
	switch s.mode {
	case "bilinear", "linear", "bicubic", "cubic", "nearest":
	default:
		unsupported("mode=%q", s.mode)
	}
	switch s.padding {
	case "zeros", "border", "reflection":
	default:
		unsupported("padding_mode=%q", s.padding)
	}
	require(tensor.Len(s.size) > 0, "input of shape %v has no pixel", x.Shape)
}

// place turns a grid coordinate into one of pixels. Border and reflection bring it
// into the image, but for cubic sampling, where they hold for each pixel alone.
func (s *sampler) place(g float64, d int) float64 {
	n := float64(s.size[d])
	x := ((g+1)*n - 1) / 2
	if s.corners {
		x = (g + 1) / 2 * (n - 1)
	}
	if s.mode == "nearest" {
		x = math.RoundToEven(x)
	}
	switch {
	case s.mode == "cubic" || s.mode == "bicubic":
	case s.padding == "border":
		x = min(max(x, 0), n-1)
	case s.padding == "reflection":
		x = s.reflect(x, d)
	}
	return x
}

// reflect folds a place back into the image, at the outer pixels' centres or edges.
func (s *sampler) reflect(x float64, d int) float64 {
	lo, span := -0.5, float64(s.size[d])
	if s.corners {
		lo, span = 0, span-1
	}
	if span <= 0 {
		return 0
	}
	x = math.Mod(math.Abs(x-lo), 2*span)
	return lo + min(x, 2*span-x)
}

// taps are pixels of a plane by their flat indexes, with weights.
type taps struct {
	index  []int
	weight []float64
}

func (t *taps) sum(plane []float64) float64 {
	sum := 0.0
	for k, i := range t.index {
		sum += plane[i] * t.weight[k]
	}
	return sum
}

// taps lists the pixels around a place. A place that is not a number has none.
func (s *sampler) taps(at []float64) *taps {
	t := &taps{index: []int{0}, weight: []float64{1}}
	for d, x := range at {
		next := &taps{}
		for k, w := range s.weights(x) {
			i := s.pixel(math.Floor(x)+float64(k-1), d)
			if i < 0 || w == 0 {
				continue
			}
			for j, base := range t.index {
				next.index = append(next.index, base*s.size[d]+i)
				next.weight = append(next.weight, t.weight[j]*w)
			}
		}
		t = next
	}
	return t
}

// weights of the four pixels around x, from the one before the one at or before it.
func (s *sampler) weights(x float64) [4]float64 {
	f := x - math.Floor(x)
	switch s.mode {
	case "nearest":
		return [4]float64{0, 1, 0, 0}
	case "bilinear", "linear":
		return [4]float64{0, 1 - f, f, 0}
	}
	r := resizing{cubic: -0.75}
	return [4]float64{r.cubicKernel(1 + f), r.cubicKernel(f), r.cubicKernel(1 - f), r.cubicKernel(2 - f)}
}

// pixel is the index along axis d that pixel i shows, or -1 for zero.
func (s *sampler) pixel(i float64, d int) int {
	n := s.size[d]
	switch {
	case i != i || math.IsInf(i, 0):
		return -1
	case i >= 0 && i < float64(n):
		return int(i)
	case s.padding == "border":
		return int(min(max(i, 0), float64(n-1)))
	case s.padding == "reflection":
		return min(max(int(s.reflect(i, d)), 0), n-1)
	}
	return -1
}

// affineGrid lists the places that matrices (N×rank×rank+1) map a grid of the given
// size to, for GridSample.
func affineGrid(c *call) []*tensor.Tensor {
	theta, size := c.float(0), c.ints(1)
	rank := len(size) - 2
	require(rank == 2 || rank == 3, "size %v: 4 or 5 numbers are needed", size)
	require(slices.Equal(theta.Shape, []int{size[0], rank, rank + 1}), "matrices %v do not suit size %v", theta.Shape, size)
	corners := c.flag("align_corners", false)
	shape := slices.Concat(size[:1], size[2:], []int{rank})
	return one(c.floats(theta.DType, shape, func(out []float64) {
		m, st := floatsOf(theta), strides(size[2:])
		places := tensor.Len(size[2:])
		p := make([]float64, rank+1) // x, y, (z,) 1
		p[rank] = 1
		for i := range size[0] * places {
			for d := range rank {
				n := size[2+d]
				k := float64(i % places / st[d] % n)
				p[rank-1-d] = (2*k+1)/float64(n) - 1
				if corners {
					p[rank-1-d] = 2*k/float64(max(n-1, 1)) - 1
				}
			}
			for r := range rank {
				for k, v := range p {
					out[i*rank+r] += m[(i/places*rank+r)*(rank+1)+k] * v
				}
			}
		}
	}))
}
