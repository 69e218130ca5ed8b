package quantize

import (
	"math"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A writer writes a network with pairs of QuantizeLinear and DequantizeLinear.
type writer struct {
	*selection
	out     *graph.Graph
	points  map[string]Params
	weights map[*layer]*weights
	dense   bool // weights and biases are written as the floats that the whole numbers stand for
}

// write returns the quantized graph.
func (s *selection) write(points map[string]Params, rounded map[*layer]*weights) *graph.Graph {
	return s.writer(points, rounded).write()
}

func (s *selection) writer(points map[string]Params, rounded map[*layer]*weights) *writer {
	g := *s.graph
	g.Nodes, g.Initializers = nil, map[string]*tensor.Tensor{}
	return &writer{selection: s, out: &g, points: points, weights: rounded}
}

func (w *writer) write() *graph.Graph {
	s, points := w.selection, w.points
	for _, in := range s.graph.Inputs {
		w.point(in.Name)
	}
	for _, node := range s.graph.Nodes {
		m := *node
		m.Inputs = slices.Clone(node.Inputs)
		l := s.byNode[node]
		if l == nil || !s.float[l] {
			for i, in := range m.Inputs {
				if _, ok := points[in]; ok {
					m.Inputs[i] = in + dequantized
				}
			}
		}
		if l != nil && !s.float[l] {
			w.layer(l, &m)
		}
		w.out.Nodes = append(w.out.Nodes, &m)
		for _, out := range node.Outputs {
			w.point(out)
		}
	}
	w.nameOutputs()
	w.keepInitializers()
	return w.out
}

// What is added to a tensor's name for what is made of it.
const (
	quantized   = "/quantized"
	dequantized = "/dequantized"
)

// point adds the pair behind a point.
func (w *writer) point(name string) {
	p, ok := w.points[name]
	if !ok {
		return
	}
	scale := set(w.out, name+"/scale", tensor.New([]float32{p.Scale}))
	zero := set(w.out, name+"/zero", tensor.New([]uint8{p.Zero}))
	w.add("QuantizeLinear", name+quantized, -1, name, scale, zero)
	w.add("DequantizeLinear", name+dequantized, -1, name+quantized, scale, zero)
}

func (w *writer) add(op, out string, axis int, inputs ...string) {
	n := &graph.Node{Name: out, Op: op, Inputs: inputs, Outputs: []string{out}}
	if axis >= 0 {
		n.Attrs = map[string]graph.Attr{"axis": int64(axis)}
	}
	w.out.Nodes = append(w.out.Nodes, n)
}

// layer gives a layer its weights and bias in whole numbers.
func (w *writer) layer(l *layer, m *graph.Node) {
	r, name := w.weights[l], l.product()
	in := w.points[l.in].Scale
	var bias []int32
	scales := slices.Clone(r.scales)
	if l.bias != "" {
		bias = make([]int32, l.outputs())
		for o, b := range w.vector(l.bias, l.outputs()) {
			scales[o] = max(scales[o], float32(math.Abs(float64(b))/(largestBias*float64(in))))
			bias[o] = int32(math.RoundToEven(float64(b) / float64(in*scales[o])))
		}
	}
	numbers := r.numbers
	if !slices.Equal(scales, r.scales) {
		numbers = slices.Clone(numbers)
		l.each(func(place, output, _ int) {
			if scales[output] != r.scales[output] {
				numbers[place] = roundWeight(float64(r.numbers[place])*float64(r.scales[output]), scales[output])
			}
		})
	}
	products := make([]float32, len(scales))
	for o, s := range scales {
		products[o] = in * s
	}
	if w.dense {
		w.denseLayer(l, m, weights{numbers, scales}, bias, products)
		return
	}
	scale := set(w.out, name+"/weight scale", tensor.New(scales, len(scales)))
	zero := set(w.out, name+"/weight zero", tensor.New(make([]int8, len(scales)), len(scales)))
	number := set(w.out, name+"/weight quantized", tensor.New(numbers, l.weight.Shape...))
	w.add("DequantizeLinear", name+"/weight"+dequantized, l.axis, number, scale, zero)
	m.Inputs[1] = name + "/weight" + dequantized
	if bias == nil {
		return
	}
	if l.adder != nil {
		w.denseBias(l, bias, products)
		return
	}
	biasScale := set(w.out, name+"/bias scale", tensor.New(products, len(products)))
	biasNumber := set(w.out, name+"/bias quantized", tensor.New(bias, len(bias)))
	biasZero := set(w.out, name+"/bias zero", tensor.New(make([]int32, len(bias)), len(bias)))
	w.add("DequantizeLinear", name+"/bias"+dequantized, 0, biasNumber, biasScale, biasZero)
	m.Inputs[2] = name + "/bias" + dequantized
}

// denseLayer gives a layer the floats that whole weights and a whole bias stand for.
func (w *writer) denseLayer(l *layer, m *graph.Node, r weights, bias []int32, products []float32) {
	m.Inputs[1] = set(w.out, l.product()+"/weight"+dequantized, tensor.New(r.values(l), l.weight.Shape...))
	if bias == nil {
		return
	}
	w.denseBias(l, bias, products)
	if l.adder == nil {
		m.Inputs[2] = l.bias
	}
}

// denseBias replaces a layer's bias by the floats that whole numbers stand for.
func (w *writer) denseBias(l *layer, bias []int32, products []float32) {
	whole := make([]float32, len(bias))
	for o, b := range bias {
		whole[o] = float32(b) * products[o]
	}
	w.out.Initializers[l.bias] = tensor.New(whole, w.graph.Initializers[l.bias].Shape...)
}

// largestBias bounds the whole numbers of biases, far below what sums can hold.
const largestBias = 1 << 26

// nameOutputs gives the dequantized form of an output that is a point the output's name.
func (w *writer) nameOutputs() {
	for _, o := range w.graph.Outputs {
		if _, ok := w.points[o.Name]; !ok {
			continue
		}
		rename := map[string]string{o.Name: o.Name + "/float", o.Name + dequantized: o.Name}
		for _, node := range w.out.Nodes {
			node.Outputs = slices.Clone(node.Outputs)
			for i, in := range node.Inputs {
				if to, ok := rename[in]; ok {
					node.Inputs[i] = to
				}
			}
			for i, out := range node.Outputs {
				if to, ok := rename[out]; ok {
					node.Outputs[i] = to
				}
			}
		}
	}
}

// keepInitializers takes over those of the network that are still read.
func (w *writer) keepInitializers() {
	for _, node := range w.out.Nodes {
		for _, in := range node.Reads() {
			if t := w.graph.Initializers[in]; t != nil && w.out.Initializers[in] == nil {
				w.out.Initializers[in] = t
			}
		}
	}
}
