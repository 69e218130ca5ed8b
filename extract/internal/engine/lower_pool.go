package engine

import (
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A pool takes the maximum or the average of a window.
type pool struct {
	window
	max      bool
	countPad bool // the average counts padding pixels, inside the padded image
}

// A spatialMean averages over the axes given, which are next to the innermost
// one in memory: the channel axis stays. Keeping the reduced axes or not does
// not matter to the memory.
type spatialMean struct {
	channel int // logical axis that stays, beside the batch axis 0
	max     bool
}

func lowerPool(n *node, src *graph.Node, _ int64) operation {
	x := n.in[0]
	rank := len(x.shape)
	if rank < 3 || rank > 4 || hasZero(x.shape) || hasZero(n.out[0].shape) {
		return nil
	}
	w := windowOf(src, x.shape, src.Ints("kernel_shape"))
	if negative(w.pad) {
		return nil
	}
	return &pool{window: w, max: src.Op == "MaxPool", countPad: src.Int("count_include_pad", 0) != 0}
}

func lowerGlobalAverage(n *node, _ *graph.Node, _ int64) operation { return globalPool(n, false) }
func lowerGlobalMax(n *node, _ *graph.Node, _ int64) operation     { return globalPool(n, true) }

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
