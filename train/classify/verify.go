package classify

import (
	"errors"
	"fmt"
	"math"

	"featstore/extract"
)

// ErrDiffers: an exported model does not compute what its classifier does.
var ErrDiffers = errors.New("the exported model differs from the classifier")

// Tolerance is the largest difference of a probability that Verify accepts. Heads of float32
// operators stay far below it.
const Tolerance = 1e-4

// Verify computes the head of a model that Export wrote by plain reference operators, for
// photos given by their bottlenecks, N×Dim, and compares the probabilities with the
// classifier's own. It returns the largest difference; beyond Tolerance the error wraps
// ErrDiffers.
func (c *Classifier) Verify(model []byte, rows [][]float32) (worst float64, err error) {
	m, err := extract.ModelLimits{}.ReadComposition(model)
	if err != nil {
		return 0, err
	}
	d, err := describe(m)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	inputs := map[string][][]float32{}
	for _, row := range rows {
		at := 0
		for _, n := range d.Networks {
			inputs[n.Bottleneck] = append(inputs[n.Bottleneck], row[at:at+n.Dim])
			at += n.Dim
		}
	}
	got, err := m.Evaluate(inputs, OutputProbability)
	if err != nil {
		return 0, err
	}
	labels := len(d.Labels)
	for i, row := range rows {
		want, err := c.ClassifyFeatures(row)
		if err != nil {
			return 0, err
		}
		for l, p := range want.Probabilities {
			worst = max(worst, math.Abs(got[OutputProbability][i*labels+l]-p))
		}
	}
	if worst > Tolerance || math.IsNaN(worst) {
		return worst, fmt.Errorf("%w: by %.2g in a probability", ErrDiffers, worst)
	}
	return worst, nil
}
