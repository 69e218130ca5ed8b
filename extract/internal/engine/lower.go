package engine

import (
	"fmt"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A lowering makes a node's operation, or answers nil when the node has to run
// as a reference. Inputs may be swapped or dropped by changing n.in.
type lowering func(n *node, src *graph.Node, opset int64) operation

var lowerings = map[string]lowering{
	"Conv": lowerConv, "BatchNormalization": lowerBatchNorm,
	"Gemm": lowerGemm, "MatMul": lowerMatMul,
	"MaxPool": lowerPool, "AveragePool": lowerPool,
	"GlobalAveragePool": lowerGlobalAverage, "GlobalMaxPool": lowerGlobalMax, "ReduceMean": lowerReduceMean,
	"Add": lowerBinary, "Mul": lowerBinary, "Sub": lowerBinary, "Div": lowerBinary,
	"Pow": lowerPow, "LRN": lowerLRN, "Concat": lowerConcat, "Transpose": lowerTranspose, "Pad": lowerPad,
	"Reshape": lowerReshape, "Flatten": lowerReshape, "Squeeze": lowerReshape, "Unsqueeze": lowerReshape,
	"Softmax": lowerSoftmax, "LayerNormalization": lowerLayerNorm,
	"QuantizeLinear": lowerQuantize,
	"Identity":       lowerIdentity, "Dropout": lowerIdentity, "Cast": lowerIdentity,
}

// expansions append the several operations that a node is made of, or report that
// they cannot.
var expansions = map[string]func(l *lowerer, src *graph.Node) bool{
	"Split": (*lowerer).split, "Slice": (*lowerer).slice, "Gather": (*lowerer).pick, "DequantizeLinear": (*lowerer).dequantize,
	"Einsum": (*lowerer).einsum, "Attention": (*lowerer).attention,
	"GroupNormalization": (*lowerer).groupNorm, "InstanceNormalization": (*lowerer).instanceNorm,
}

func init() {
	for name := range activations {
		lowerings[name] = lowerActivation
	}
}

// lower builds the net of a pruned graph from its facts.
func lower(g *graph.Graph, known map[string]*tensor.Tensor, tap string) (*net, error) {
	return lowerWith(&lowerer{known: known, values: map[string]*value{}, read: map[string]bool{tap: true}, net: &net{}}, g, tap)
}

func lowerWith(l *lowerer, g *graph.Graph, tap string) (*net, error) {
	for _, n := range g.Nodes {
		for _, name := range n.Reads() {
			l.read[name] = true
		}
	}
	l.net.input = l.value(g.Inputs[0].Name)
	for _, n := range g.Nodes {
		if err := l.node(n, g.Opsets[n.Domain]); err != nil {
			return nil, err
		}
	}
	l.net.output = l.values[tap]
	if l.net.output == nil || l.net.output.constant != nil {
		return nil, fmt.Errorf("tensor %q does not depend on the network's input", tap)
	}
	return l.net, nil
}

type lowerer struct {
	known  map[string]*tensor.Tensor
	values map[string]*value
	read   map[string]bool // the values that a node reads, and the tap
	net    *net
	params *parameterSet // the weights to train; nil to compute only
}

// value returns the value called name, nil for the absent one.
func (l *lowerer) value(name string) *value {
	if name == "" {
		return nil
	}
	v := l.values[name]
	if v == nil {
		v = &value{name: name}
		if t := l.known[name]; t != nil {
			v.dtype, v.shape = t.DType, t.Shape
			if t.Known() {
				v.constant = t
			} else if t.DType == tensor.Int8 || t.DType == tensor.Uint8 {
				v.dtype, v.integer = tensor.Float32, t.DType
			}
		}
		l.values[name] = v
	}
	return v
}

func (l *lowerer) node(src *graph.Node, opset int64) error {
	n := &node{label: src.Label()}
	constant := true
	for _, name := range src.Outputs {
		v := l.value(name)
		if v == nil {
			continue
		}
		if l.known[name] == nil {
			return fmt.Errorf("%s: the shape of %q is not known", src.Label(), name)
		}
		constant = constant && v.constant != nil
		n.out = append(n.out, v)
	}
	if f := expansions[src.Op]; constant || src.Domain == "" && f != nil && f(l, src) {
		return nil
	}
	for _, name := range src.Inputs {
		n.addInput(l.value(name))
	}
	inputs := slices.Clone(n.in)
	l.net.nodes = append(l.net.nodes, n)
	for _, v := range n.out {
		v.def = n
	}
	if f := lowerings[src.Op]; f != nil && src.Domain == "" && l.firstOnly(n, src) && dynamic(n.out[0]) && isFloat(n.in[0]) && keepsNumbers(n, src) {
		l.trainOperands(n, src)
		n.op = f(n, src, opset)
	}
	if n.op == nil {
		n.op = &reference{src: src, opset: opset}
	} else {
		n.out = n.out[:1]
	}
	if l.params != nil {
		n.op.train(l.params, src, inputs)
	}
	return nil
}

// firstOnly reports whether of all results only the first one is read: the indices of
// a MaxPool and the mean of a LayerNormalization hardly ever are.
func (l *lowerer) firstOnly(n *node, src *graph.Node) bool {
	return src.Outputs[0] != "" && !slices.ContainsFunc(n.out[1:], func(v *value) bool { return l.read[v.name] })
}

// keep drops all inputs of n but the given ones.
func (n *node) keep(inputs ...*value) {
	for i := range n.in {
		n.setInput(i, nil)
	}
	n.in = n.in[:0]
	for _, v := range inputs {
		n.addInput(v)
	}
}
func (l *lowerer) append(n *node, inputs ...*value) {
	for _, v := range inputs {
		n.addInput(v)
	}
	for _, v := range n.out {
		v.def = n
	}
	l.net.nodes = append(l.net.nodes, n)
}
