package op

import (
	"slices"

	"featstore/extract/internal/tensor"
)

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
		var weights []float64
		if mask != nil {
			weights = floatsOf(mask)
		}
		for i := range p.batch * p.channels * taps * places {
			place, k, ch, b := i%places, i/places%taps, i/places/taps%p.channels, i/places/taps/p.channels
			g := (b*og+ch/(p.channels/og))*taps + k // offsets of this tap
			at := []float64{
				float64(place/p.out[2]*p.stride[1]-p.before[1]+k/p.kernel[2]*p.dilation[1]) + off[2*g*places+place],
				float64(place%p.out[2]*p.stride[2]-p.before[2]+k%p.kernel[2]*p.dilation[2]) + off[(2*g+1)*places+place],
			}
			value := s.taps(at).sum(v[(b*p.channels+ch)*p.inLen():])
			if weights != nil {
				value *= weights[g*places+place]
			}
			for m := range outG {
				f := ch/inG*outG + m
				out[(b*p.filters+f)*places+place] += value * wv[(f*inG+ch%inG)*taps+k]
			}
		}
		p.addBias(out, bias)
	}))
}
