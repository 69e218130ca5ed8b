// Package tunable joins a network of package extract that is in training with package
// train, which knows no networks.
package tunable

import (
	"featstore/extract"
	"featstore/train"
)

// A Network is an extract.Tuning as train.Tune takes it.
type Network struct{ *extract.Tuning }

// Weights returns the network's parameters. They share their memory.
func (n Network) Weights() []train.TunedWeights {
	var all []train.TunedWeights
	for _, p := range n.Parameters() {
		all = append(all, train.TunedWeights{Name: p.Name, Values: p.Values, Gradient: p.Gradient, Bias: p.Bias})
	}
	return all
}
