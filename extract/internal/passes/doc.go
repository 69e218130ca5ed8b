// Package passes rewrites graphs before they are compiled: each pass takes a graph and
// returns one that computes the same.
//
//	FindTap             chooses the tensor to take as the bottleneck
//	Prune               keeps what the tap needs
//	DropUnread          drops initializers that nobody reads
//	CastFP16            computes in float32 instead of float16
//	DecomposeQuantized  QLinearConv and its like become DequantizeLinear, Conv, QuantizeLinear
//	Specialize          infers shapes, folds constants, inlines the branches of If
//	DecomposeFused      ONNX Runtime's fused operators become standard ones
//	FoldConstants       what depends on no input becomes an initializer
//	FoldBatchNorm       batch normalisation moves into the convolutions before it
//	Standard            Specialize and DecomposeFused
//	Trainable           CastFP16, Standard, FoldConstants and FoldBatchNorm
//	Above               keeps what is computed behind a cut, see Cuts
//	Upgrade             writes older operators in the form of newer versions
//	Rename              gives values and nodes other names
//
// Passes never change the graph that they are given, and share with it what stays the
// same: nodes, tensors, maps. So several goroutines can use a graph, and it can be
// compiled more than once. A pass leaves nodes that it does not know as they are.
package passes
