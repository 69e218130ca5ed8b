package engine

import (
	"context"
	"time"

	"featstore/extract/internal/engine/exec"
)

// A Line describes one step of a program, for people.
type Line struct {
	Operation   string  // what it computes
	Node        string  // the model's node that it is there for, "input" or "output"
	Inputs      [][]int // shapes of the values that it reads, as in the model
	Output      []int   // shape of its result
	Algorithm   string  // how it computes that, "" where there is one way only
	WeightBytes int     // packed weights
	MACs        int64   // multiplications, by the direct method
}

// Lines describes the steps of the program in their order.
func (p *Program) Lines() []Line {
	lines := make([]Line, len(p.lines))
	for i, s := range p.plan.Steps {
		lines[i] = p.lines[i]
		lines[i].Algorithm, lines[i].WeightBytes = exec.Algorithm(s), exec.WeightBytes(s)
	}
	return lines
}

// Time runs the program so many times on one core, on an input of made-up values, and
// returns the shortest time that each of its steps took.
func (p *Program) Time(ctx context.Context, rounds int) ([]time.Duration, error) {
	in, out := make([]float32, p.plan.InputLen), make([]float32, p.plan.Dim)
	for i := range in {
		in[i] = float32(i%255)/128 - 1
	}
	return p.NewRunner().Time(ctx, in, out, rounds)
}

// line describes the step that is emitted for the current node.
func (p *planner) line(label string) Line {
	l := Line{Operation: label, Node: label}
	if p.current == nil {
		return l
	}
	l.Operation = p.current.op.name()
	if len(p.current.out) > 0 { // what training stores has no result
		l.Output = p.current.out[0].shape
	}
	for _, v := range p.current.in {
		if v != nil && v.constant == nil {
			l.Inputs = append(l.Inputs, v.shape)
		}
	}
	return l
}
