package quantize

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"featstore/extract/internal/engine"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// ErrNothing: no layer of a network can be quantized, or none is worth it.
var ErrNothing = errors.New("no layer of it can be computed with 8-bit numbers")

// DefaultDecibels is the signal to noise ratio below which a layer stays in float.
const DefaultDecibels = 12

// Options say how a network is quantized.
type Options struct {
	engine.Options         // how it is compiled; Tap is its only output
	Decibels       float64 // least ratio of signal to noise of what is quantized
	Workers        int     // images at the same time
	Progress       func(done, total int64)
}

// A Result is a quantized network.
type Result struct {
	Graph  *graph.Graph
	Layers []Layer
}

// A Layer says what was done with a layer of the network and what it lost.
type Layer struct {
	Name      string  // of the node
	Operation string  // the operator
	Output    string  // the tensor behind it, and behind bounds that follow
	Float     bool    // it stays in float
	Range     string  // how the range of its output was chosen
	Params    Params  // of its output
	Equalised bool    // its outputs were scaled
	Weights   float64 // signal to noise of its result with rounded weights alone, in decibels
	Rounding  float64 // signal to noise of rounding its output
	Total     float64 // signal to noise of its output, with all errors before it; 0 for a layer in float
}

type quantization struct {
	Options
	sample   Sample
	inputLen int
	done     atomic.Int64
}

// passes over the sample that Quantize makes.
const passes = 6

func (q *quantization) options(tap string) engine.Options {
	o := q.Options.Options
	o.Tap, o.Pool, o.OutputChannelsLast = tap, "none", false
	return o
}

func (q *quantization) advance() {
	done := q.done.Add(1)
	if q.Progress != nil {
		q.Progress(done, int64(passes*q.sample.Images))
	}
}

// Quantize quantizes a graph whose constants are folded and whose shapes are known for
// one image. The graph stays as it is.
func Quantize(ctx context.Context, g *graph.Graph, shapes map[string]*tensor.Tensor, sample Sample, opt Options) (*Result, error) {
	q := &quantization{Options: opt, sample: sample, inputLen: tensor.Len(opt.Input)}
	n := newNetwork(clone(g), shapes)
	s := &selection{network: n, float: map[*layer]bool{}, barred: map[string]bool{}}
	points := s.points()
	if len(n.layers) == 0 || len(s.float) == len(n.layers) {
		return nil, ErrNothing
	}
	return q.run(ctx, n, s, points)
}

func (q *quantization) run(ctx context.Context, n *network, s *selection, points []string) (*Result, error) {
	before, err := q.momentsOf(ctx, n, n.graph, n.measured(points))
	if err != nil {
		return nil, err
	}
	equalised := equalise(n, n.graph, before)
	exact := clone(n.graph) // what the rounded network is compared with

	rounded := map[*layer]*weights{}
	for _, l := range n.layers {
		w := l.roundWeights(before[l.in].meanSquares())
		rounded[l] = &w
	}
	errs, err := q.weightErrors(ctx, n, rounded)
	if err != nil {
		return nil, err
	}
	for _, l := range n.layers {
		if errs[l].decibels(true) < q.Decibels {
			s.float[l] = true
		}
	}
	correctBiases(n, errs, s.float)
	points = s.points()
	for _, l := range n.layers {
		if !s.float[l] {
			n.setWeight(n.graph, l, rounded[l].values(l))
		}
	}
	chosen, err := q.rangesOf(ctx, s, points)
	if err != nil {
		return nil, err
	}
	for _, t := range points { // those that are moved about have what was chosen for their source
		if chosen[s.moved(t)].decibels < q.Decibels {
			s.barred[t] = true
		}
	}
	points = s.points()
	s.restore(exact)
	if len(s.float) == len(n.layers) {
		return nil, ErrNothing
	}
	params := map[string]Params{}
	for _, t := range points {
		params[t] = chosen[s.moved(t)].params
	}
	result := &Result{Graph: s.write(params, rounded)}
	total, err := q.total(ctx, s, exact, result.Graph)
	if err != nil {
		return nil, err
	}
	for _, l := range n.layers {
		r := Layer{Name: l.node.Label(), Operation: l.node.Op, Output: l.out, Float: s.float[l], Equalised: equalised[l.out], Weights: errs[l].decibels(true)}
		if c, ok := chosen[s.moved(l.out)]; ok {
			r.Rounding = c.decibels
			if !r.Float {
				r.Range, r.Params, r.Total = c.method, c.params, total[l].decibels(false)
			}
		}
		result.Layers = append(result.Layers, r)
	}
	return result, nil
}

// measured returns what has to be known before ranges are chosen: the points, and the
// inputs of all layers.
func (n *network) measured(points []string) []string {
	all := slices.Clone(points)
	for _, l := range n.layers {
		if !slices.Contains(all, l.in) {
			all = append(all, l.in)
		}
	}
	return all
}

// restore gives layers that stay in float after all the weights and biases that they had.
func (s *selection) restore(exact *graph.Graph) {
	before := map[string]*graph.Node{}
	for _, node := range exact.Nodes {
		before[node.Outputs[0]] = node
	}
	for _, l := range s.layers {
		if !s.float[l] {
			continue
		}
		l.node.Inputs = before[l.product()].Inputs
		l.weight = exact.Initializers[l.node.Inputs[1]]
		if l.adder != nil {
			l.adder.Inputs = before[l.adder.Outputs[0]].Inputs
		}
	}
}

// rangesOf chooses the ranges of points on the network with rounded weights.
func (q *quantization) rangesOf(ctx context.Context, s *selection, points []string) (map[string]choice, error) {
	own := slices.DeleteFunc(slices.Clone(points), func(t string) bool { return s.moved(t) != t })
	of, err := q.momentsOf(ctx, s.network, s.graph, own)
	if err != nil {
		return nil, err
	}
	histograms, err := q.histogramsOf(ctx, s.network, own, of)
	if err != nil {
		return nil, err
	}
	candidates := map[string][]candidate{}
	for _, t := range own {
		candidates[t] = histograms[t].candidates()
	}
	return q.choose(ctx, s.network, own, candidates)
}

// total measures the error of each quantized layer's output with all that went wrong
// before it.
func (q *quantization) total(ctx context.Context, s *selection, exact, rounded *graph.Graph) (map[*layer]*errorOf, error) {
	var layers []*layer
	var outs []string
	var before, after []shown
	for _, l := range s.layers {
		if s.float[l] {
			continue
		}
		a := s.show(l.out)
		b := a
		if !s.outputs[l.out] {
			b.name += dequantized
		}
		layers, outs, before, after = append(layers, l), append(outs, l.out), append(before, a), append(after, b)
	}
	a, err := q.newProbe(exact, before)
	if err != nil {
		return nil, err
	}
	b, err := q.newProbe(rounded, after)
	if err != nil {
		return nil, err
	}
	return q.errorsOf(ctx, s.network, layers, outs, func() pairwise {
		return sideBySide(a.prober(), b.prober())
	})
}

// sideBySide compares what two probes of tensors of the same sizes show.
func sideBySide(a, b *prober) pairwise {
	return func(ctx context.Context, pixels []float32, compare func(i int, exact, rounded []float32)) error {
		at := 0
		for i := range a.runners {
			var values [][]float32
			if err := a.part(ctx, i, pixels, func(_ string, x []float32) { values = append(values, x) }); err != nil {
				return err
			}
			err := b.part(ctx, i, pixels, func(_ string, x []float32) {
				compare(at, values[0], x)
				values, at = values[1:], at+1
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}
