package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
)

// A rowwise works on the vectors along the last axis by themselves: softmax, or
// layer normalisation when it has a scale.
type rowwise struct {
	scale, shift []float32 // shift may be nil
	epsilon      float32
	factor       float32 // softmax of factor·x

	trainedScale, trainedShift *Parameter // of layer normalisation; nil where they stay

	noConstants
	stopsTranspose
	noHalo
	overwritesFirst
	ownResult
	neverView
	noEpilogue
	floatsOnly
	noCost
}

func (r *rowwise) name() string {
	if r.scale != nil {
		return "layer normalization"
	}
	return "softmax"
}

func (*rowwise) assignOrders(a *orders, n *node) {
	order := n.in[0].order
	if order[len(order)-1] != len(order)-1 {
		order = identityOrder(len(order))
	}
	a.all(n, order)
}

func (r *rowwise) parameters() []*Parameter {
	return slices.DeleteFunc([]*Parameter{r.trainedScale, r.trainedShift}, func(p *Parameter) bool { return p == nil })
}

func (r *rowwise) gradient(b *backward, n *node, dy *value) error {
	if r.scale == nil {
		b.bring(n.in[0], b.add(&softmaxGradient{factor: r.factor}, dy.shape, dy, n.out[0]))
		return nil
	}
	if len(r.parameters()) > 0 {
		b.effect(&scaleGradient{norm: r}, dy, n.in[0])
	}
	if b.wanted(n.in[0]) {
		b.bring(n.in[0], b.add(&layerNormGradient{norm: r}, dy.shape, dy, n.in[0]))
	}
	return nil
}

func (r *rowwise) emit(p *planner, n *node) {
	if len(r.parameters()) > 0 {
		p.reloads = append(p.reloads, func() {
			if r.trainedScale != nil {
				copy(r.scale, r.trainedScale.Values)
			}
			if r.trainedShift != nil {
				copy(r.shift, r.trainedShift.Values)
			}
		})
	}
	in, out := n.in[0].view, n.out[0].view
	p.emit(n.label, &exec.Row{Scale: r.scale, Shift: r.shift, Epsilon: r.epsilon, Factor: r.factor, In: in, Out: out}, in, out)
}

func lowerSoftmax(n *node, src *graph.Node, opset int64) operation {
	rank := len(n.in[0].shape)
	axis := src.Int("axis", -1)
	if _, ok := src.Attrs["axis"]; !ok && opset < 13 {
		axis = 1
	}
	if !dynamic(n.in[0]) || hasZero(n.in[0].shape) || axis != -1 && axis != rank-1 {
		return nil
	}
	return &rowwise{factor: 1}
}

func lowerLayerNorm(n *node, src *graph.Node, _ int64) operation {
	x := n.in[0]
	rank := len(x.shape)
	if axis := src.Int("axis", -1); !dynamic(x) || hasZero(x.shape) || axis != -1 && axis != rank-1 {
		return nil
	}
	r := &rowwise{epsilon: src.Float("epsilon", 1e-5)}
	var ok bool
	if r.scale, ok = floats(n.in[1]); !ok || len(r.scale) != x.shape[rank-1] {
		return nil
	}
	if len(n.in) > 2 && n.in[2] != nil {
		if r.shift, ok = floats(n.in[2]); !ok || len(r.shift) != len(r.scale) {
			return nil
		}
	}
	r.scale, r.shift = slices.Clone(r.scale), slices.Clone(r.shift) // not the model's memory
	n.keep(x)
	return r
}

func (r *rowwise) train(set *parameterSet, src *graph.Node, in []*value) {
	if src.Op != "LayerNormalization" {
		return
	}
	r.trainedScale = perChannel(set, in[1], len(r.scale))
	if len(in) > 2 && in[2] != nil {
		r.trainedShift = perChannel(set, in[2], len(r.shift))
	}
}
