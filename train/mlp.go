package train

import (
	"fmt"
	"math"
	"math/rand/v2"

	"featstore/train/internal/optimize"
)

// An mlp is a multilayer perceptron: fully connected layers, one after the other, with
// rectifiers between them. The last one gives the logits; without hidden layers it is
// the only one.
type mlp struct{ layers []layer }

// newMLP returns layers of zeros: dim features, hidden units of each hidden layer, labels.
func newMLP(dim int, hidden []int, labels int) *mlp {
	m := &mlp{}
	for _, n := range append(append([]int{}, hidden...), labels) {
		m.layers = append(m.layers, newLayer(n, dim))
		dim = n
	}
	return m
}

// output is the last layer.
func (m *mlp) output() *layer { return &m.layers[len(m.layers)-1] }

// initialise draws the weights from truncated normal distributions whose variance is 2
// divided by a layer's number of inputs (He et al. 2015, "Delving deep into rectifiers"),
// and for the output, which is not rectified, half of that. The biases stay zero.
func (m *mlp) initialise(rng *rand.Rand) {
	for i := range m.layers {
		l, variance := &m.layers[i], 2.0
		if i == len(m.layers)-1 {
			variance = 1
		}
		l.initialise(rng, math.Sqrt(variance/float64(l.dim))/truncatedDeviation)
	}
}

// truncatedDeviation is the standard deviation of a normal distribution that is cut off
// at two standard deviations.
const truncatedDeviation = 0.87962566103423978

// groups are the weights and biases of all layers for an optimizer, from the features to
// the logits. gradient has the same layers.
func (m *mlp) groups(gradient *mlp) []optimize.Group {
	var all []optimize.Group
	for i, l := range m.layers {
		name := fmt.Sprintf("hidden layer %d", i+1)
		if i == len(m.layers)-1 {
			name = "output layer"
		}
		g := gradient.layers[i]
		all = append(all,
			optimize.Group{Name: name + "'s weights", Values: l.weights, Gradient: g.weights, Rate: 1, Decay: true},
			optimize.Group{Name: name + "'s bias", Values: l.bias, Gradient: g.bias, Rate: 1})
	}
	return all
}

// rectify sets what is negative to zero.
func rectify(x []float32) {
	for i, v := range x {
		x[i] = max(v, 0)
	}
}

// logits sets out, rows×C, to the logits of rows.
func (m *mlp) logits(out []float32, rows [][]float32) {
	for i := range m.layers[:len(m.layers)-1] {
		l := &m.layers[i]
		z := make([]float32, len(rows)*len(l.bias))
		l.logits(z, rows)
		rectify(z)
		rows = cutRows(z, len(l.bias))
	}
	m.output().logits(out, rows)
}

// scores makes an mlp a classifier.
func (m *mlp) scores(out []float64, rows [][]float32) { widen(out, rows, m.logits) }

// cutRows returns the rows of an N×dim matrix.
func cutRows(x []float32, dim int) [][]float32 {
	rows := make([][]float32, len(x)/dim)
	for i := range rows {
		rows[i] = x[i*dim : (i+1)*dim]
	}
	return rows
}

func (m *mlp) finite() bool {
	for i := range m.layers {
		if !m.layers[i].finite() {
			return false
		}
	}
	return true
}

func (m *mlp) check(labels, dim int) error {
	for i := range m.layers {
		l := &m.layers[i]
		if len(l.bias) < 1 || dim < 1 || l.dim != dim || len(l.weights)/dim != len(l.bias) || len(l.weights)%dim != 0 {
			return corruptSize(KindMLP, labels, dim)
		}
		dim = len(l.bias)
	}
	if dim != labels {
		return corruptSize(KindMLP, labels, dim)
	}
	return nil
}
