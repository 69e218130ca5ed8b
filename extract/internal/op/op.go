// Package op evaluates the operators of ONNX plainly: one node at a time, on
// whole tensors, in the words of the specification.
//
// It is the reference that the engine's fast kernels are tested against, and the
// part of the engine that folds constants, infers shapes and runs the operators
// too rare to deserve a kernel. All three are the same code: an operator first
// works out the type and shape of its results and then, if the values of all of
// its inputs are known, their values. Given abstract inputs (see package tensor)
// it answers with abstract results. Where a shape depends on a value that is not
// known, the error wraps ErrNeedsValue.
//
// Floating-point numbers of every width are computed in float64 and rounded once,
// integers in int64 (uint64 in uint64) and wrapped to their width as in C.
// Matrix products and convolutions accumulate in float64.
//
// Models are not trusted. Wrong ranks, types and attributes are errors, and so
// are results or amounts of work beyond Limits.
package op

import (
	"errors"
	"fmt"
	"runtime"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

var (
	// ErrUnsupported is wrapped by the error for an operator, or a form of one,
	// that is not implemented.
	ErrUnsupported = errors.New("unsupported operator")

	// ErrNeedsValue is wrapped by the error for an abstract input whose values
	// decide the shape of the result.
	ErrNeedsValue = errors.New("the shape depends on values that are not known")

	// ErrLimit is wrapped by the error for a result or an amount of work beyond
	// Limits.
	ErrLimit = errors.New("beyond the limit")

	// errBug marks an operator that panicked. Tests look for it.
	errBug = errors.New("this is a bug in featstore")
)

// A NodeError says which node of a graph could not be evaluated.
type NodeError struct {
	Node *graph.Node
	Err  error
}

func (e *NodeError) Error() string { return e.Node.Label() + ": " + e.Err.Error() }

func (e *NodeError) Unwrap() error { return e.Err }

// Limits bound what evaluation may take.
type Limits struct {
	Elements int     // of one result: also the product of an empty result's other dimensions
	Work     float64 // multiplications, or steps as costly, of one node
	Bytes    float64 // of all values together that Interpret computes and holds
	Folding  float64 // steps on known values of all nodes together that Interpret evaluates; 0 for no bound

	folded *float64 // steps so far
}

// DefaultLimits let pass what networks for images need, with room: 2^27 elements
// are 512 MB of float32, 2^37 multiplications some minutes of plain evaluation.
func DefaultLimits() Limits { return Limits{Elements: 1 << 27, Work: 1 << 37, Bytes: 4 << 30} }

// Eval applies the operator of node n, in the version that the given opset of its
// domain has, to the inputs. An absent optional input is nil or left out at the
// end. There are as many results as the node has outputs; those that the node
// leaves unnamed may be nil. Results may share memory with inputs.
func Eval(n *graph.Node, opset int64, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	return DefaultLimits().Eval(n, opset, in)
}

// Eval is the function Eval within other limits than the default.
func (l Limits) Eval(n *graph.Node, opset int64, in []*tensor.Tensor) (out []*tensor.Tensor, err error) {
	f, err := lookup(n)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err = recovered(recover()); err != nil {
			out, err = nil, &NodeError{Node: n, Err: err}
		}
	}()
	c := &call{Node: n, opset: opset, in: in, limits: l}
	c.checkInputs()
	out = f(c)
	if len(out) < len(n.Outputs) {
		fail("the operator has %d outputs, the node names %d", len(out), len(n.Outputs))
	}
	return out[:len(n.Outputs)], nil
}

// Supported reports whether Interpret knows the node's operator. Some of its forms
// may still not be implemented.
func Supported(n *graph.Node) bool {
	if isIf(n) {
		return true
	}
	_, err := lookup(n)
	return err == nil
}

func lookup(n *graph.Node) (impl, error) {
	table := onnxOps
	switch n.Domain {
	case "", "ai.onnx":
	case "com.microsoft":
		table = microsoftOps
	default:
		return nil, fmt.Errorf("%s: %w: domain %q is not known", n.Label(), ErrUnsupported, n.Domain)
	}
	if f, ok := table[n.Op]; ok {
		return f, nil
	}
	if why, ok := refused[n.Op]; ok {
		return nil, fmt.Errorf("%s: %w: %s", n.Label(), ErrUnsupported, why)
	}
	return nil, fmt.Errorf("%s: %w", n.Label(), ErrUnsupported)
}

// A failure carries an error up to Eval as a panic: the two hundred operators say
// what they require of a node in one line each, and Eval is the only way in.
type failure struct{ error }

// fail ends the evaluation with an error.
func fail(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}

// require fails with the message unless ok.
func require(ok bool, format string, args ...any) {
	if !ok {
		fail(format, args...)
	}
}

// recovered turns what was recovered into an error: a failure's own, or for any
// other panic one that wraps errBug and says where, since a model that meets a bug
// here must not end the process.
func recovered(r any) error {
	switch r := r.(type) {
	case nil:
		return nil
	case failure:
		return r.error
	}
	trace := make([]byte, 4096)
	return fmt.Errorf("%w: %v\n%s", errBug, r, trace[:runtime.Stack(trace, false)])
}
