package op

import "featstore/extract/internal/tensor"

// convTranspose is the transposed convolution: each input place adds the kernel,
// times its value, to the output. x is N×C×spatial, the weights C×M/group×kernel.
func convTranspose(c *call) []*tensor.Tensor {
	x, w, bias := c.float(0), c.float(1), c.opt(2)
	require(x.DType == w.DType && (bias == nil || bias.DType == x.DType), "input, weights and bias are of different types")
	require(len(x.Shape) >= 3 && len(x.Shape) == len(w.Shape), "input %v and weights %v do not suit", x.Shape, w.Shape)
	groups := c.int("group", 1)
	require(groups >= 1 && x.Shape[1]%groups == 0 && w.Shape[0] == x.Shape[1], "%d groups do not suit input %v and weights %v", groups, x.Shape, w.Shape)
	p := &convolution{batch: x.Shape[0], channels: x.Shape[1], filters: tensor.Len([]int{w.Shape[1], groups}), groups: groups}
	p.window = c.spreadOut(c.newWindow(x.Shape[2:], w.Shape[2:]))
	p.checkBias(bias)
	c.work(p.batch, p.channels, p.inLen(), w.Shape[1], p.kernelLen())
	return one(c.floats(x.DType, p.shape(), func(out []float64) {
		p.scatter(out, floatsOf(x), floatsOf(w))
		p.addBias(out, bias)
	}))
}

// spreadOut works out the output's size and, where auto_pad or output_shape ask for
// it, the padding, which here cuts off the output's edges.
func (c *call) spreadOut(w window) window {
	extra := c.padded3("output_padding", w.rank, 0)
	mode := attr(c, "auto_pad", "NOTSET")
	var want [3]int
	fixed := c.hasAttr("output_shape")
	if list := c.list("output_shape"); fixed {
		if len(list) == w.rank+2 { // with batch and channels, as some exporters write it
			list = list[2:]
		}
		require(len(list) == w.rank, "output_shape %v does not suit %d spatial axes", list, w.rank)
		want = [3]int{1, 1, 1}
		copy(want[3-w.rank:], list)
	}
	for d := range w.in {
		require(extra[d] >= 0, "output_padding is negative")
		full := w.stride[d]*(w.in[d]-1) + extra[d] + w.extent(d)
		switch {
		case fixed:
		case mode == "SAME_UPPER" || mode == "SAME_LOWER":
			want[d] = w.in[d] * w.stride[d]
		case mode == "VALID":
			want[d] = full
		case mode == "NOTSET" || mode == "":
			want[d] = full - w.before[d] - w.after[d]
		default:
			unsupported("auto_pad=%q", mode)
		}
		require(want[d] >= 1, "the output would have size %d", want[d])
		if fixed || mode == "SAME_UPPER" || mode == "SAME_LOWER" {
			total := max(full-want[d], 0)
			w.before[d] = total - total/2
			if mode == "SAME_UPPER" {
				w.before[d] = total / 2
			}
		}
		if mode == "VALID" && !fixed {
			w.before[d] = 0
		}
		w.out[d] = want[d]
	}
	return w
}

// padded3 reads a list of one number for each spatial axis, with defaults in front.
func (c *call) padded3(name string, rank, def int) [3]int {
	v, list := [3]int{def, def, def}, c.list(name)
	if list != nil {
		require(len(list) == rank, "%s %v does not suit %d spatial axes", name, list, rank)
		copy(v[3-rank:], list)
	}
	return v
}

// scatter adds to out what each input place contributes.
func (p *convolution) scatter(out, x, w []float64) {
	inG, outG := p.channels/p.groups, p.filters/p.groups
	for n := range p.batch {
		for ch := range p.channels {
			xs := x[(n*p.channels+ch)*p.inLen():][:p.inLen()]
			for m := range outG {
				to := out[(n*p.filters+ch/inG*outG+m)*p.outLen():][:p.outLen()]
				p.scatterPlane(to, xs, w[(ch*outG+m)*p.kernelLen():][:p.kernelLen()])
			}
		}
	}
}

func (p *convolution) scatterPlane(out, x, w []float64) {
	for i, v := range x {
		iw, ih := i%p.in[2], i/p.in[2]%p.in[1]
		id := i / p.in[2] / p.in[1]
		for k, weight := range w {
			kw, kh := k%p.kernel[2], k/p.kernel[2]%p.kernel[1]
			kd := k / p.kernel[2] / p.kernel[1]
			od, oh, ow := p.target(0, id, kd), p.target(1, ih, kh), p.target(2, iw, kw)
			if od >= 0 && oh >= 0 && ow >= 0 {
				out[(od*p.out[1]+oh)*p.out[2]+ow] += v * weight
			}
		}
	}
}

// target is the output place along axis d for an input place and a tap, or -1.
func (p *convolution) target(d, i, k int) int {
	o := i*p.stride[d] - p.before[d] + k*p.dilation[d]
	if o >= p.out[d] {
		return -1
	}
	return max(o, -1)
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
