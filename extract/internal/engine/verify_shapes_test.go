package engine

import (
	"fmt"
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/tensor"
)

// verifyShapes computes the shape of every result once more, from the operation alone,
// and checks that the inputs fit each other.
func verifyShapes(g *net) error {
	for _, n := range g.nodes {
		for _, v := range n.in {
			if v != nil && v.constant != nil && (!slices.Equal(v.shape, v.constant.Shape) || v.dtype != v.constant.DType) {
				return fmt.Errorf("constant %q is %v of %v and said to be %v of %v", v.name, v.constant.Shape, v.constant.DType, v.shape, v.dtype)
			}
		}
		if err := verifyShape(n); err != nil {
			return fmt.Errorf("%s %q: %w", n.op.name(), n.label, err)
		}
	}
	return nil
}

func verifyShape(n *node) error {
	switch op := n.op.(type) {
	case *reference, *gradientSeed, *storeTap: // shape inference; the tap
		return nil
	case *activate, *identity, *lookup, *quantize, *dequantize, *lrn, *reorder:
		return equalShapes(n.in[0], n.out[0])
	case *rowwise:
		if op.scale != nil && len(op.scale) != innermostSize(n.in[0]) {
			return fmt.Errorf("%d scales for rows of %d", len(op.scale), innermostSize(n.in[0]))
		}
		return equalShapes(n.in[0], n.out[0])
	case *batchNorm:
		if len(op.scale) != n.in[0].shape[1] {
			return fmt.Errorf("%d scales for %d channels", len(op.scale), n.in[0].shape[1])
		}
		return equalShapes(n.in[0], n.out[0])
	case *binary, *byteBinary:
		if !repeats(n.in[1].shape, n.in[0].shape) {
			return fmt.Errorf("operands of shapes %v and %v", n.in[0].shape, n.in[1].shape)
		}
		return equalShapes(n.in[0], n.out[0])
	case *conv:
		return wantShapes(convolved(op, n.in[0].shape), append(slices.Clone(n.in[1:]), n.out[0])...)
	case *byteConv:
		return wantShapes(convolved(op.conv, n.in[0].shape), n.out[0])
	case *block:
		shape := n.in[0].shape
		for _, c := range op.parts() {
			shape = convolved(c, shape)
		}
		return wantShapes(shape, append(slices.Clone(n.in[1:]), n.out[0])...)
	case *pool:
		return verifyPool(op, n)
	case *bytePool:
		return verifyPool(op.pool, n)
	case *spatialMean:
		return verifyMean(op.channel, n.in[0], n.out[0])
	case *byteMean:
		return verifyMean(op.mean.channel, n.in[0], n.out[0])
	case *concat:
		return verifyConcat(op.axis, n)
	case *matmul:
		return verifyMatMul(n)
	case *pad:
		return verifyPad(op, n)
	case *reshape:
		if tensor.Len(n.in[0].shape) != tensor.Len(n.out[0].shape) {
			return fmt.Errorf("%v becomes %v", n.in[0].shape, n.out[0].shape)
		}
		return nil
	case *slice:
		return verifySlice(op, n.in[0], n.out[0])
	case *transpose:
		return wantShapes(permutedShape(n.in[0].shape, op.perm), n.out[0])
	}
	return verifyGradientShape(n)
}

// verifyGradientShape is verifyShape for operations of backward passes.
func verifyGradientShape(n *node) error {
	switch op := n.op.(type) {
	case *activateGradient, *layerNormGradient, *softmaxGradient, *lrnGradient:
		return equalShapes(n.in[0], n.in[1], n.out[0])
	case *scaleGradient:
		return equalShapes(n.in...)
	case *convInputGradient:
		return wantShapes(convolved(op.conv, n.out[0].shape), n.in[0])
	case *convWeightGradient:
		return wantShapes(convolved(op.conv, n.in[0].shape), n.in[1])
	case *constantGradient:
		return repeatedConstant(op.constant, n.in[0])
	case *poolGradient:
		if err := equalShapes(n.in[0], n.in[2]); err != nil {
			return err
		}
		return equalShapes(n.in[1], n.out[0])
	case *meanGradient:
		return verifyMean(op.channel, n.out[0], n.in[0])
	case *maxGradient:
		if err := equalShapes(n.in[0], n.in[2]); err != nil {
			return err
		}
		if err := equalShapes(n.in[1], n.out[0]); err != nil {
			return err
		}
		return verifyMean(op.channel, n.out[0], n.in[0])
	case *sliceGradient:
		return verifySlice(op.slice, n.out[0], n.in[0])
	}
	return fmt.Errorf("verifyShape has no rule for %T: give it one", n.op)
}

