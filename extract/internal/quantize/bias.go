package quantize

import (
	"context"
	"maps"
	"math"
	"slices"

	"featstore/extract/internal/tensor"
)

// An errorOf is how a tensor differs from another, by channel.
type errorOf struct {
	sums, squares, energy []float64
	count                 float64
}

func newErrorOf(channels int) *errorOf {
	return &errorOf{sums: make([]float64, channels), squares: make([]float64, channels), energy: make([]float64, channels)}
}

// add takes in the values of an image, channels innermost.
func (e *errorOf) add(exact, rounded []float32) {
	channels := len(e.sums)
	for at := 0; at < len(exact); at += channels {
		row, sums, squares, energy := rounded[at:at+channels], e.sums[:channels], e.squares[:channels], e.energy[:channels]
		for c, v := range exact[at : at+channels] {
			d := float64(row[c]) - float64(v)
			sums[c] += d
			squares[c] += d * d
			energy[c] += float64(v) * float64(v)
		}
	}
	e.count += float64(len(exact) / channels)
}

func (e *errorOf) merge(other *errorOf) {
	for c := range e.sums {
		e.sums[c], e.squares[c], e.energy[c] = e.sums[c]+other.sums[c], e.squares[c]+other.squares[c], e.energy[c]+other.energy[c]
	}
	e.count += other.count
}

// mean is the mean error of each channel.
func (e *errorOf) mean() []float64 {
	m := make([]float64, len(e.sums))
	for c, s := range e.sums {
		m[c] = s / max(e.count, 1)
	}
	return m
}

// decibels is the signal to noise ratio; corrected without the mean error of each channel.
func (e *errorOf) decibels(corrected bool) float64 {
	noise, signal := 0.0, 0.0
	for c := range e.sums {
		signal += e.energy[c]
		noise += e.squares[c]
		if corrected && e.count > 0 {
			noise -= e.sums[c] * e.sums[c] / e.count
		}
	}
	return decibels(signal, noise)
}

// mostDecibels stands for no error that can be told.
const mostDecibels = 99

func decibels(signal, noise float64) float64 {
	if !(noise > 0) {
		return mostDecibels
	}
	if !(signal > 0) {
		return 0
	}
	return min(10*math.Log10(signal/noise), mostDecibels)
}

// weightErrors measures how the results of layers change with rounded weights, each layer
// for itself.
func (q *quantization) weightErrors(ctx context.Context, n *network, rounded map[*layer]*weights) (map[*layer]*errorOf, error) {
	g := *n.graph
	g.Nodes, g.Initializers = slices.Clone(n.graph.Nodes), maps.Clone(n.graph.Initializers)
	var products []string
	var pairs []shown
	for _, l := range n.layers {
		m := *l.node
		name := l.product() + probeOutput
		m.Inputs, m.Outputs = slices.Clone(l.node.Inputs), []string{name}
		m.Inputs[1] = set(&g, name+" weight", tensor.New(rounded[l].values(l), l.weight.Shape...))
		g.Nodes = append(g.Nodes, &m)
		products = append(products, l.product())
		exact := n.show(l.product())
		beside := exact
		beside.name = name
		pairs = append(pairs, exact, beside)
	}
	p, err := q.newProbe(&g, pairs)
	if err != nil {
		return nil, err
	}
	return q.errorsOf(ctx, n, n.layers, products, func() pairwise {
		r := p.prober()
		return func(ctx context.Context, pixels []float32, compare func(i int, exact, rounded []float32)) error {
			var exact []float32
			at := 0
			return r.look(ctx, pixels, func(_ string, x []float32) {
				if at++; at%2 == 1 {
					exact = append(exact[:0], x...)
					return
				}
				compare(at/2-1, exact, x)
			})
		}
	})
}

// pairwise computes exact and rounded tensors for an image and compares them one pair after
// the other.
type pairwise func(ctx context.Context, pixels []float32, compare func(i int, exact, rounded []float32)) error

// errorsOf merges the errors of layers over the sample: start prepares a worker,
// which compares the tensors in the order of the layers.
func (q *quantization) errorsOf(ctx context.Context, n *network, layers []*layer, tensors []string, start func() pairwise) (map[*layer]*errorOf, error) {
	fresh := func() []*errorOf {
		all := make([]*errorOf, len(layers))
		for i := range layers {
			all[i] = newErrorOf(n.channels(tensors[i]))
		}
		return all
	}
	total := fresh()
	err := over(ctx, q, func() func(ctx context.Context, pixels []float32) ([]*errorOf, error) {
		look := start()
		return func(ctx context.Context, pixels []float32) ([]*errorOf, error) {
			all := fresh()
			return all, look(ctx, pixels, func(i int, exact, rounded []float32) { all[i].add(exact, rounded) })
		}
	}, func(all []*errorOf) {
		for i, e := range all {
			total[i].merge(e)
		}
	})
	of := map[*layer]*errorOf{}
	for i, l := range layers {
		of[l] = total[i]
	}
	return of, err
}

// correctBiases subtracts the mean error of each result, but for layers that stay in float.
func correctBiases(n *network, errors map[*layer]*errorOf, float map[*layer]bool) {
	for _, l := range n.layers {
		mean := errors[l].mean()
		if float[l] || len(mean) != l.outputs() {
			continue
		}
		bias := make([]float32, l.outputs())
		if l.bias != "" {
			copy(bias, n.vector(l.bias, l.outputs()))
		}
		for o, m := range mean {
			bias[o] -= float32(m)
		}
		n.setBias(n.graph, l, bias)
	}
}
