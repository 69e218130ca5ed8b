package exec

import (
	"fmt"
	"slices"

	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// A Reference runs a node by package op, on tensors in the model's own
// layout. It allocates; networks of the usual families have none.
type Reference struct {
	Src     *graph.Node
	Opset   int64
	In, Out []Operand
}

// An Operand is a float32 value in the arena, a value of another type in a slot,
// a constant, or nothing.
type Operand struct {
	View     *memory.View
	Shape    []int
	Integer  tensor.DType // as the model has it, when the arena holds float32 instead
	Slot     int
	Constant *tensor.Tensor
	None     bool
}

func (s *Reference) prepare() {}

func (s *Reference) run(r *Runner) error {
	in := make([]*tensor.Tensor, len(s.In))
	for i, o := range s.In {
		in[i] = o.Load(r)
	}
	results, err := op.Eval(s.Src, s.Opset, in)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Src.Label(), err)
	}
	i := 0
	for k, name := range s.Src.Outputs {
		if name == "" {
			continue
		}
		if k >= len(results) || results[k] == nil {
			return fmt.Errorf("%s: output %d is missing", s.Src.Label(), k)
		}
		if err := s.Out[i].store(r, results[k]); err != nil {
			return fmt.Errorf("%s: output %d: %w", s.Src.Label(), k, err)
		}
		i++
	}
	return nil
}

func (o Operand) Load(r *Runner) *tensor.Tensor {
	switch {
	case o.None:
		return nil
	case o.Constant != nil:
		return o.Constant
	case o.View == nil:
		return r.slots[o.Slot]
	}
	x := make([]float32, o.View.Len())
	copyRows(x, packedView(o.View), r.mem(o.View), o.View)
	return o.asModelType(x)
}

func (o Operand) store(r *Runner, t *tensor.Tensor) error {
	if o.View == nil {
		if o.Constant == nil {
			r.slots[o.Slot] = t
		}
		return nil
	}
	if !slices.Equal(t.Shape, o.Shape) {
		return fmt.Errorf("got %v, planned %v", t, o.Shape)
	}
	x, err := o.asFloats(t)
	if err != nil {
		return err
	}
	copyRows(r.mem(o.View), o.View, x, packedView(o.View))
	return nil
}
