package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// planner emits the steps of a net.
type planner struct {
	set     *kernel.Set
	cache   int // floats of cache that a step may count on
	steps   []exec.Step
	lines   []Line // of the steps
	current *node  // whose steps are emitted
	buffers []*memory.Buffer
	slots   map[*value]int // values that are not float32 live in slots, not in the arena

	constants map[*value]*tensor.Tensor // of reference steps
	stats     Stats

	reloads []func() // what has to be computed again when trained weights have changed
}

// emit appends a step that reads and writes the given views, extends their
// buffers' lives to it, and clears the halo of a buffer that begins to live.
func (p *planner) emit(label string, s exec.Step, touched ...*memory.View) {
	for _, t := range touched {
		if t == nil || t.Buffer.Constant != nil || t.Buffer.Input {
			continue
		}
		b := t.Buffer
		if !b.Used() {
			b.Use(len(p.steps))
			p.buffers = append(p.buffers, b)
			if !b.Halo.Empty() {
				p.steps, p.lines = append(p.steps, &exec.ClearHalo{Buffer: b}), append(p.lines, Line{Operation: "halo", Node: label})
			}
		}
		b.Use(len(p.steps))
	}
	p.steps, p.lines = append(p.steps, s), append(p.lines, p.line(label))
}

// emitWeighted is emit for a step with weights, which it counts.
func (p *planner) emitWeighted(label string, s exec.Weighted, touched ...*memory.View) {
	p.stats.WeightBytes += s.WeightBytes()
	p.emit(label, s, touched...)
}

// plan emits the steps of all nodes.
func (p *planner) plan(g *net) {
	p.input(g)
	for _, n := range g.nodes {
		p.node(n)
	}
	p.emit("output", &exec.StoreOutput{In: g.output.view}, g.output.view)
}

// input emits what brings the caller's input into the arena, if anything.
func (p *planner) input(g *net) {
	if in := g.input.view; in.Contiguous() && in.Len() == in.Buffer.N*in.Buffer.H*in.Buffer.W*in.Buffer.LD {
		in.Buffer.Input = true // nothing is ever computed in the input's place
	} else {
		p.emit("input", &exec.LoadInput{Out: in}, in)
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
	p.current = n
	before := len(p.steps)
	n.op.emit(p, n)
	if last := len(p.steps) - 1; last >= before {
		p.lines[last].MACs = c.macs
	}
	p.current = nil
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
	v.view = &memory.View{Buffer: &memory.Buffer{N: nn, H: h, W: ww, LD: c, Constant: data}, N: nn, H: h, W: ww, C: c, LD: c}
	p.stats.WeightBytes += 4 * len(data)
	if c := v.trained; c != nil {
		e := c.elements(w.shape, order)
		p.reloads = append(p.reloads, func() { e.Fill(data, c.param.Values) })
	}
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
func (p *planner) copy(label string, in, out *memory.View) {
	if in.Buffer == out.Buffer && (out.Strided || in.Ch == out.Ch && !in.Strided) {
		p.emitNothing(in)
		return
	}
	p.emit(label, &exec.Copy{In: in, Out: out}, in, out)
}

// emitNothing keeps a buffer alive that the next step would have read.
func (p *planner) emitNothing(t *memory.View) {
	if t.Buffer.Used() {
		t.Buffer.Use(len(p.steps))
	}
}
