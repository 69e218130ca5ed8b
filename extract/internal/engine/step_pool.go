package engine

// A poolStep takes the maximum or average of windows.
type poolStep struct {
	*pool
	in, out *place
}

func (s *poolStep) prepare() {}

func (s *poolStep) size() int { return s.out.n * s.out.h }

func (s *poolStep) runLines(r *Runner, _ *hand, from, to int) {
	in, out := r.mem(s.in), r.mem(s.out)
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		for x := range s.out.w {
			s.pixel(r, out[s.out.at(n, y, x):][:s.out.c], in, n, y, x)
		}
	}
}

// pixel computes one output pixel from the part of its window inside the image.
func (s *poolStep) pixel(r *Runner, dst, in []float32, n, y, x int) {
	y0, y1, ny := clipWindow(y*s.stride[0]-s.pad.top, s.kernel[0], s.dilation[0], s.in.h, s.pad.bottom)
	x0, x1, nx := clipWindow(x*s.stride[1]-s.pad.left, s.kernel[1], s.dilation[1], s.in.w, s.pad.right)
	first, taps := true, 0
	for iy := y0; iy < y1; iy += s.dilation[0] {
		for ix := x0; ix < x1; ix += s.dilation[1] {
			src := in[s.in.at(n, iy, ix):][:len(dst)]
			taps++
			switch {
			case first:
				copy(dst, src)
			case s.max:
				r.set.MaxInto(dst, src)
			default:
				r.set.AddInto(dst, src)
			}
			first = false
		}
	}
	if first { // a window of padding only
		fill(dst, s.emptyWindow())
		return
	}
	if !s.max {
		if s.countPad {
			taps = ny * nx
		}
		r.set.Affine(dst, dst, 1/float32(taps), 0)
	}
}

func (s *poolStep) emptyWindow() float32 {
	if s.max {
		return -infinity
	}
	return 0
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// clipWindow returns the taps from begin that lie in [0, size), as a range to go
// through by dilation, and how many lie in the padded image, which ends at
// size + padEnd.
func clipWindow(begin, taps, dilation, size, padEnd int) (from, to, padded int) {
	for k := range taps {
		if begin+k*dilation < size+padEnd {
			padded++
		}
	}
	end := begin + (taps-1)*dilation + 1
	from = begin
	for from < 0 {
		from += dilation
	}
	return from, min(end, size), padded
}

// A meanStep averages, or takes the maximum of, all pixels of an image.
type meanStep struct {
	in, out *place
	max     bool
}

func (s *meanStep) prepare() {}

func (s *meanStep) run(r *Runner) error {
	in, out := r.mem(s.in), r.mem(s.out)
	for n := range s.in.n {
		s.image(r, out[s.out.ch+n*s.out.ld*s.out.w:][:s.in.c], in, n)
	}
	return nil
}

func (s *meanStep) image(r *Runner, dst, in []float32, n int) {
	for y := range s.in.h {
		for x := range s.in.w {
			src := in[s.in.at(n, y, x):][:len(dst)]
			switch {
			case y == 0 && x == 0:
				copy(dst, src)
			case s.max:
				r.set.MaxInto(dst, src)
			default:
				r.set.AddInto(dst, src)
			}
		}
	}
	if !s.max {
		r.set.Affine(dst, dst, 1/float32(s.in.h*s.in.w), 0)
	}
}
