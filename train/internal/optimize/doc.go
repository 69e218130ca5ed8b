// Package optimize moves weights against their gradients: AdamW and stochastic
// gradient descent with momentum, the schedule of the learning rate, the clipping of
// gradients and the moving average of weights.
//
// An optimizer works on groups of weights. A group has its own share of the learning
// rate, so that layers near the input can move less than those near the output, and
// says whether its weights decay: biases and scales do not.
//
// Everything is computed in float32 in a fixed order, every product rounded, so the
// same gradients give the same weights on every machine, with any number of workers.
package optimize
