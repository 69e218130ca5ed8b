package autodiff

import (
	"math"

	"featstore/extract/internal/tensor"
)

// batchNorm with the running mean μ and variance v: of (x−μ)·r·γ + β with r = 1/√(v+ε),
// dx = dy·r·γ, dγ = Σ dy·(x−μ)·r and dβ = Σ dy. The statistics are frozen: there is no
// gradient by them.
func batchNorm(s *step) error {
	if s.Int("training_mode", 0) != 0 || s.Int("spatial", 1) == 0 {
		return ErrNoRule
	}
	x, scale, mean, variance := s.x(0), s.x(1), s.x(3), s.x(4)
	n, inner := len(scale), tensor.Len(s.in[0].Shape[2:])
	epsilon := float64(s.Float("epsilon", 1e-5))
	dx, normal := make([]float64, len(x)), make([]float64, len(x))
	for i, dy := range s.dy[0] {
		k := i / inner % n
		r := 1 / math.Sqrt(variance[k]+epsilon)
		dx[i], normal[i] = dy*r*scale[k], dy*(x[i]-mean[k])*r
	}
	s.dx[0], s.dx[1], s.dx[2] = dx, perChannel(normal, n, inner), perChannel(s.dy[0], n, inner)
	return nil
}

// instanceNorm standardizes each channel of each image.
func instanceNorm(s *step) error {
	return s.standardized(tensor.Len(s.in[0].Shape[2:]), channelScale(s, s.in[0].Shape[1]))
}

// groupNorm standardizes groups of channels of each image. Until opset 21 scale and bias
// are given for each group, since then for each channel.
func groupNorm(s *step) error {
	return s.standardized(tensor.Len(s.in[0].Shape[1:])/s.Int("num_groups", 1), channelScale(s, tensor.Len(s.in[1].Shape)))
}

// channelScale returns for each element which of n scales it has, each of which serves
// equally many channels.
func channelScale(s *step, n int) []int {
	at := make([]int, tensor.Len(s.in[0].Shape))
	each := tensor.Len(s.in[0].Shape[1:]) / n
	for i := range at {
		at[i] = i / each % n
	}
	return at
}

// layerNorm standardizes all from an axis on. Scale and bias broadcast to the input.
func layerNorm(s *step) error {
	at, err := stretched(s.in[1].Shape, s.in[0].Shape)
	if err != nil {
		return err
	}
	return s.standardized(tensor.Len(s.in[0].Shape[s.axis("axis", -1):]), at)
}

// standardized is for y = x̂·γ + β, where x̂ = (x−μ)·r is a run of n elements brought to
// mean 0 and variance 1, and at says which γ and β each element has:
//
//	dγ = Σ dy·x̂ and dβ = Σ dy over the elements that share them,
//	dx = r·(d − mean(d) − x̂·mean(d·x̂)) for each run, with d = dy·γ.
func (s *step) standardized(n int, at []int) error {
	x, scale, epsilon := s.x(0), s.x(1), float64(s.Float("epsilon", 1e-5))
	normal, dx, byScale := make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x))
	d := make([]float64, n)
	for first := 0; first < len(x); first += n {
		mean, variance := moments(x[first:][:n])
		r := 1 / math.Sqrt(variance+epsilon)
		sum, product := 0.0, 0.0
		for k := range n {
			i := first + k
			normal[i] = (x[i] - mean) * r
			d[k] = s.dy[0][i] * scale[at[i]]
			byScale[i] = s.dy[0][i] * normal[i]
			sum += d[k] / float64(n)
			product += d[k] * normal[i] / float64(n)
		}
		for k := range n {
			dx[first+k] = r * (d[k] - sum - normal[first+k]*product)
		}
	}
	s.dx[0], s.dx[1] = dx, scattered(byScale, at, len(scale))
	if s.has(2) {
		s.dx[2] = scattered(s.dy[0], at, len(scale))
	}
	return nil
}

func moments(v []float64) (mean, variance float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		variance += (x - mean) * (x - mean) / float64(len(v))
	}
	return mean, variance
}
