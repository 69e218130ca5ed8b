package optimize

import "featstore/train/internal/bitexact"

// OneCycle returns the share of the learning rate at a step, from 0 on, of a cycle of
// so many steps (Smith 2018, "A disciplined approach to neural network
// hyper-parameters"): it rises by half a cosine from 1/25 to 1 during the warm-up, a
// share of the steps, and falls by half a cosine to 1/10,000 at the last step.
func OneCycle(step, steps int, warmup float64) float64 {
	const start, end = 1.0 / 25, 1.0 / 10000
	rise := int(warmup * float64(steps))
	if step < rise {
		return between(start, 1, float64(step)/float64(rise))
	}
	return between(1, end, float64(step-rise)/float64(max(steps-1-rise, 1)))
}

// between goes from a to b by half a cosine while t goes from 0 to 1.
func between(a, b, t float64) float64 {
	return a + float64((b-a)*(1-cosine(t))/2)
}

// cosine returns cos(πt) for t from 0 to 1. It is made of sums and products in a fixed
// order, as math.Cos is not the same on every machine: cos(πt) = 1 − 2·sin²(πt/2), the
// sine by its series.
func cosine(t float64) float64 {
	s := sine(min(max(t, 0), 1) / 2)
	return 1 - float64(2*float64(s*s))
}

// sine returns sin(πt) for t from 0 to ½, by its Taylor series: the first term left
// out is below 1e-16.
func sine(t float64) float64 {
	x := float64(t * pi)
	square := float64(x * x)
	sum, term := x, x
	for k := 3; k < 26; k += 2 {
		term = -float64(float64(term*square) / float64(k*(k-1)))
		sum += term
	}
	return sum
}

const pi = 3.14159265358979323846

// An Average is the moving average of the weights of some groups, which is steadier
// than the weights themselves (Polyak and Juditsky 1992).
type Average struct {
	groups []Group
	values [][]float32
	decay  float64
	steps  int
}

// NewAverage returns an average that keeps the share decay of itself at each step, less
// at the first steps.
func NewAverage(groups []Group, decay float64) *Average {
	a := &Average{groups: groups, decay: decay}
	for _, g := range groups {
		a.values = append(a.values, append([]float32(nil), g.Values...))
	}
	return a
}

// Add takes the present weights into the average.
func (a *Average) Add() {
	a.steps++
	keep := min(a.decay, float64(1+a.steps)/float64(10+a.steps)) // as TensorFlow has it for the first steps
	stay, fresh := float32(keep), float32(1-keep)
	for i, g := range a.groups {
		values := a.values[i]
		for j, w := range g.Values {
			values[j] = float32(stay*values[j]) + float32(fresh*w)
		}
	}
}

// Swap exchanges the weights for their averages; a second call takes them back.
func (a *Average) Swap() {
	for i, g := range a.groups {
		for j, w := range g.Values {
			g.Values[j], a.values[i][j] = a.values[i][j], w
		}
	}
}

// State returns how many steps were taken into the average, and its values, which are
// its own.
func (a *Average) State() (int, [][]float32) { return a.steps, a.values }

// Restore sets how many steps were taken into the average.
func (a *Average) Restore(steps int) { a.steps = steps }

// halfLife returns the decay of an average that forgets half of what it knew in so many
// steps.
func halfLife(steps float64) float64 { return bitexact.Exp(-0.6931471805599453 / steps) }

// AverageDecay returns the decay for a training of so many steps: half of the average
// is of the last tenth of them.
func AverageDecay(steps int) float64 { return halfLife(max(float64(steps)/10, 1)) }
