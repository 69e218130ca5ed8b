package engine

// A poolGradientStep gives the gradient of a window's maximum to the first pixel that
// has it, and that of an average to all pixels alike. A line is an image.
type poolGradientStep struct {
	poolStep
	dy, dx *view
}

func (s *poolGradientStep) size() int { return s.dx.n }

func (s *poolGradientStep) scratch() int { return s.dx.c }

func (s *poolGradientStep) runLines(r *Runner, h *worker, from, to int) {
	dy, dx, buf := r.mem(s.dy), r.mem(s.dx), h.scratch(s.scratch())
	for n := from; n < to; n++ {
		for y := range s.dx.h {
			for x := range s.dx.w {
				clear(dx[s.dx.at(n, y, x):][:s.dx.c])
			}
		}
		for y := range s.out.h {
			rows := s.clip(0, y, s.in.h, s.pad.top, s.pad.bottom)
			for x, columns := range s.columns {
				copy(buf, dy[s.dy.at(n, y, x):][:s.dx.c])
				if s.max {
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
func (s *poolGradientStep) toLargest(r *Runner, d []float32, n, y, x int, rows, columns clipped) {
	in, dx, largest := r.mem(s.in), r.mem(s.dx), r.mem(s.out)[s.out.at(n, y, x):][:len(d)]
	for i := rows.from; i < rows.to; i += s.dilation[0] {
		for j := columns.from; j < columns.to; j += s.dilation[1] {
			v, to := in[s.in.at(n, i, j):][:len(d)], dx[s.dx.at(n, i, j):][:len(d)]
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
func (s *poolGradientStep) toAll(r *Runner, d []float32, n int, rows, columns clipped) {
	dx, taps := r.mem(s.dx), rows.taps*columns.taps
	if s.countPad {
		taps = rows.padded * columns.padded
	}
	if taps == 0 {
		return
	}
	for i := rows.from; i < rows.to; i += s.dilation[0] {
		for j := columns.from; j < columns.to; j += s.dilation[1] {
			r.set.AddScaled(dx[s.dx.at(n, i, j):][:len(d)], d, 1/float32(taps))
		}
	}
}

type meanGradientStep struct{ dy, dx *view }

func (s *meanGradientStep) prepare() {}

func (s *meanGradientStep) size() int { return s.dx.n * s.dx.h }

func (s *meanGradientStep) runLines(r *Runner, _ *worker, from, to int) {
	dy, dx, share := r.mem(s.dy), r.mem(s.dx), 1/float32(s.dx.h*s.dx.w)
	for i := from; i < to; i++ {
		n, y := i/s.dx.h, i%s.dx.h
		d := dy[meanAt(s.dx, s.dy, n):][:s.dx.c]
		for x := range s.dx.w {
			r.set.Affine(dx[s.dx.at(n, y, x):][:s.dx.c], d, share, 0)
		}
	}
}

type maxGradientStep struct{ dy, x, y, dx *view }

func (s *maxGradientStep) prepare() {}

func (s *maxGradientStep) size() int { return s.dx.n }

func (s *maxGradientStep) scratch() int { return s.dx.c }

func (s *maxGradientStep) runLines(r *Runner, h *worker, from, to int) {
	x, dx, d := r.mem(s.x), r.mem(s.dx), h.scratch(s.scratch())
	for n := from; n < to; n++ {
		copy(d, r.mem(s.dy)[meanAt(s.dx, s.dy, n):][:s.dx.c])
		largest := r.mem(s.y)[meanAt(s.dx, s.y, n):][:s.dx.c]
		for i := range s.dx.h * s.dx.w {
			v, to := x[s.x.at(n, i/s.dx.w, i%s.dx.w):][:len(d)], dx[s.dx.at(n, i/s.dx.w, i%s.dx.w):][:len(d)]
			for c, top := range largest {
				to[c] = 0
				if v[c] == top {
					to[c], d[c] = d[c], 0
				}
			}
		}
	}
}
