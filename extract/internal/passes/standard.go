package passes

import (
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// Standard is Specialize for a graph that may have operators of ONNX Runtime's own:
// they become standard ones.
func Standard(g *graph.Graph, tap string, shape []int, share float64) (*graph.Graph, map[string]*tensor.Tensor, error) {
	special, known, err := Specialize(g, tap, shape, share)
	if err != nil {
		return nil, nil, err
	}
	if standard, changed := DecomposeFused(special, known); changed {
		return Specialize(standard, tap, shape, share)
	}
	return special, known, nil
}

// Trainable brings a pruned network of floats into the form that is trained: standard
// operators in float32, weights and what scales channels as plain initializers. The
// arguments and known are as for Specialize.
func Trainable(g *graph.Graph, tap string, shape []int, share float64) (_ *graph.Graph, known map[string]*tensor.Tensor, err error) {
	if g, known, err = Standard(CastFP16(g), tap, shape, share); err != nil {
		return nil, nil, err
	}
	return Specialize(FoldBatchNorm(FoldConstants(g, known)), tap, shape, share)
}
