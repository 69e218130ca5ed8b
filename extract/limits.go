package extract

import (
	"cmp"
	"errors"

	"featstore/extract/internal/engine"
	"featstore/extract/internal/modelfile"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
)

// ModelLimits bound what a model may cost. The defaults are far above usual networks;
// what exceeds a limit is refused before it is allocated. A field that is 0 has its
// default.
type ModelLimits struct {
	File    int64 // bytes of the ONNX file; protobuf allows 2 GiB
	Nodes   int   // of all its graphs
	Weights int64 // bytes of all its tensors, those in files beside it included
	Arena   int64 // bytes of the activations of one extractor
}

// DefaultModelLimits returns the limits that hold where none are given.
func DefaultModelLimits() ModelLimits {
	d := onnx.DefaultLimits()
	return ModelLimits{File: d.MaxBytes, Nodes: d.MaxNodes, Weights: d.MaxTensorBytes, Arena: engine.DefaultArena}
}

func (l ModelLimits) withDefaults() ModelLimits {
	d := DefaultModelLimits()
	l.File = cmp.Or(l.File, d.File)
	l.Nodes = cmp.Or(l.Nodes, d.Nodes)
	l.Weights = cmp.Or(l.Weights, d.Weights)
	l.Arena = cmp.Or(l.Arena, d.Arena)
	return l
}

func (l ModelLimits) scan() onnx.Limits {
	return onnx.Limits{MaxBytes: l.File, MaxNodes: l.Nodes, MaxTensorBytes: l.Weights}
}

// Exceeded tells whether err says that a model is beyond its ModelLimits.
func Exceeded(err error) bool {
	return errors.Is(err, op.ErrLimit) || errors.Is(err, onnx.ErrTooLarge) || errors.Is(err, modelfile.ErrTooLarge)
}
