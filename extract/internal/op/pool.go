package op

import (
	"math"
	"slices"

	"featstore/extract/internal/tensor"
)

// A pooling reduces the input places under a window, channel by channel.
// reduce is given a channel's values, the flat indexes of the taps that lie
// inside the input, and the number of taps inside the padded input.
type pooling struct {
	window
	planes int
}

func (c *call) newPooling(x *tensor.Tensor) *pooling {
	require(len(x.Shape) >= 3, "input of shape %v: N×C×spatial is needed", x.Shape)
	p := &pooling{window: c.slide(c.newWindow(x.Shape[2:], nil)), planes: tensor.Len(x.Shape[:2])}
	c.work(p.planes, p.outLen(), p.kernelLen())
	return p
}

func (p *pooling) each(reduce func(plane, place int, taps []int, padded int)) {
	place := 0
	var taps []int
	for od := range p.out[0] {
		for oh := range p.out[1] {
			for ow := range p.out[2] {
				var padded int
				taps, padded = p.taps(taps[:0], [3]int{od, oh, ow})
				for plane := range p.planes {
					reduce(plane, place, taps, padded)
				}
				place++
			}
		}
	}
}

// taps appends the flat indexes of the input places under the window at o, and
// counts those that lie inside the padded input. In ceil mode the last window may
// reach beyond even that.
func (p *pooling) taps(taps []int, o [3]int) ([]int, int) {
	padded := 1
	for d := range o {
		n := 0
		for k := range p.kernel[d] {
			if i, _ := p.at(d, o[d], k); i < p.in[d]+p.after[d] {
				n++
			}
		}
		padded *= n
	}
	for kd := range p.kernel[0] {
		id, okD := p.at(0, o[0], kd)
		for kh := range p.kernel[1] {
			ih, okH := p.at(1, o[1], kh)
			if !okD || !okH {
				continue
			}
			for kw := range p.kernel[2] {
				if iw, ok := p.at(2, o[2], kw); ok {
					taps = append(taps, (id*p.in[1]+ih)*p.in[2]+iw)
				}
			}
		}
	}
	return taps, padded
}

// maxPool answers with the largest value under each window and, if asked, with its
// flat index in the whole input. A window without any input place is the lowest
// finite number, as in ONNX Runtime.
func maxPool(c *call) []*tensor.Tensor {
	x := c.input(0)
	require(x.DType != tensor.Bool, "bool is not a number")
	p := c.newPooling(x)
	column := c.int("storage_order", 0) == 1
	shape := p.shape(x.Shape[0], x.Shape[1])
	fill := lowestFinite(x.DType)
	y := c.result(x.DType, shape, func() any {
		index := make([]int, tensor.Len(shape))
		p.eachLargest(numbersOf(x), func(plane, place, at int) {
			index[plane*p.outLen()+place] = -1
			if at >= 0 {
				index[plane*p.outLen()+place] = plane*p.inLen() + at
			}
		})
		return pick(x, index, fill)
	})
	if !c.wants(1) {
		return []*tensor.Tensor{y, nil}
	}
	return []*tensor.Tensor{y, c.integers(tensor.Int64, shape, func(out []int64) {
		p.eachLargest(numbersOf(x), func(plane, place, at int) {
			if column && at >= 0 {
				at = p.columnMajor(at)
			}
			out[plane*p.outLen()+place] = int64(plane*p.inLen() + at)
		})
	})}
}

// eachLargest hands out the place in its plane of the largest value under each
// window: the first of several, or the last NaN. It is -1 where there is none.
func (p *pooling) eachLargest(values []float64, use func(plane, place, at int)) {
	p.each(func(plane, place int, taps []int, _ int) {
		at := -1
		for _, t := range taps {
			if v := values[plane*p.inLen()+t]; at < 0 || v > values[plane*p.inLen()+at] || v != v {
				at = t
			}
		}
		use(plane, place, at)
	})
}

func lowestFinite(dt tensor.DType) *tensor.Tensor {
	switch dt {
	case tensor.Float32:
		return constant(dt, -math.MaxFloat32, 0)
	case tensor.Float64:
		return constant(dt, -math.MaxFloat64, 0)
	case tensor.Float16:
		return constant(dt, -65504, 0)
	}
	return lowest(dt)
}

// columnMajor turns a flat index into a plane into the one of the plane stored
// with its first axis fastest.
func (p *pooling) columnMajor(i int) int {
	w, h := i%p.in[2], i/p.in[2]%p.in[1]
	d := i / p.in[2] / p.in[1]
	return d + p.in[0]*(h+p.in[1]*w)
}

// averagePool divides by the places inside the input or, with count_include_pad,
// inside the padded input. A window without any input place is 0.
func averagePool(c *call) []*tensor.Tensor {
	x := c.float(0)
	p := c.newPooling(x)
	includePad := c.flag("count_include_pad", false)
	return one(c.floats(x.DType, p.shape(x.Shape[0], x.Shape[1]), func(out []float64) {
		values := floatsOf(x)
		p.each(func(plane, place int, taps []int, padded int) {
			sum, n := 0.0, len(taps)
			for _, t := range taps {
				sum += values[plane*p.inLen()+t]
			}
			if includePad {
				n = padded
			}
			if n > 0 {
				out[plane*p.outLen()+place] = sum / float64(n)
			}
		})
	}))
}

// lpPool is the p-norm of the places under each window.
func lpPool(c *call) []*tensor.Tensor {
	x := c.float(0)
	p := c.newPooling(x)
	norm := c.normOrder()
	return one(c.floats(x.DType, p.shape(x.Shape[0], x.Shape[1]), func(out []float64) {
		values := floatsOf(x)
		p.each(func(plane, place int, taps []int, _ int) {
			sum := 0.0
			for _, t := range taps {
				sum += math.Pow(math.Abs(values[plane*p.inLen()+t]), norm)
			}
			out[plane*p.outLen()+place] = math.Pow(sum, 1/norm)
		})
	}))
}

// normOrder is the attribute p, a float in the oldest opset.
func (c *call) normOrder() float64 {
	p := 2.0
	if _, ok := c.Attrs["p"].(float32); ok {
		p = c.real("p", 2)
	} else {
		p = float64(c.int("p", 2))
	}
	require(p > 0, "p=%v: a positive order is needed", p)
	return p
}

// global makes a pooling over all spatial axes, which stay with size 1.
func global(reduce func(c *call, lane []float64) float64) impl {
	return func(c *call) []*tensor.Tensor {
		x := c.float(0)
		require(len(x.Shape) >= 2, "input of shape %v: N×C×spatial is needed", x.Shape)
		shape := slices.Clone(x.Shape)
		for d := 2; d < len(shape); d++ {
			shape[d] = 1
		}
		n := tensor.Len(x.Shape[2:])
		require(n > 0, "input of shape %v has no spatial place", x.Shape)
		return one(c.floats(x.DType, shape, func(out []float64) {
			v := floatsOf(x)
			for i := range out {
				out[i] = reduce(c, v[i*n:][:n])
			}
		}))
	}
}

func average(_ *call, lane []float64) float64 {
	sum := 0.0
	for _, v := range lane {
		sum += v
	}
	return sum / float64(len(lane))
}

func largest(_ *call, lane []float64) float64 {
	m := lane[0]
	for _, v := range lane {
		m = max(m, v)
	}
	return m
}

func pNorm(c *call, lane []float64) float64 {
	p, sum := c.normOrder(), 0.0
	for _, v := range lane {
		sum += math.Pow(math.Abs(v), p)
	}
	return math.Pow(sum, 1/p)
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
