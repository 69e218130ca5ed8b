package optimize

// SGD is stochastic gradient descent with momentum (Polyak 1964).
type SGD struct {
	groups   []Group
	momentum float64
	decay    float64
	velocity [][]float32
	steps    int
	run      Runner
}

// NewSGD returns an optimizer of the groups. momentum is the share of the last move
// that is kept, 0.9 as a rule; decay is as for NewAdamW.
func NewSGD(groups []Group, momentum, decay float64, run Runner) *SGD {
	o := &SGD{groups: groups, momentum: momentum, decay: decay, run: run}
	for _, g := range groups {
		o.velocity = append(o.velocity, make([]float32, len(g.Values)))
	}
	return o
}

// Step moves the weights.
func (o *SGD) Step(rate float64) {
	o.steps++
	for i := range o.groups {
		g := &o.groups[i]
		r, keep := float32(rate*g.Rate), float32(1)
		if g.Decay {
			keep = float32(1 - float64(float64(rate*g.Rate)*o.decay))
		}
		momentum, velocity := float32(o.momentum), o.velocity[i]
		o.run.do(len(g.Values), func(from, to int) {
			for j := from; j < to; j++ {
				velocity[j] = float32(momentum*velocity[j]) + g.Gradient[j]
				g.Values[j] = float32(keep*g.Values[j]) - float32(r*velocity[j])
			}
		})
	}
}

// State returns the velocities.
func (o *SGD) State() (int, [][]float32) { return o.steps, o.velocity }

// Restore sets how many steps have been taken.
func (o *SGD) Restore(steps int) { o.steps = steps }
