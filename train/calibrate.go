package train

import (
	"math"

	"featstore/train/internal/bitexact"
)

// enoughToCalibrate is the number of validation images below which nothing is
// calibrated on them.
const enoughToCalibrate = 20

// fitTemperature returns the temperature at which the labels of images are most
// probable, given their scores, N×C (Guo et al. 2017, "On Calibration of Modern
// Neural Networks"). It looks for it between e⁻⁷ and e⁷ by golden section: the loss
// has one minimum.
func fitTemperature(scores []float64, truth []int, shift []float64) float64 {
	loss := func(logT float64) float64 {
		return temperatureLoss(scores, truth, shift, bitexact.Exp(logT))
	}
	golden := (math.Sqrt(5) - 1) / 2
	a, b := -7.0, 7.0
	x, y := b-float64(golden*(b-a)), a+float64(golden*(b-a))
	fx, fy := loss(x), loss(y)
	for b-a > 1e-3 {
		if fx <= fy {
			b, y, fy = y, x, fx
			x = b - float64(golden*(b-a))
			fx = loss(x)
		} else {
			a, x, fx = x, y, fy
			y = a + float64(golden*(b-a))
			fy = loss(y)
		}
	}
	return bitexact.Exp((a + b) / 2)
}

// temperatureLoss is the cross-entropy of the labels at a temperature. The truth is
// given the probability (N+1)/(N+2), as Platt (1999) does: N images that are all right
// show no more than that; with probability 1 the most probable temperature would be 0.
func temperatureLoss(scores []float64, truth []int, shift []float64, temperature float64) float64 {
	labels := len(scores) / len(truth)
	rest := 1 / float64(len(truth)+2)
	other := rest / float64(max(labels-1, 1))
	z := make([]float64, labels)
	sum := 0.0
	for i, y := range truth {
		copy(z, scores[i*labels:(i+1)*labels])
		top := math.Inf(-1)
		for c := range z {
			if shift != nil {
				z[c] += shift[c]
			}
			z[c] /= temperature
			top = max(top, z[c])
		}
		var exps, all float64
		for _, v := range z {
			exps += bitexact.Exp(v - top)
			all += v
		}
		// Σ target·(ln Σ exp z − z), the targets being 1−rest for y and other for the rest.
		sum += bitexact.Log(exps) + top - float64((1-rest-other)*z[y]) - float64(other*all)
	}
	return sum
}

// calibrate sets the temperature from validation images: their scores, N×C, and
// labels.
func (h *Head) calibrate(scores []float64, truth []int) {
	h.Temperature = 1
	if len(truth) >= enoughToCalibrate {
		h.Temperature = fitTemperature(scores, truth, h.Shift)
	}
}
