package engine

import (
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// A step is one piece of work of a plan: a wholeStep or a lineStep. Steps are
// immutable after prepare and shared by all runners.
type step interface {
	// prepare computes what depends on where things lie: it runs once, after the
	// arena was laid out.
	prepare()
}

// A wholeStep runs at once.
type wholeStep interface {
	step
	run(r *Runner) error
}

// A lineStep consists of lines that do not depend on each other.
type lineStep interface {
	step
	size() int // how many lines
	// runLines computes lines [from, to) and uses only h's memory beside the arena.
	runLines(r *Runner, h *worker, from, to int)
}

// A parallelStep may know a better way than lines to share its work among workers.
type parallelStep interface {
	lineStep
	// runParallel runs the step, or reports false if lines will do.
	runParallel(r *Runner, t *workerPool) bool
}

// A scratchStep needs memory besides the arena.
type scratchStep interface {
	step
	// scratch is the most floats that one worker takes, known after prepare.
	scratch() int
}

// planner emits the steps of a net.
type planner struct {
	set     *kernel.Set
	cache   int // floats of cache that a step may count on
	steps   []step
	labels  []string
	buffers []*buffer
	slots   map[*value]int // values that are not float32 live in slots, not in the arena

	constants map[*value]*tensor.Tensor // of reference steps
	stats     Stats

	reloads []func() // what has to be computed again when trained weights have changed
}

// emit appends a step that reads and writes the given views, extends their
// buffers' lives to it, and clears the halo of a buffer that begins to live.
func (p *planner) emit(label string, s step, touched ...*view) {
	for _, t := range touched {
		if t == nil || t.buffer.constant != nil || t.buffer.input {
			continue
		}
		if t.buffer.size == 0 {
			t.buffer.measure()
			t.buffer.first = len(p.steps)
			p.buffers = append(p.buffers, t.buffer)
			if !t.buffer.halo.zero() {
				p.steps, p.labels = append(p.steps, &clearHalo{buffer: t.buffer}), append(p.labels, label)
			}
		}
		t.buffer.last = max(t.buffer.last, len(p.steps))
	}
	p.steps, p.labels = append(p.steps, s), append(p.labels, label)
}

// plan emits the steps of all nodes.
func (p *planner) plan(g *net) {
	p.input(g)
	for _, n := range g.nodes {
		p.node(n)
	}
	p.emit("output", &storeOutput{in: g.output.view}, g.output.view)
}

// input emits what brings the caller's input into the arena, if anything.
func (p *planner) input(g *net) {
	if in := g.input.view; in.contiguous() && in.len() == in.buffer.n*in.buffer.h*in.buffer.w*in.buffer.ld {
		in.buffer.input = true // nothing is ever computed in the input's place
	} else {
		p.emit("input", &loadInput{out: in}, in)
	}
}

// node emits the steps of a node.
func (p *planner) node(n *node) {
	for _, v := range n.in {
		if v != nil && v.constant != nil && v.view == nil {
			p.placeConstant(v, n.op.constantOrder(n))
		}
	}
	c := n.op.cost(n)
	p.stats.Params, p.stats.MACs = p.stats.Params+c.params, p.stats.MACs+c.macs
	n.op.emit(p, n)
	n.op = nil // with its weights: the steps have them in a form of their own
}

// placeConstant lays out a constant in the order that its reader wants, if it wants one.
func (p *planner) placeConstant(v *value, order []int) {
	if order == nil {
		return
	}
	w := *v
	w.order = order
	data := make([]float32, 0, len(w.shape))
	src, _ := floats(v)
	forEachOffset(w.shape, w.order, func(at int) { data = append(data, src[at]) })
	nn, h, ww, c := dimensions(&w)
	v.view = &view{buffer: &buffer{n: nn, h: h, w: ww, ld: c, constant: data}, n: nn, h: h, w: ww, c: c, ld: c}
	p.stats.WeightBytes += 4 * len(data)
}

// forEachOffset calls f with the row-major offset of every element of shape,
// in the sequence in which they lie in memory in the given order.
func forEachOffset(shape, order []int, f func(at int)) {
	stride := make([]int, len(shape))
	for i, n := len(shape)-1, 1; i >= 0; i-- {
		stride[i] = n
		n *= shape[i]
	}
	dims, index := make([]int, len(order)), make([]int, len(order))
	total := 1
	for i, axis := range order {
		dims[i] = shape[axis]
		total *= dims[i]
	}
	for range total {
		at := 0
		for i, axis := range order {
			at += index[i] * stride[axis]
		}
		f(at)
		advance(index, dims)
	}
}

// copy emits a copy unless both are the same view already.
func (p *planner) copy(label string, in, out *view) {
	if in.buffer == out.buffer && (out.strided || in.ch == out.ch && !in.strided) {
		p.emitNothing(in)
		return
	}
	p.emit(label, &copyStep{in: in, out: out}, in, out)
}

// emitNothing keeps a buffer alive that the next step would have read.
func (p *planner) emitNothing(t *view) { t.buffer.last = max(t.buffer.last, len(p.steps)) }
