package quantize

import (
	"fmt"
	"math"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// unequal is how much smaller than the largest channel of a point another one has to be
// for the point to be equalised. Such a channel has less than two bits fewer.
const unequal = 4

// clipMargin is how far a channel may grow beyond what the sample shows before a Clip
// that its scaling has brought nearer changes it.
const clipMargin = 2

// largestExponent bounds the scaling of a channel.
const largestExponent = 10

// equalise scales channels between a convolution and a depthwise one, in place of graph
// g, and returns which tensors it has scaled. Powers of two change no
// bit of what floats compute.
func equalise(n *network, g *graph.Graph, of map[string]*moments) (scaled map[string]bool) {
	scaled = map[string]bool{}
	for _, l := range n.layers {
		next := n.depthwiseBehind(l)
		if next == nil || of[l.out] == nil {
			continue
		}
		limit, ok := n.homogeneous(l)
		if !ok {
			continue
		}
		exponents := exponentsFor(of[l.out], limit)
		if exponents == nil {
			continue
		}
		n.scaleOutputs(g, l, exponents)
		n.scaleInputs(g, next, exponents)
		for c, e := range exponents {
			of[l.out].scale(c, e)
		}
		scaled[l.out] = true
	}
	return scaled
}

func (m *moments) scale(c, exponent int) {
	m.lo[c] = float32(math.Ldexp(float64(m.lo[c]), exponent))
	m.hi[c] = float32(math.Ldexp(float64(m.hi[c]), exponent))
	m.squares[c] = math.Ldexp(m.squares[c], 2*exponent)
}

// depthwiseBehind returns the depthwise convolution that alone reads a convolution's
// result.
func (n *network) depthwiseBehind(l *layer) *layer {
	next := n.byNode[n.onlyReader(l.out)]
	if l.node.Op != "Conv" || next == nil || !next.depthwise() || next.in != l.out {
		return nil
	}
	return next
}

// homogeneous reports whether the bounds behind a layer let positive factors through, as
// Relu does, and the upper bound, up to which they do.
func (n *network) homogeneous(l *layer) (limit float64, ok bool) {
	limit = math.Inf(1)
	for _, node := range l.after {
		if node.Op == "Relu" {
			continue
		}
		lo, hi := n.bound(node, 1, "min"), n.bound(node, 2, "max")
		if node.Op != "Clip" || !(lo == 0 || math.IsInf(lo, -1)) || !(hi > 0) {
			return 0, false
		}
		limit = hi
	}
	return limit, true
}

// bound is a constant bound of a Clip, infinite where it has none.
func (n *network) bound(node *graph.Node, input int, attribute string) float64 {
	if t := n.graph.Initializers[node.Input(input)]; t != nil && t.DType == tensor.Float32 && tensor.Len(t.Shape) == 1 {
		return float64(tensor.Values[float32](t)[0])
	}
	inf := float32(math.Inf(2*input - 3))
	return float64(node.Float(attribute, inf))
}

// exponentsFor returns the powers of two by which channels are scaled to come near the
// largest one; nil if they are alike already.
func exponentsFor(m *moments, limit float64) []int {
	reach, largest := make([]float64, len(m.lo)), 0.0
	for c := range reach {
		reach[c] = max(math.Abs(float64(m.lo[c])), math.Abs(float64(m.hi[c])))
		largest = max(largest, reach[c])
	}
	exponents := make([]int, len(reach))
	for c, r := range reach {
		if r > 0 {
			to := min(largest, max(limit/clipMargin, r))
			exponents[c] = min(int(math.Floor(math.Log2(to/r))), largestExponent)
		}
	}
	if 1<<slices.Max(exponents) < unequal {
		return nil
	}
	return exponents
}

// scaleOutputs scales the results of a layer.
func (n *network) scaleOutputs(g *graph.Graph, l *layer, exponents []int) {
	w := slices.Clone(tensor.Values[float32](l.weight))
	l.each(func(place, output, _ int) { w[place] = float32(math.Ldexp(float64(w[place]), exponents[output])) })
	n.setWeight(g, l, w)
	if l.bias == "" {
		return
	}
	b := slices.Clone(n.vector(l.bias, l.outputs()))
	for o := range b {
		b[o] = float32(math.Ldexp(float64(b[o]), exponents[o]))
	}
	n.setBias(g, l, b)
}

// scaleInputs undoes the scaling of a layer's input in its weights.
func (n *network) scaleInputs(g *graph.Graph, l *layer, exponents []int) {
	w := slices.Clone(tensor.Values[float32](l.weight))
	l.each(func(place, _, input int) { w[place] = float32(math.Ldexp(float64(w[place]), -exponents[input])) })
	n.setWeight(g, l, w)
}

// setWeight gives a layer of g, which is n's own copy, other weights.
func (n *network) setWeight(g *graph.Graph, l *layer, w []float32) {
	t := tensor.New(w, l.weight.Shape...)
	l.weight = t
	l.node.Inputs[1] = set(g, l.product()+"/weight", t)
}

// setBias gives a layer another bias, but for a MatMul that nothing is added to.
func (n *network) setBias(g *graph.Graph, l *layer, b []float32) {
	name, t := l.product()+"/bias", tensor.New(b, len(b))
	switch {
	case l.adder != nil:
		i := slices.Index(l.adder.Inputs, l.bias)
		l.bias = set(g, name, t)
		l.adder.Inputs[i] = l.bias
	case l.node.Op != "MatMul":
		l.bias = set(g, name, t)
		l.node.Inputs = append(l.node.Inputs[:2:2], l.bias)
	}
}

// set adds an initializer, under a name that begins with the given one unless that
// is free, and returns its name.
func set(g *graph.Graph, name string, t *tensor.Tensor) string {
	free := name
	for i := 1; g.Initializers[free] != nil; i++ {
		free = fmt.Sprintf("%s %d", name, i)
	}
	g.Initializers[free] = t
	return free
}
