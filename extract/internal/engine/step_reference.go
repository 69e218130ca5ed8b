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
	view     *view
	shape    []int
	whole    tensor.DType // as the model has it, when the arena holds float32 instead
	slot     int
	constant *tensor.Tensor
	none     bool
}

func (p *planner) operand(v *value) operand {
	switch {
	case v == nil:
		return operand{none: true}
	case v.constant != nil:
		return operand{constant: p.constant(v)}
	case v.view != nil:
		return operand{view: v.view, shape: v.shape, whole: v.whole}
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
	t := v.constant.Clone()
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
	case o.constant != nil:
		return o.constant
	case o.view == nil:
		return r.slots[o.slot]
	}
	x := make([]float32, o.view.len())
	copyRows(x, packedView(o.view), r.mem(o.view), o.view)
	return o.asModelType(x)
}

func (o operand) store(r *Runner, t *tensor.Tensor) error {
	if o.view == nil {
		if o.constant == nil {
			r.slots[o.slot] = t
		}
		return nil
	}
	if !slices.Equal(t.Shape, o.shape) {
		return fmt.Errorf("got %v, planned %v", t, o.shape)
	}
	x, err := o.asFloats(t)
	if err != nil {
		return err
	}
	copyRows(r.mem(o.view), o.view, x, packedView(o.view))
	return nil
}
