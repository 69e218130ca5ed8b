package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A spatialMean averages over the axes given, which are next to the innermost
// one in memory: the channel axis stays. Keeping the reduced axes or not does
// not matter to the memory.
type spatialMean struct {
	channel int // logical axis that stays, beside the batch axis 0
	max     bool

	noConstants
	stopsTranspose
	noHalo
	separateInputs
	ownResult
	neverView
	noEpilogue
	noCost
	noParameters
}

func (m *spatialMean) name() string {
	if m.max {
		return "global max pooling"
	}
	return "global average pooling"
}

func (m *spatialMean) assignOrders(a *orders, n *node) {
	a.need(n, 0, innermost(len(n.in[0].shape), m.channel))
	out := n.out[0]
	if len(out.shape) == len(n.in[0].shape) {
		out.order = innermost(len(out.shape), m.channel)
	} else {
		out.order = identityOrder(len(out.shape))
	}
}

func (m *spatialMean) byteForm(_ *byteForms, n *node) (operation, *quantParams) {
	if in := n.in[0].quant; in != nil && !m.max {
		return &byteMean{mean: m, quant: in}, nil
	}
	return nil, nil
}

func (m *spatialMean) wantsBytes(*byteForms, *node) bool { return !m.max }

func (*spatialMean) readsBytes(*node) bool { return false }

func (m *spatialMean) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	p.emit(n.label, &exec.Mean{In: in, Out: out, Max: m.max}, in, out)
}

func lowerGlobalAverage(n *node, _ *graph.Node, _ int64) operation { return globalPool(n, false) }

func lowerGlobalMax(n *node, _ *graph.Node, _ int64) operation { return globalPool(n, true) }

func globalPool(n *node, max bool) operation {
	if rank := len(n.in[0].shape); rank < 3 || rank > 4 || hasZero(n.in[0].shape) {
		return nil
	}
	return &spatialMean{channel: 1, max: max}
}

// lowerReduceMean recognises means over all axes but the batch's and one more.
func lowerReduceMean(n *node, src *graph.Node, opset int64) operation {
	x := n.in[0]
	axes, rank := src.Ints("axes"), len(x.shape)
	if len(n.in) > 1 && n.in[1] != nil {
		if n.in[1].constant == nil || n.in[1].dtype != tensor.Int64 {
			return nil
		}
		axes = nil
		for _, a := range tensor.Values[int64](n.in[1].constant) {
			axes = append(axes, int(a))
		}
	}
	axes = slices.Clone(axes)
	for i, a := range axes {
		if a < 0 {
			axes[i] = a + rank
		}
	}
	slices.Sort(axes)
	if len(axes) != rank-2 || rank < 3 || rank > 4 || hasZero(x.shape) {
		return nil
	}
	for channel := 1; channel < rank; channel++ {
		if !slices.Contains(axes, 0) && !slices.Contains(axes, channel) {
			n.keep(x)
			return &spatialMean{channel: channel}
		}
	}
	return nil
}

func (m *spatialMean) gradient(b *backward, n *node, dy *value) error {
	if m.max {
		b.bring(n.in[0], b.add(&maxGradient{channel: m.channel}, n.in[0].shape, dy, n.in[0], n.out[0]))
	} else {
		b.bring(n.in[0], b.add(&meanGradient{channel: m.channel}, n.in[0].shape, dy))
	}
	return nil
}
