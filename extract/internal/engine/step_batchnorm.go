package engine

import "math"

// A batchNormStep normalizes every channel by its mean and variance over all pixels of
// all images.
type batchNormStep struct {
	scale, bias []float32
	epsilon     float32
	in, out     *view
}

func (s *batchNormStep) prepare() {}

func (s *batchNormStep) scratch() int { return 3 * s.in.c }

func (s *batchNormStep) run(r *Runner) error {
	c := s.in.c
	in, buf := r.mem(s.in), r.scratch(s.scratch())
	mean, variance, row := buf[:c], buf[c:2*c], buf[2*c:]
	s.average(r, mean, row, func(sum []float32, at int) { r.set.AddInto(sum, in[at:at+c]) })
	s.average(r, variance, row, func(sum []float32, at int) {
		for i, v := range in[at : at+c] {
			d := v - mean[i]
			sum[i] += d * d
		}
	})
	for i, v := range variance {
		variance[i] = s.scale[i] / float32(math.Sqrt(float64(v+s.epsilon)))
	}
	s.normalize(r.mem(s.out), in, mean, variance)
	return nil
}

// average sets mean to the average over all pixels of what add adds for one. Each row
// of pixels is summed by itself: sums of few values lose little.
func (s *batchNormStep) average(r *Runner, mean, row []float32, add func(sum []float32, at int)) {
	clear(mean)
	share := 1 / float32(s.in.n*s.in.h*s.in.w)
	for i := range s.in.n * s.in.h {
		clear(row)
		for x := range s.in.w {
			add(row, s.in.at(i/s.in.h, i%s.in.h, x))
		}
		r.set.Affine(row, row, share, 0)
		r.set.AddInto(mean, row)
	}
}

func (s *batchNormStep) normalize(out, in, mean, factor []float32) {
	for i := range s.in.n * s.in.h {
		n, y := i/s.in.h, i%s.in.h
		for x := range s.in.w {
			src, dst := in[s.in.at(n, y, x):][:s.in.c], out[s.out.at(n, y, x):][:s.in.c]
			for k, v := range src {
				dst[k] = (v-mean[k])*factor[k] + s.bias[k]
			}
		}
	}
}
