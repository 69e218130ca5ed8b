package train

import (
	"context"
	"math"

	"featstore/train/internal/product"
)

// A logistic is the objective of multinomial logistic regression: the weighted mean
// cross-entropy of the images plus ‖W‖²/(2·strength·Σ weights), the bias being
// free. That is scikit-learn's objective with C = strength.
type logistic struct {
	t        *table
	strength float64
	weights  []float64 // per label, nil for all 1
	total    float64   // sum of the images' weights
	pool     *workerPool
	layer    layer // the parameters, rounded to float32
	groups   []logisticGroup
}

// A logisticGroup is a fixed part of the images, so that sums do not depend on the
// number of workers.
type logisticGroup struct {
	lo, hi   int
	loss     float64
	gradient []float32 // C×D
	bias     []float64 // C
	factors  []float32
	exps     []float64
}

const (
	logisticGroups = 8
	logisticChunk  = 64 // images whose features stay in cache for both products
)

func newLogistic(t *table, strength float64, weights []float64, pool *workerPool) *logistic {
	o := &logistic{t: t, strength: strength, weights: weights, pool: pool, layer: newLayer(t.labels, t.dim())}
	for _, y := range t.truth {
		o.total += o.weightOf(y)
	}
	for g := range logisticGroups {
		lo, hi := share(len(t.rows), g, logisticGroups, 4)
		o.groups = append(o.groups, logisticGroup{
			lo: lo, hi: hi, gradient: make([]float32, len(o.layer.weights)), bias: make([]float64, t.labels),
			factors: make([]float32, logisticChunk*t.labels), exps: make([]float64, t.labels),
		})
	}
	return o
}

func (o *logistic) weightOf(label int) float64 {
	if o.weights == nil {
		return 1
	}
	return o.weights[label]
}

// at is the objective at x: the weights, C×D, followed by the biases.
func (o *logistic) at(x, g []float64) float64 {
	n := len(o.layer.weights)
	for i := range o.layer.weights {
		o.layer.weights[i] = float32(x[i])
	}
	for c := range o.layer.bias {
		o.layer.bias[c] = float32(x[n+c])
	}
	o.pool.run(func(part int) {
		for k := part; k < len(o.groups); k += o.pool.parts() {
			o.measure(&o.groups[k])
		}
	})
	ridge := 1 / (o.strength * o.total)
	loss := float64(ridge / 2 * dot64(x[:n], x[:n]))
	for i, v := range x[:n] {
		s := float64(ridge * v)
		for k := range o.groups {
			s += float64(o.groups[k].gradient[i])
		}
		g[i] = s
	}
	clear(g[n:])
	for k := range o.groups {
		loss += o.groups[k].loss
		for c, b := range o.groups[k].bias {
			g[n+c] += b
		}
	}
	return loss
}

// measure computes loss and gradient of a group's images.
func (o *logistic) measure(g *logisticGroup) {
	clear(g.gradient)
	clear(g.bias)
	g.loss = 0
	labels := o.t.labels
	for lo := g.lo; lo < g.hi; lo += logisticChunk {
		rows := o.t.rows[lo:min(lo+logisticChunk, g.hi)]
		z := g.factors[:len(rows)*labels]
		o.layer.logits(z, rows)
		for i := range rows {
			truth := o.t.truth[lo+i]
			w := o.weightOf(truth) / o.total
			zi := z[i*labels : (i+1)*labels]
			g.loss += float64(w * lossAndGradient(zi, g.exps, truth, w))
			for c, f := range zi {
				g.bias[c] += float64(f)
			}
		}
		product.AddOuter(g.gradient, rows, z, o.t.dim(), 0, o.t.dim())
	}
}

// A logisticState is a solution that a next one may start from.
type logisticState struct{ x []float64 }

// fitLogistic minimises the objective until no element of the gradient is larger than
// tolerance times the root mean square length of the images, starting from zero or
// from an earlier solution.
func fitLogistic(ctx context.Context, t *table, strength float64, weights []float64, tolerance float64, pool *workerPool,
	start *logisticState) (*layer, *logisticState, error) {
	o := newLogistic(t, strength, weights, pool)
	n := len(o.layer.weights)
	x := make([]float64, n+t.labels)
	if start != nil {
		copy(x, start.x)
	}
	m := &lbfgs{f: o.at, tolerance: tolerance * math.Sqrt(meanSquare(t)), iterations: logisticIterations}
	if _, err := m.minimise(ctx, x); err != nil {
		return nil, nil, err
	}
	l := o.layerAt(x)
	return &l, &logisticState{x}, nil
}

// layerAt is the layer whose parameters are x.
func (o *logistic) layerAt(x []float64) layer {
	l := newLayer(o.t.labels, o.t.dim())
	for i := range l.weights {
		l.weights[i] = float32(x[i])
	}
	for c := range l.bias {
		l.bias[c] = float32(x[len(l.weights)+c])
	}
	return l
}

// parametersOf is the point at which the parameters are those of a layer.
func parametersOf(l *layer) []float64 {
	x := make([]float64, 0, len(l.weights)+len(l.bias))
	for _, v := range l.weights {
		x = append(x, float64(v))
	}
	for _, v := range l.bias {
		x = append(x, float64(v))
	}
	return x
}

// logisticIterations is far above what any real features have needed.
const logisticIterations = 2000
