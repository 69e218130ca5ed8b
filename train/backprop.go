package train

import (
	"math/rand/v2"

	"featstore/train/internal/product"
)

// A backprop computes a multilayer perceptron on minibatches, forth and back, with
// dropout of each layer's inputs. Its results do not depend on the number of workers.
type backprop struct {
	net, gradient *mlp
	dropout       float64
	pool          *workerPool
	passes        []layerPass // a layer
}

// A layerPass is one layer's part in a minibatch.
type layerPass struct {
	pool            *workerPool
	layer, gradient *layer
	n               int         // images of the minibatch
	rows            [][]float32 // N×D: the inputs, less those that are dropped
	kept            []bool      // N×D: which inputs a gradient passes through
	out             []float32   // N×C: the outputs, then the gradient by them
	across          []float32   // C×N: the same
	back            []float32   // N×D: the gradient by the inputs
	backRows        [][]float32 // of the layer's weights

	forwardTask, weightsTask, inputsTask func(part int)
}

// newBackprop returns what computes minibatches of up to n images.
func newBackprop(net *mlp, n int, dropout float64, pool *workerPool) *backprop {
	b := &backprop{net: net, gradient: &mlp{}, dropout: dropout, pool: pool, passes: make([]layerPass, len(net.layers))}
	for i := range net.layers {
		l := &net.layers[i]
		b.gradient.layers = append(b.gradient.layers, newLayer(len(l.bias), l.dim))
	}
	for i := range net.layers {
		l := &net.layers[i]
		p := &b.passes[i]
		*p = layerPass{pool: pool, layer: l, gradient: &b.gradient.layers[i], kept: make([]bool, n*l.dim), out: make([]float32, n*len(l.bias)),
			across: make([]float32, n*len(l.bias)), back: make([]float32, n*l.dim), backRows: cutRows(l.weights, l.dim)}
		if i > 0 {
			p.rows = cutRows(b.passes[i-1].out, l.dim)
		}
		p.forwardTask, p.weightsTask, p.inputsTask = p.forwardPart, p.weightsPart, p.inputsPart
	}
	return b
}

// forward returns the logits of rows, N×C, which are valid until the next call. It drops
// some of the features in place.
func (b *backprop) forward(rows [][]float32, dropout rand.Source) []float32 {
	for i := range b.passes {
		p := &b.passes[i]
		p.n = len(rows)
		if i == 0 {
			p.rows = rows
		}
		b.drop(p, i > 0, dropout)
		p.share(p.forwardTask)
		if i < len(b.passes)-1 {
			rectify(p.out[:p.n*len(p.layer.bias)])
		}
	}
	last := &b.passes[len(b.passes)-1]
	return last.out[:last.n*len(last.layer.bias)]
}

// drop sets a share of a layer's inputs to zero and scales up the rest (Srivastava et al.
// 2014). Inputs that are rectified let no gradient through where they are zero.
func (b *backprop) drop(p *layerPass, rectified bool, src rand.Source) {
	limit := uint64(b.dropout * (1 << 32))
	scale := float32(1 / (1 - b.dropout))
	dim := p.layer.dim
	for i, row := range p.rows[:p.n] {
		row, kept := row[:dim], p.kept[i*dim:(i+1)*dim]
		for k, x := range row {
			keep := b.dropout == 0 || src.Uint64()>>32 >= limit
			kept[k] = keep && (!rectified || x > 0)
			if keep {
				row[k] = x * scale // 1 without dropout
			} else {
				row[k] = 0
			}
		}
	}
}

// backward adds to the gradient of all weights, given the gradient by the logits, which
// stands where forward returned them. It returns the gradient by the features, N×D, valid
// until the next call, or nil where nobody needs it.
func (b *backprop) backward(features bool) []float32 {
	for i := len(b.passes) - 1; i >= 0; i-- {
		p := &b.passes[i]
		p.addBias()
		p.share(p.weightsTask)
		if i == 0 && !features {
			return nil
		}
		p.turn()
		p.share(p.inputsTask)
		p.passKept(float32(1 / (1 - b.dropout)))
		if i > 0 {
			copy(b.passes[i-1].out, p.back[:p.n*p.layer.dim])
		}
	}
	return b.passes[0].back[:b.passes[0].n*b.net.layers[0].dim]
}

// share runs a task on all workers where that pays.
func (p *layerPass) share(task func(part int)) {
	if product.WorthSharing(p.n * len(p.layer.weights)) {
		p.pool.run(task)
		return
	}
	for part := range p.pool.parts() {
		task(part)
	}
}

func (p *layerPass) forwardPart(part int) {
	lo, hi := share(p.n, part, p.pool.parts(), 4)
	outputs := len(p.layer.bias)
	p.layer.logits(p.out[lo*outputs:hi*outputs], p.rows[lo:hi])
}

func (p *layerPass) weightsPart(part int) {
	lo, hi := share(p.layer.dim, part, p.pool.parts(), 64)
	product.AddOuter(p.gradient.weights, p.rows[:p.n], p.out, p.layer.dim, lo, hi)
}

func (p *layerPass) addBias() {
	outputs := len(p.layer.bias)
	for i := range p.n {
		for c, g := range p.out[i*outputs : (i+1)*outputs] {
			p.gradient.bias[c] += g
		}
	}
}

// turn sets across, C×N, to the transpose of the gradient by the outputs.
func (p *layerPass) turn() {
	outputs := len(p.layer.bias)
	for i := range p.n {
		for c, g := range p.out[i*outputs : (i+1)*outputs] {
			p.across[c*p.n+i] = g
		}
	}
}

// inputsPart computes some columns of back, the gradient by the outputs times the
// weights.
func (p *layerPass) inputsPart(part int) {
	dim := p.layer.dim
	lo, hi := share(dim, part, p.pool.parts(), 64)
	for i := range p.n {
		clear(p.back[i*dim+lo : i*dim+hi])
	}
	product.AddOuter(p.back[:p.n*dim], p.backRows, p.across, dim, lo, hi)
}

// passKept takes the gradient by the inputs through their dropout and rectifier.
func (p *layerPass) passKept(scale float32) {
	back := p.back[:p.n*p.layer.dim]
	for k, kept := range p.kept[:len(back)] {
		if kept {
			back[k] *= scale // 1 without dropout
		} else {
			back[k] = 0
		}
	}
}
