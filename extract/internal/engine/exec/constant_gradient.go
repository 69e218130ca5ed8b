package exec

import "featstore/extract/internal/engine/memory"

// Elements says which of a parameter's values the elements of a constant operand are that
// follows from it: dimensions from outermost to innermost in memory, and steps along them.
type Elements struct {
	Dims, Stride []int
	At           []int // by steps, the number of the value; nil if it is the number of steps
}

// row returns the first steps of a row of the innermost dimension.
func (e *Elements) row(i int) (steps int) {
	for d := len(e.Dims) - 2; d >= 0; d-- {
		steps += i % e.Dims[d] * e.Stride[d]
		i /= e.Dims[d]
	}
	return steps
}

// inner returns the length of a row and its step.
func (e *Elements) inner() (n, step int) {
	last := len(e.Dims) - 1
	return e.Dims[last], e.Stride[last]
}

func (e *Elements) value(steps int) int {
	if e.At == nil {
		return steps
	}
	return e.At[steps]
}

// Fill computes the operand from the parameter's values.
func (e *Elements) Fill(dst, values []float32) {
	n, step := e.inner()
	for i := range len(dst) / n {
		row, steps := dst[i*n:][:n], e.row(i)
		for k := range row {
			row[k] = values[e.value(steps+k*step)]
		}
	}
}

// A ConstantGradient adds dy by a constant operand to the gradient of the parameter that
// the operand follows from.
type ConstantGradient struct {
	Elements
	Gradient []float32
	Dy       *memory.View
}

func (s *ConstantGradient) prepare() {}

func (s *ConstantGradient) run(r *Runner) error {
	dy := r.mem(s.Dy)
	_, step := s.inner()
	for i := range s.Dy.N * s.Dy.H * s.Dy.W {
		d, steps := dy[s.Dy.At(i/s.Dy.W/s.Dy.H, i/s.Dy.W%s.Dy.H, i%s.Dy.W):][:s.Dy.C], s.row(i)
		if s.At == nil && step == 1 {
			r.set.AddInto(s.Gradient[steps:][:len(d)], d)
			continue
		}
		for k, v := range d {
			s.Gradient[s.value(steps+k*step)] += v
		}
	}
	return nil
}
