// Package autodiff differentiates graphs plainly, in float64: the reference that the
// engine's backward passes are tested against. Only tests use it.
//
// Record evaluates a graph with the reference operators of package op, on float64
// values, and keeps every value: the tape. Tape.Backward goes through the nodes from
// the last to the first. Each node's rule takes the gradient of a loss by the node's
// results, called dy, and answers with what the node brings to the gradient by its
// inputs, called dx. Where several nodes read a value, their parts add up.
//
// Rules contain formulas only. Geometry is asked of the operators themselves: what a
// window covers, where a Slice or a Pad takes its elements from, and how shapes
// broadcast follows from running the operator on numbered elements.
//
// At a kink the derivative is that of one side: of Relu 0 at 0, of a maximum that of the
// first of several.
package autodiff
