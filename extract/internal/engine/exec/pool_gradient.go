package exec

import "featstore/extract/internal/engine/memory"

// A PoolGradient gives the gradient of a window's maximum to the first pixel that
// has it, and that of an average to all pixels alike. A line is an image.
type PoolGradient struct {
	Pool
	Dy, Dx *memory.View
}

func (s *PoolGradient) size() int { return s.Dx.N }

func (s *PoolGradient) scratch() int { return s.Dx.C }

func (s *PoolGradient) runLines(r *Runner, h *worker, from, to int) {
	dy, dx, buf := r.mem(s.Dy), r.mem(s.Dx), h.scratch(s.scratch())
	for n := from; n < to; n++ {
		for y := range s.Dx.H {
			for x := range s.Dx.W {
				clear(dx[s.Dx.At(n, y, x):][:s.Dx.C])
			}
		}
		for y := range s.Out.H {
			rows := s.clip(0, y, s.In.H, s.Pad.Top, s.Pad.Bottom)
			for x, columns := range s.columns {
				copy(buf, dy[s.Dy.At(n, y, x):][:s.Dx.C])
				if s.Max {
					s.toLargest(r, buf, n, y, x, rows, columns)
				} else {
					s.toAll(r, buf, n, rows, columns)
				}
			}
		}
	}
}

// toLargest adds d to the first pixel of a window that has the maximum, channel by
// channel. It leaves d zero.
func (s *PoolGradient) toLargest(r *Runner, d []float32, n, y, x int, rows, columns clipped) {
	in, dx, largest := r.mem(s.In), r.mem(s.Dx), r.mem(s.Out)[s.Out.At(n, y, x):][:len(d)]
	for i := rows.from; i < rows.to; i += s.Dilation[0] {
		for j := columns.from; j < columns.to; j += s.Dilation[1] {
			v, to := in[s.In.At(n, i, j):][:len(d)], dx[s.Dx.At(n, i, j):][:len(d)]
			for c, top := range largest {
				if v[c] == top {
					to[c] += d[c]
					d[c] = 0
				}
			}
		}
	}
}

// toAll adds its share of d to every pixel of a window.
func (s *PoolGradient) toAll(r *Runner, d []float32, n int, rows, columns clipped) {
	dx, taps := r.mem(s.Dx), rows.taps*columns.taps
	if s.CountPad {
		taps = rows.padded * columns.padded
	}
	if taps == 0 {
		return
	}
	for i := rows.from; i < rows.to; i += s.Dilation[0] {
		for j := columns.from; j < columns.to; j += s.Dilation[1] {
			r.set.AddScaled(dx[s.Dx.At(n, i, j):][:len(d)], d, 1/float32(taps))
		}
	}
}

type MeanGradient struct{ Dy, Dx *memory.View }

func (s *MeanGradient) prepare() {}

func (s *MeanGradient) size() int { return s.Dx.N * s.Dx.H }

func (s *MeanGradient) runLines(r *Runner, _ *worker, from, to int) {
	dy, dx, share := r.mem(s.Dy), r.mem(s.Dx), 1/float32(s.Dx.H*s.Dx.W)
	for i := from; i < to; i++ {
		n, y := i/s.Dx.H, i%s.Dx.H
		d := dy[meanAt(s.Dx, s.Dy, n):][:s.Dx.C]
		for x := range s.Dx.W {
			r.set.Affine(dx[s.Dx.At(n, y, x):][:s.Dx.C], d, share, 0)
		}
	}
}

type MaxGradient struct{ Dy, X, Y, Dx *memory.View }

func (s *MaxGradient) prepare() {}

func (s *MaxGradient) size() int { return s.Dx.N }

func (s *MaxGradient) scratch() int { return s.Dx.C }

func (s *MaxGradient) runLines(r *Runner, h *worker, from, to int) {
	x, dx, d := r.mem(s.X), r.mem(s.Dx), h.scratch(s.scratch())
	for n := from; n < to; n++ {
		copy(d, r.mem(s.Dy)[meanAt(s.Dx, s.Dy, n):][:s.Dx.C])
		largest := r.mem(s.Y)[meanAt(s.Dx, s.Y, n):][:s.Dx.C]
		for i := range s.Dx.H * s.Dx.W {
			v, to := x[s.X.At(n, i/s.Dx.W, i%s.Dx.W):][:len(d)], dx[s.Dx.At(n, i/s.Dx.W, i%s.Dx.W):][:len(d)]
			for c, top := range largest {
				to[c] = 0
				if v[c] == top {
					to[c], d[c] = d[c], 0
				}
			}
		}
	}
}
