package engine

import (
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A reshape keeps the elements in their logical order.
type reshape struct{}

// A transpose renames axes: axis i of the result is axis perm[i] of the input.
type transpose struct{ perm []int }

// A concat joins its inputs along a logical axis.
type concat struct{ axis int }

// A pad surrounds an image by zero pixels.
type pad struct {
	borders
	channel int // the axis that is not padded: 1, or 3 in N×H×W×C
}

// A reorder copies its input to another order of axes in memory.
type reorder struct{}

// An identity does nothing; the rewrites remove it.
type identity struct{}

func lowerReshape(n *node, _ *graph.Node, _ int64) operation {
	if !dynamic(n.in[0]) || hasZero(n.in[0].shape) {
		return nil
	}
	n.keep(n.in[0])
	return &reshape{}
}

func lowerTranspose(n *node, src *graph.Node, _ int64) operation {
	if !dynamic(n.in[0]) || hasZero(n.in[0].shape) {
		return nil
	}
	perm := src.Ints("perm")
	if perm == nil {
		for i := len(n.in[0].shape) - 1; i >= 0; i-- {
			perm = append(perm, i)
		}
	}
	return &transpose{perm: perm}
}

func lowerConcat(n *node, src *graph.Node, _ int64) operation {
	axis := src.Int("axis", 1)
	if axis < 0 {
		axis += len(n.out[0].shape)
	}
	for _, v := range n.in {
		if !isFloat(v) || hasZero(v.shape) {
			return nil
		}
	}
	return &concat{axis: axis}
}

func lowerIdentity(n *node, _ *graph.Node, _ int64) operation {
	if !dynamic(n.in[0]) {
		return nil
	}
	n.keep(n.in[0])
	return &identity{}
}

// lowerPad recognises constant padding of an image by zeros.
func lowerPad(n *node, src *graph.Node, _ int64) operation {
	x := n.in[0]
	pads := src.Ints("pads")
	if len(n.in) > 1 && n.in[1] != nil {
		if n.in[1].constant == nil || n.in[1].dtype != tensor.Int64 {
			return nil
		}
		pads = nil
		for _, p := range tensor.Values[int64](n.in[1].constant) {
			pads = append(pads, int(p))
		}
	}
	padding := src.Float("value", 0)
	if len(n.in) > 2 && n.in[2] != nil {
		v, ok := floats(n.in[2])
		if !ok || len(v) != 1 {
			return nil
		}
		padding = v[0]
	}
	if dynamic(x) && slices.Equal(x.shape, n.out[0].shape) && !slices.ContainsFunc(pads, func(p int) bool { return p != 0 }) {
		n.keep(x) // exporters pad to whole windows, by nothing when they fit
		return &identity{}
	}
	axes := len(n.in) > 3 && n.in[3] != nil
	if src.Text("mode", "constant") != "constant" || padding != 0 || axes || len(pads) != 8 || len(x.shape) != 4 ||
		!dynamic(x) || hasZero(x.shape) || slices.Min(pads) < 0 || pads[0]+pads[4] != 0 {
		return nil
	}
	n.keep(x)
	switch {
	case pads[1]+pads[5] == 0:
		return &pad{borders{top: pads[2], left: pads[3], bottom: pads[6], right: pads[7]}, 1}
	case pads[3]+pads[7] == 0:
		return &pad{borders{top: pads[1], left: pads[2], bottom: pads[5], right: pads[6]}, 3}
	}
	return nil
}
