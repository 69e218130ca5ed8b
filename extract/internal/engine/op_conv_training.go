package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/graph"
)

// A convTraining is what a convolution has to know while it is trained.
type convTraining struct {
	weight *Parameter // [group][tap][cin/group][cout/group], of a depthwise one [tap][channel]; nil if it stays
	bias   *Parameter // nil if it stays, or if there is none
	// flipped: the convolution computes the gradient by the input of the one that has
	// these weights.
	flipped bool
}

// derive computes the weights, and the bias, from the parameters.
func (c *conv) derive() {
	t := c.training
	switch {
	case t.weight == nil:
	case c.Depthwise() && t.flipped:
		taps := c.KH * c.KW
		for k := range taps {
			for ch, w := range t.weight.Values[k*c.COut:][:c.COut] {
				c.weight[ch*taps+taps-1-k] = w
			}
		}
	case c.Depthwise():
		exec.TransposeInto(c.weight, t.weight.Values, c.COut, c.KH*c.KW, c.COut)
	case t.flipped:
		c.deriveFlipped()
	default:
		ci, co, taps := c.CIn/c.Group, c.COut/c.Group, c.KH*c.KW
		size := taps * ci * co
		for g := range c.Group { // each is taps·ci × co, and becomes co × taps·ci
			exec.TransposeInto(c.weight[g*size:], t.weight.Values[g*size:], co, taps*ci, co)
		}
	}
	if t.bias != nil && !t.flipped {
		copy(c.Bias, t.bias.Values)
	}
}

// deriveFlipped turns the taps around, and inputs into outputs.
func (c *conv) deriveFlipped() {
	ci, co, taps := c.CIn/c.Group, c.COut/c.Group, c.KH*c.KW
	src := c.training.weight.Values // [group][tap][co][ci], as this convolution names them
	for g := range c.Group {
		for k := range taps {
			for o := range co {
				copy(c.weight[((g*co+o)*taps+taps-1-k)*ci:][:ci], src[((g*taps+k)*co+o)*ci:])
			}
		}
	}
}

func (c *conv) parameters() []*Parameter {
	if c.training == nil {
		return nil
	}
	return slices.DeleteFunc([]*Parameter{c.training.weight, c.training.bias}, func(p *Parameter) bool { return p == nil })
}

// gradient: dz is dy behind the activation. The residual gets it as it is, the weights
// the products of inputs with it, the input what a convolution by the same weights,
// turned around, makes of it.
func (c *conv) gradient(b *backward, n *node, dy *value) error {
	x := n.in[0]
	dz := b.activation(c.Act, n.out[0], dy)
	if len(n.in) > 1 && b.wanted(n.in[1]) {
		b.bring(n.in[1], dz)
	}
	if c.training != nil && len(c.parameters()) > 0 {
		b.effect(&convWeightGradient{conv: c}, x, dz)
	}
	if b.wanted(x) {
		b.bring(x, b.add(c.inputGradient(), x.shape, dz))
	}
	return nil
}

// inputGradient is the operation that computes the gradient by the input.
func (c *conv) inputGradient() operation {
	flipped := memory.Borders{
		Top: c.DH*(c.KH-1) - c.Pad.Top, Left: c.DW*(c.KW-1) - c.Pad.Left,
		Bottom: c.DH*(c.KH-1) - c.Pad.Bottom, Right: c.DW*(c.KW-1) - c.Pad.Right}
	if c.SH*c.SW > 1 || negative(flipped) {
		return &convInputGradient{conv: c}
	}
	shape := exec.ConvShape{CIn: c.COut, COut: c.CIn, Group: c.Group, KH: c.KH, KW: c.KW, SH: 1, SW: 1, DH: c.DH, DW: c.DW, Pad: flipped,
		Bias: make([]float32, c.CIn)}
	d := &conv{ConvShape: shape, axis: c.axis, weight: make([]float32, len(c.weight))}
	if c.training != nil && c.training.weight != nil {
		d.training = &convTraining{weight: c.training.weight, flipped: true}
		d.derive()
		return d
	}
	d.training = &convTraining{weight: c.frozenWeight(), flipped: true}
	d.derive()
	d.training = nil
	return d
}

