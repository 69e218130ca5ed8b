package engine

import (
	"fmt"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// A referenceStep runs a node by package op, on tensors in the model's own
// layout. It allocates; networks of the usual families have none on the way.
type referenceStep struct {
	src     *graph.Node
	opset   int64
	in, out []operand
}

// An operand is a float32 value in the arena, a value of another type in a slot,
// a constant, or nothing.
type operand struct {
	place *place
	shape []int
	whole tensor.DType // as the model has it, when the arena holds float32 instead
	slot  int
	konst *tensor.Tensor
	none  bool
}

func (p *planner) reference(n *node, r *reference) {
	s := &referenceStep{src: r.src, opset: r.opset}
	var touched []*place
	for _, v := range n.in {
		o := p.operand(v)
		s.in, touched = append(s.in, o), append(touched, o.place)
	}
	for _, v := range n.out {
		o := p.operand(v)
		s.out, touched = append(s.out, o), append(touched, o.place)
	}
	p.stats.References = append(p.stats.References, n.label)
	p.emit(n.label, s, touched...)
}

func (p *planner) operand(v *value) operand {
	switch {
	case v == nil:
		return operand{none: true}
	case v.konst != nil:
		return operand{konst: p.constant(v)}
	case v.place != nil:
		return operand{place: v.place, shape: v.shape, whole: v.whole}
	}
	slot, ok := p.slots[v]
	if !ok {
		slot = len(p.slots)
		p.slots[v] = slot
	}
	return operand{slot: slot}
}

// constant returns a constant in memory of its own, not in that of the model's file,
// all of which a part of it would hold.
func (p *planner) constant(v *value) *tensor.Tensor {
	if t := p.constants[v]; t != nil {
		return t
	}
	t := v.konst.Clone()
	p.constants[v] = t
	p.stats.WeightBytes += tensor.Len(t.Shape) * t.DType.Size()
	return t
}

func (s *referenceStep) prepare() {}

func (s *referenceStep) run(r *Runner) error {
	in := make([]*tensor.Tensor, len(s.in))
	for i, o := range s.in {
		in[i] = o.load(r)
	}
	results, err := op.Eval(s.src, s.opset, in)
	if err != nil {
		return fmt.Errorf("%s: %w", s.src.Label(), err)
	}
	i := 0
	for k, name := range s.src.Outputs {
		if name == "" {
			continue
		}
		if k >= len(results) || results[k] == nil {
			return fmt.Errorf("%s: output %d is missing", s.src.Label(), k)
		}
		if err := s.out[i].store(r, results[k]); err != nil {
			return fmt.Errorf("%s: output %d: %w", s.src.Label(), k, err)
		}
		i++
	}
	return nil
}

func (o operand) load(r *Runner) *tensor.Tensor {
	switch {
	case o.none:
		return nil
	case o.konst != nil:
		return o.konst
	case o.place == nil:
		return r.slots[o.slot]
	}
	x := make([]float32, o.place.len())
	copyRows(x, packedPlace(o.place), r.mem(o.place), o.place)
	return o.narrowed(x)
}

func (o operand) store(r *Runner, t *tensor.Tensor) error {
	if o.place == nil {
		if o.konst == nil {
			r.slots[o.slot] = t
		}
		return nil
	}
	if !slices.Equal(t.Shape, o.shape) {
		return fmt.Errorf("got %v, planned %v", t, o.shape)
	}
	x, err := o.widened(t)
	if err != nil {
		return err
	}
	copyRows(r.mem(o.place), o.place, x, packedPlace(o.place))
	return nil
}

// concatOuter joins values along an axis that is not innermost in memory: the
// parts lie one behind the other for every index of the axes outside it.
func (p *planner) concatOuter(n *node, op *concat) {
	s := &concatStep{out: n.out[0].place}
	order := n.out[0].order
	touched := []*place{s.out}
	for _, v := range n.in {
		inner := 1
		for i := slices.Index(order, op.axis); i < len(order); i++ {
			inner *= v.shape[order[i]]
		}
		s.in, s.lens = append(s.in, v.place), append(s.lens, inner)
		touched = append(touched, v.place)
	}
	p.emit(n.label, s, touched...)
}

// A concatStep joins values along an axis that is not the innermost one.
type concatStep struct {
	in   []*place
	lens []int // floats that each part contributes at a time
	out  *place
}

func (s *concatStep) prepare() {}

func (s *concatStep) scratch() int { return 2 * s.out.len() }

func (s *concatStep) run(r *Runner) error {
	total := s.out.len()
	buf := r.buffer(2 * total)
	joined, part := buf[:total], buf[total:]
	all := 0
	for _, n := range s.lens {
		all += n
	}
	at := 0
	for i, in := range s.in {
		src := part[:in.len()]
		copyRows(src, packedPlace(in), r.mem(in), in)
		for d := at; len(src) > 0; d += all {
			copy(joined[d:d+s.lens[i]], src)
			src = src[s.lens[i]:]
		}
		at += s.lens[i]
	}
	copyRows(r.mem(s.out), s.out, joined, packedPlace(s.out))
	return nil
}
