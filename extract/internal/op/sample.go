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

// deformConv is a 2-D convolution whose taps are moved by offsets, two for each tap
// and output place, and weighed by a mask.
func deformConv(c *call) []*tensor.Tensor {
	x, w, offset, bias, mask := c.float(0), c.float(1), c.float(2), c.opt(3), c.opt(4)
	if len(x.Shape) != 4 {
		unsupported("%d dimensions", len(x.Shape))
	}
	p := c.newConvolution(x, w)
	p.checkBias(bias)
	og := c.int("offset_group", 1)
	require(og >= 1 && p.channels%og == 0, "offset_group %d does not suit %d channels", og, p.channels)
	taps, places := p.kernelLen(), p.outLen()
	require(slices.Equal(offset.Shape, []int{p.batch, tensor.Len([]int{2, og, taps}), p.out[1], p.out[2]}), "offsets of shape %v", offset.Shape)
	require(mask == nil || isFloat(mask.DType) && slices.Equal(mask.Shape, []int{p.batch, tensor.Len([]int{og, taps}), p.out[1], p.out[2]}), "a mask %v", mask)
	c.work(p.batch, p.filters, places, p.channels/p.groups, taps, 16)
	s := &sampler{mode: "linear", padding: "zeros", size: x.Shape[2:]}
	return one(c.floats(x.DType, p.shape(), func(out []float64) {
		v, wv, off := floatsOf(x), floatsOf(w), floatsOf(offset)
		inG, outG := p.channels/p.groups, p.filters/p.groups
		for i := range p.batch * p.channels * taps * places {
			place, k, ch, b := i%places, i/places%taps, i/places/taps%p.channels, i/places/taps/p.channels
			g := (b*og+ch/(p.channels/og))*taps + k // offsets of this tap
			at := []float64{
				float64(place/p.out[2]*p.stride[1]-p.before[1]+k/p.kernel[2]*p.dilation[1]) + off[2*g*places+place],
				float64(place%p.out[2]*p.stride[2]-p.before[2]+k%p.kernel[2]*p.dilation[2]) + off[(2*g+1)*places+place],
			}
			value := s.taps(at).sum(v[(b*p.channels+ch)*p.inLen():])
			if mask != nil {
				value *= numbersOf(mask)[g*places+place]
			}
			for m := range outG {
				f := ch/inG*outG + m
				out[(b*p.filters+f)*places+place] += value * wv[(f*inG+ch%inG)*taps+k]
			}
		}
		p.addBias(out, bias)
	}))
}

// col2Im adds columns of blocks (N×C·block×places) up to the images they were cut
// from.
func col2Im(c *call) []*tensor.Tensor {
	x, image, block := c.ranked(0, 3, 3), c.ints(1), c.ints(2)
	p := &convolution{window: c.slide(c.newWindow(image, block)), batch: x.Shape[0], groups: 1}
	taps, places := p.kernelLen(), p.outLen()
	require(x.Shape[1]%taps == 0 && x.Shape[2] == places, "columns %v do not suit images %v and blocks %v", x.Shape, image, block)
	p.channels = x.Shape[1] / taps
	shape := append([]int{p.batch, p.channels}, image...)
	return one(c.floats(x.DType, shape, func(out []float64) {
		for i, v := range floatsOf(x) {
			place, k, plane := i%places, i/places%taps, i/places/taps
			d, okD := p.at(0, place/p.out[2]/p.out[1], k/p.kernel[2]/p.kernel[1])
			h, okH := p.at(1, place/p.out[2]%p.out[1], k/p.kernel[2]%p.kernel[1])
			w, okW := p.at(2, place%p.out[2], k%p.kernel[2])
			if okD && okH && okW {
				out[plane*p.inLen()+(d*p.in[1]+h)*p.in[2]+w] += v
			}
		}
	}))
}

// maxUnpool puts the values that MaxPool kept back where they came from, among
// zeros.
func maxUnpool(c *call) []*tensor.Tensor {
	x, at := c.input(0), c.indexes(1)
	require(len(x.Shape) >= 3 && slices.Equal(x.Shape, at.Shape), "input %v and indexes %v do not suit", x.Shape, at.Shape)
	w := c.newWindow(x.Shape[2:], nil)
	from := slices.Clone(x.Shape) // of the image that was pooled
	for i := range w.rank {
		d := 3 - w.rank + i
		from[2+i] = (w.in[d]-1)*w.stride[d] + w.kernel[d] - w.before[d] - w.after[d]
		require(from[2+i] >= 0, "the output would have size %d", from[2+i])
	}
	shape := from
	if c.has(2) {
		shape = slices.Clone(c.ints(2))
		require(len(shape) == len(from), "output_shape %v does not suit %v", shape, from)
		for d := range shape {
			require(shape[d] >= from[d], "output_shape %v does not suit %v", shape, from)
		}
	}
	c.check(from)
	return one(c.result(x.DType, shape, func() any {
		index := slices.Repeat([]int{-1}, tensor.Len(shape))
		n := tensor.Len(from)
		to := view(from, strides(shape), 0)
		for i, p := range intsOf(at) {
			index[to[wrapped(p, n)]] = i
		}
		return pick(x, index, nil)
	}))
}

// centerCropPad cuts or pads each axis to the given size, evenly on both sides.
func centerCropPad(c *call) []*tensor.Tensor {
	x, want := c.input(0), c.ints(1)
	list := sequence(len(x.Shape))
	if c.hasAttr("axes") {
		list = axes(c.list("axes"), len(x.Shape))
	}
	require(len(want) == len(list), "sizes %v for %d axes", want, len(list))
	shape := slices.Clone(x.Shape)
	places := make([][]int, len(shape))
	for i, d := range list {
		require(want[i] >= 0, "size %d", want[i])
		shape[d] = want[i]
	}
	c.check(shape)
	for d, n := range x.Shape {
		shift := (n - shape[d]) / 2 // towards zero: the odd one is cut or padded behind
		places[d] = make([]int, shape[d])
		for o := range places[d] {
			places[d][o] = padSource("constant", o+shift, n)
		}
	}
	return one(c.moved(x, shape, func() []int { return crossed(places, strides(x.Shape)) }))
}
