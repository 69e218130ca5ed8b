package train

import (
	"fmt"

	"featstore/train/internal/optimize"
)

// A cycle moves weights by an optimizer through one cycle of the learning rate. Beside them it
// keeps their moving average, and of this what did best on validation images.
type cycle struct {
	groups    []optimize.Group
	optimizer optimize.Optimizer
	average   *optimize.Average
	rate      float64 // the highest
	warmup    float64 // share of the steps in which the rate rises
	clip      float64 // longest gradient
	steps     int     // in all

	best         [][]float32 // the groups' values; nil before the first look
	bestAt       int         // epoch or step
	bestLoss     float64
	bestAccuracy Proportion
}

// newCycle returns a cycle of so many steps by AdamW. Weights that are set later are to be
// followed by restart.
func newCycle(groups []optimize.Group, rate, warmup, decay, clip float64, steps int, pool *workerPool) cycle {
	c := cycle{groups: groups, rate: rate, warmup: warmup, clip: clip, steps: steps}
	c.optimizer = optimize.NewAdamW(groups, decay, pieces(pool))
	c.restart()
	return c
}

// momentum is the share of the last move that gradient descent keeps.
const momentum = 0.9

// descend has the weights moved by gradient descent with momentum instead.
func (c *cycle) descend(decay float64, pool *workerPool) {
	c.optimizer = optimize.NewSGD(c.groups, momentum, decay, pieces(pool))
}

// pieces runs an optimizer's work on a pool.
func pieces(pool *workerPool) optimize.Runner {
	return func(n int, f func(from, to int)) {
		pool.run(func(part int) { f(share(n, part, pool.parts(), 64)) })
	}
}

// restart begins the average with the present weights.
func (c *cycle) restart() {
	c.average = optimize.NewAverage(c.groups, optimize.AverageDecay(c.steps))
}

// move takes a step, numbered from 0, against the gradient of a minibatch's loss, and
// clears the gradient.
func (c *cycle) move(step int, loss float64) error {
	if norm := optimize.ClipNorm(c.groups, c.clip); norm-norm != 0 || loss-loss != 0 {
		return fmt.Errorf("%w: choose a lower learning rate than %v", ErrDiverged, c.rate)
	}
	c.optimizer.Step(c.rate * optimize.OneCycle(step, c.steps, c.warmup))
	for i := range c.groups {
		clear(c.groups[i].Gradient)
	}
	c.average.Add()
	return nil
}

// look measures the averaged weights, which stand in the groups meanwhile, and keeps them
// if their loss is the lowest so far, or if no image was measured. at is the epoch or
// step.
func (c *cycle) look(at int, measure func() (accuracy Proportion, loss float64, err error)) (accuracy Proportion, loss float64, err error) {
	c.average.Swap()
	defer c.average.Swap()
	if accuracy, loss, err = measure(); err != nil {
		return accuracy, loss, err
	}
	if c.best == nil || accuracy.Total == 0 || loss < c.bestLoss {
		c.best = nil
		for _, g := range c.groups {
			c.best = append(c.best, append([]float32(nil), g.Values...))
		}
		c.bestAt, c.bestLoss, c.bestAccuracy = at, loss, accuracy
	}
	return accuracy, loss, nil
}

// takeBest puts the best weights into the groups.
func (c *cycle) takeBest() {
	for i, values := range c.best {
		copy(c.groups[i].Values, values)
	}
}