// frozenWeight is the weight in the layout of a parameter, for a convolution that is
// not trained.
func (c *conv) frozenWeight() *Parameter {
	p := &Parameter{Values: make([]float32, len(c.weight))}
	if c.Depthwise() {
		exec.TransposeInto(p.Values, c.weight, c.KH*c.KW, c.COut, c.KH*c.KW)
		return p
	}
	size := len(c.weight) / c.Group
	for g := range c.Group {
		exec.TransposeInto(p.Values[g*size:], c.weight[g*size:], size*c.Group/c.COut, c.COut/c.Group, size*c.Group/c.COut)
	}
	return p
}

// macs is how many products a convolution with a result of y's size takes.
func (c *conv) macs(y *value) int64 {
	n := int64(1)
	for _, d := range y.shape {
		n *= int64(d)
	}
	return n * int64(c.KH*c.KW*c.CIn/c.Group)
}

// train makes parameters of a layer's weights and bias, and of what is multiplied or
// added by channel. What is the same for all channels stays: such constants are part of
// a formula.
func (c *conv) train(set *parameterSet, src *graph.Node, in []*value) {
	t := &convTraining{}
	switch src.Op {
	case "Conv":
		t.weight = c.weightParameter(set, in[1])
		if len(in) > 2 && in[2] != nil {
			t.bias = perChannel(set, in[2], c.COut)
		}
	case "Gemm", "MatMul":
		stride := []int{c.COut, 1}
		if src.Op == "Gemm" && src.Int("transB", 0) != 0 {
			stride = []int{1, c.CIn}
		}
		c.weight = slices.Clone(c.weight) // which may be the model's own
		t.weight = set.add(in[1], false, []int{c.CIn, c.COut}, stride)
		if len(in) > 2 && in[2] != nil {
			t.bias = perChannel(set, in[2], c.COut)
		}
	case "BatchNormalization":
		if src.Float("epsilon", 1e-5) == 0 { // see passes.FoldBatchNorm
			t.weight, t.bias = perChannel(set, in[1], c.COut), perChannel(set, in[2], c.COut)
		}
	case "Add", "Mul":
		k := in[1]
		if in[0].constant != nil {
			k = in[0]
		}
		if src.Op == "Add" {
			t.bias = perChannel(set, k, c.COut)
		} else {
			t.weight = perChannel(set, k, c.COut)
		}
	}
	if t.weight != nil || t.bias != nil {
		c.training = t
	}
}

// trainWeight makes p, inputs × outputs, the weights of a fully connected layer.
func (c *conv) trainWeight(p *Parameter) {
	c.weight = slices.Clone(c.weight) // which may be the model's own
	c.training = &convTraining{weight: p}
}

// perChannel is the parameter of a value for each channel, nil for a constant of
// another size.
func perChannel(set *parameterSet, v *value, channels int) *Parameter {
	if x, ok := floats(v); !ok || len(x) != channels || channels == 1 {
		return nil
	}
	return set.add(v, true, []int{channels}, []int{1})
}

// scaleAndShift are the parameters of a scale and a shift for each channel, nil for none.
func (s *parameterSet) scaleAndShift(scale, shift *value, channels int) *convTraining {
	t := &convTraining{weight: perChannel(s, scale, channels), bias: perChannel(s, shift, channels)}
	if t.weight == nil && t.bias == nil {
		return nil
	}
	return t
}

// weightParameter is the parameter of a convolution's weights w, in the model
// outputs × inputs × taps.
func (c *conv) weightParameter(set *parameterSet, w *value) *Parameter {
	taps, ci, co := c.KH*c.KW, c.CIn/c.Group, c.COut/c.Group
	if c.Depthwise() {
		return set.add(w, false, []int{taps, c.COut}, []int{1, taps})
	}
	return set.add(w, false, []int{c.Group, taps, ci, co}, []int{co * ci * taps, 1, taps, ci * taps})
}
