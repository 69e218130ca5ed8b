package optimize

import "math"

// A Group is weights that are moved alike.
type Group struct {
	Name     string
	Values   []float32 // the weights, which Step changes
	Gradient []float32 // as many: the gradient of the loss by each weight
	Rate     float64   // times the learning rate; 1 for all of it
	Decay    bool      // whether weight decay applies
}

// An Optimizer moves the weights of its groups by one step.
type Optimizer interface {
	// Step moves the weights at a learning rate.
	Step(rate float64)

	// State returns what the optimizer remembers between steps, for a checkpoint: how
	// many steps it has taken, and its moments, in the order of the groups. The slices
	// are the optimizer's own.
	State() (steps int, moments [][]float32)

	// Restore sets how many steps have been taken. The caller has filled the moments
	// that State returned before.
	Restore(steps int)
}

// ClipNorm scales all gradients so that their common Euclidean norm is at most the
// given one, and returns the norm that they had. A norm that is not a finite number is
// returned as it is, and nothing is scaled.
func ClipNorm(groups []Group, most float64) float64 {
	sum := 0.0
	for i := range groups {
		sum += squares(groups[i].Gradient)
	}
	norm := math.Sqrt(sum)
	if math.IsNaN(norm) || math.IsInf(norm, 0) || norm <= most {
		return norm
	}
	factor := float32(most / norm)
	for i := range groups {
		for j := range groups[i].Gradient {
			groups[i].Gradient[j] *= factor
		}
	}
	return norm
}

// squares returns the sum of squares, by four sums that run side by side.
func squares(x []float32) float64 {
	var sums [4]float64
	for len(x) >= 4 {
		for i := range sums {
			v := float64(x[i])
			sums[i] += float64(v * v)
		}
		x = x[4:]
	}
	for i, v := range x {
		sums[i] += float64(float64(v) * float64(v))
	}
	return sums[0] + sums[1] + sums[2] + sums[3]
}