// repeatedConstant checks that a gradient has the shape of the operand that follows from a
// parameter: no element of it reads behind the parameter's values.
func repeatedConstant(c *trainedConstant, dy *value) error {
	if len(c.stride) != len(dy.shape) {
		return fmt.Errorf("%d steps for the shape %v", len(c.stride), dy.shape)
	}
	last, values := 0, len(c.at)
	if c.at == nil {
		values = len(c.param.Values)
	}
	for axis, d := range dy.shape {
		last += (d - 1) * c.stride[axis]
	}
	if last < 0 || last >= values {
		return fmt.Errorf("element %d of %d in the shape %v", last, values, dy.shape)
	}
	return nil
}

func equalShapes(values ...*value) error { return wantShapes(values[0].shape, values[1:]...) }

func wantShapes(want []int, values ...*value) error {
	for _, v := range values {
		if !slices.Equal(v.shape, want) {
			return fmt.Errorf("%q has the shape %v, want %v", v.name, v.shape, want)
		}
	}
	return nil
}

func permutedShape(shape, perm []int) []int {
	var s []int
	for _, axis := range perm {
		s = append(s, shape[axis])
	}
	return s
}

// convolved is the shape of a convolution's result, nil when the input does not fit.
func convolved(c *conv, in []int) []int {
	if in == nil || in[c.axis] != c.CIn || len(c.weight) != c.COut*c.KH*c.KW*c.CIn/c.Group {
		return nil
	}
	out := slices.Clone(in)
	out[c.axis] = c.COut
	if c.Pointwise() {
		return out
	}
	w := exec.Window{Kernel: [2]int{c.KH, c.KW}, Stride: [2]int{c.SH, c.SW}, Dilation: [2]int{c.DH, c.DW}, Pad: c.Pad}
	for i := 2; i < len(in); i++ {
		space, stride := windowSpace(w, i-len(in)+2, in[i])
		out[i] = space/stride + 1
	}
	return out
}

// windowSpace is how far a window can move along an axis, 0 for the height, and by how
// much it does.
func windowSpace(w exec.Window, axis, size int) (space, stride int) {
	pad := [2]int{w.Pad.Top + w.Pad.Bottom, w.Pad.Left + w.Pad.Right}
	return size + pad[axis] - (w.Kernel[axis]-1)*w.Dilation[axis] - 1, w.Stride[axis]
}

// verifyPool allows a last window that is not whole: ceil_mode.
func verifyPool(p *pool, n *node) error {
	in, out := n.in[0].shape, n.out[0].shape
	if len(in) != len(out) || !slices.Equal(in[:2], out[:2]) {
		return fmt.Errorf("%v becomes %v", in, out)
	}
	for i := 2; i < len(in); i++ {
		space, stride := windowSpace(p.Window, i-len(in)+2, in[i])
		if out[i] != space/stride+1 && out[i] != (space+stride-1)/stride+1 {
			return fmt.Errorf("%v becomes %v", in, out)
		}
	}
	return nil
}

// verifyMean: the axes that are reduced become 1 or go.
func verifyMean(channel int, in, out *value) error {
	kept := slices.Repeat([]int{1}, len(in.shape))
	kept[0], kept[channel] = in.shape[0], in.shape[channel]
	if len(out.shape) == 2 {
		kept = []int{in.shape[0], in.shape[channel]}
	}
	return wantShapes(kept, out)
}

func verifyConcat(axis int, n *node) error {
	want := slices.Clone(n.in[0].shape)
	want[axis] = 0
	for _, v := range n.in {
		part := slices.Clone(v.shape)
		part[axis] = want[axis]
		if !slices.Equal(part, want) {
			return fmt.Errorf("%v does not fit %v", v.shape, n.in[0].shape)
		}
		want[axis] += v.shape[axis]
	}
	return wantShapes(want, n.out[0])
}

func verifyMatMul(n *node) error {
	a, b := n.in[0].shape, n.in[1].shape
	rank := len(a)
	if len(b) != rank || !slices.Equal(a[:rank-2], b[:rank-2]) || a[rank-1] != b[rank-2] {
		return fmt.Errorf("%v times %v", a, b)
	}
	return wantShapes(append(slices.Clone(a[:rank-1]), b[rank-1]), n.out[0])
}

func verifyPad(p *pad, n *node) error {
	want, rows := slices.Clone(n.in[0].shape), 2
	if p.channel == 3 {
		rows = 1
	}
	want[rows] += p.Top + p.Bottom
	want[rows+1] += p.Left + p.Right
	return wantShapes(want, n.out[0])
}

func verifySlice(s *slice, in, out *value) error {
	rank := len(in.shape)
	if s.drop {
		rank--
	}
	if len(out.shape) != rank {
		return fmt.Errorf("%v becomes %v", in.shape, out.shape)
	}
	last := s.from
	for axis, d := range out.shape {
		switch {
		case s.source(axis) == s.axis && !s.drop:
			last += (d - 1) * s.every
		case d != in.shape[s.source(axis)]:
			return fmt.Errorf("%v becomes %v", in.shape, out.shape)
		}
	}
	if last < 0 || last >= in.shape[s.axis] {
		return fmt.Errorf("element %d is taken of an axis of %d", last, in.shape[s.axis])
	}
	return nil
}
