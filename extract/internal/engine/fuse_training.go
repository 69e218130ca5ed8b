package engine

import "featstore/extract/internal/kernel"

// trainingRewrites are those that leave every parameter as the model has it, and every
// value that a backward pass needs.
var trainingRewrites = []rewrite{dropIdentity, mergeTransposes, sinkTranspose, gateToActivation, mergePad, mergeFactor, plainScale, writtenOut,
	writtenNorm, mergeBias, mergeClip, mergeResidual}

// plainScale turns a scale that is the same for all channels, and not trained, into an
// activation.
func plainScale(_ *net, n *node) bool {
	c, ok := n.op.(*conv)
	if !ok || c.training != nil || !c.uniform() || len(n.in) != 1 || c.Act.Func != kernel.Linear {
		return false
	}
	n.op = &activate{Activation: kernel.Activation{Func: kernel.Affine, A: c.weight[0], B: c.Bias[0]}}
	return true
}

// uniform reports whether a convolution is one scale and shift for all channels.
func (c *conv) uniform() bool {
	if !c.scaling() {
		return false
	}
	for i := range c.weight {
		if c.weight[i] != c.weight[0] || c.Bias[i] != c.Bias[0] {
			return false
		}
	}
	return true
}

// mergeBias makes what is added by channel the bias of the layer before it, which has
// none.
func mergeBias(g *net, n *node) bool {
	s, ok := n.op.(*conv)
	if !ok || !s.scaling() || s.training == nil || s.training.weight != nil || s.training.bias == nil || len(n.in) != 1 {
		return false
	}
	p, c := g.producer(n.in[0])
	if p == nil || len(p.in) != 1 || c.axis != s.axis || c.COut != s.CIn || c.training == nil || c.training.bias != nil || !allZero(c.Bias) {
		return false
	}
	merged := *c
	merged.Bias, merged.Act = s.Bias, s.Act
	merged.training = &convTraining{weight: c.training.weight, bias: s.training.bias}
	g.absorb(n, &merged, p.in...)
	return true
}

func allZero(x []float32) bool {
	for _, v := range x {
		if v != 0 {
			return false
		}
	}
	return true
}

// mergeClip is mergeActivation for functions whose gradient follows from their result.
func mergeClip(g *net, n *node) bool {
	a, ok := n.op.(*activate)
	if !ok || a.Func != kernel.Clip {
		return false
	}
	if d := n.in[0].def; d != nil {
		if b, ok := d.op.(*binary); ok && b.fn == '/' {
			return false
		}
	}
	return mergeActivation(g, n)
}
