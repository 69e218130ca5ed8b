package exec

import (
	"math"

	"featstore/extract/internal/engine/memory"
)

// A BatchNorm normalizes every channel by its mean and variance over all pixels of
// all images.
type BatchNorm struct {
	Scale, Bias []float32
	Epsilon     float32
	In, Out     *memory.View
}

func (s *BatchNorm) prepare() {}

func (s *BatchNorm) scratch() int { return 3 * s.In.C }

func (s *BatchNorm) run(r *Runner) error {
	c := s.In.C
	in, buf := r.mem(s.In), r.scratch(s.scratch())
	mean, variance, row := buf[:c], buf[c:2*c], buf[2*c:]
	s.average(r, mean, row, func(sum []float32, at int) { r.set.AddInto(sum, in[at:at+c]) })
	s.average(r, variance, row, func(sum []float32, at int) {
		for i, v := range in[at : at+c] {
			d := v - mean[i]
			sum[i] += d * d
		}
	})
	for i, v := range variance {
		variance[i] = s.Scale[i] / float32(math.Sqrt(float64(v+s.Epsilon)))
	}
	s.normalize(r.mem(s.Out), in, mean, variance)
	return nil
}

// average sets mean to the average over all pixels of what add adds for one. Each row
// of pixels is summed by itself: sums of few values lose little.
func (s *BatchNorm) average(r *Runner, mean, row []float32, add func(sum []float32, at int)) {
	clear(mean)
	share := 1 / float32(s.In.N*s.In.H*s.In.W)
	for i := range s.In.N * s.In.H {
		clear(row)
		for x := range s.In.W {
			add(row, s.In.At(i/s.In.H, i%s.In.H, x))
		}
		r.set.Affine(row, row, share, 0)
		r.set.AddInto(mean, row)
	}
}

func (s *BatchNorm) normalize(out, in, mean, factor []float32) {
	for i := range s.In.N * s.In.H {
		n, y := i/s.In.H, i%s.In.H
		for x := range s.In.W {
			src, dst := in[s.In.At(n, y, x):][:s.In.C], out[s.Out.At(n, y, x):][:s.In.C]
			for k, v := range src {
				dst[k] = (v-mean[k])*factor[k] + s.Bias[k]
			}
		}
	}
}
