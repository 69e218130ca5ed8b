package optimize

import (
	"math"

	"featstore/train/internal/bitexact"
)

// Settings of AdamW that hardly anybody changes.
const (
	Beta1   = 0.9
	Beta2   = 0.999
	Epsilon = 1e-8
)

// AdamW is Adam with weight decay that does not pass through the moments (Loshchilov
// and Hutter 2019, "Decoupled weight decay regularization").
type AdamW struct {
	groups []Group
	decay  float64
	first  [][]float32 // moving means of the gradients
	second [][]float32 // moving means of their squares
	steps  int
	run    Runner
}

// A Runner runs f for every piece of n, on as many goroutines as it likes, and returns
// when all are done. nil runs them one after the other.
type Runner func(n int, f func(from, to int))

func (r Runner) do(n int, f func(from, to int)) {
	if r == nil {
		f(0, n)
		return
	}
	r(n, f)
}

// NewAdamW returns an optimizer of the groups. decay is the share of a weight that is
// taken away at each step, times the learning rate.
func NewAdamW(groups []Group, decay float64, run Runner) *AdamW {
	o := &AdamW{groups: groups, decay: decay, run: run}
	for _, g := range groups {
		o.first = append(o.first, make([]float32, len(g.Values)))
		o.second = append(o.second, make([]float32, len(g.Values)))
	}
	return o
}

// Step moves the weights.
func (o *AdamW) Step(rate float64) {
	o.steps++
	n := float64(o.steps)
	correct1 := 1 - bitexact.Exp(float64(n*logBeta1))
	correct2 := 1 - bitexact.Exp(float64(n*logBeta2))
	for i := range o.groups {
		g := &o.groups[i]
		r := float64(rate * g.Rate)
		keep := float32(1)
		if g.Decay {
			keep = float32(1 - float64(r*o.decay))
		}
		m := move{
			rate: float32(r * math.Sqrt(correct2) / correct1), epsilon: float32(Epsilon * math.Sqrt(correct2)), keep: keep,
		}
		o.run.do(len(g.Values), func(from, to int) {
			m.adam(g.Values[from:to], g.Gradient[from:to], o.first[i][from:to], o.second[i][from:to])
		})
	}
}

// ln Beta1 and ln Beta2.
const (
	logBeta1 = -0.10536051565782628
	logBeta2 = -0.0010005003335835335
)

// A move is what one step does to all weights of a group.
type move struct{ rate, epsilon, keep float32 }

// adam moves weights: w = keep·w − rate·m/(√v + ε), with the moments' corrections for
// their first steps in rate and ε.
func (s move) adam(w, gradient, first, second []float32) {
	const stay1, new1, stay2, new2 = float32(Beta1), float32(1 - Beta1), float32(Beta2), float32(1 - Beta2)
	first, second, w = first[:len(gradient)], second[:len(gradient)], w[:len(gradient)]
	for i, g := range gradient {
		m := float32(stay1*first[i]) + float32(new1*g)
		v := float32(stay2*second[i]) + float32(new2*float32(g*g))
		first[i], second[i] = m, v
		w[i] = float32(s.keep*w[i]) - float32(s.rate*m)/(float32(math.Sqrt(float64(v)))+s.epsilon)
	}
}

// State returns the moments: the means of all groups, then those of the squares.
func (o *AdamW) State() (int, [][]float32) {
	return o.steps, append(append([][]float32(nil), o.first...), o.second...)
}

// Restore sets how many steps have been taken.
func (o *AdamW) Restore(steps int) { o.steps = steps }
