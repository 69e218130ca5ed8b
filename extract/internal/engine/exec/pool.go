package exec

import "featstore/extract/internal/engine/memory"

// A Pool takes the maximum or average of windows: first along columns, for a
// whole row of pixels at once, then along that row.
type Pool struct {
	Window
	Max      bool
	CountPad bool // the average counts padding pixels, inside the padded image
	In, Out  *memory.View
	columns  []clipped // of the windows of an output row
}

// A clipped is the part of a window inside the image, along one axis.
type clipped struct {
	from, to int
	taps     int // inside the image
	padded   int // inside the padded image
}

func (s *Pool) prepare() {
	for x := range s.Out.W {
		s.columns = append(s.columns, s.clip(1, x, s.In.W, s.Pad.Left, s.Pad.Right))
	}
}

func (s *Pool) clip(axis, at, size, padBegin, padEnd int) (c clipped) {
	step := s.Dilation[axis]
	c.from, c.to, c.padded = clipWindow(at*s.Stride[axis]-padBegin, s.Kernel[axis], step, size, padEnd)
	if c.to > c.from {
		c.taps = (c.to - c.from + step - 1) / step
	}
	return c
}

func (s *Pool) size() int { return s.Out.N * s.Out.H }

func (s *Pool) scratch() int { return s.In.W * s.In.C }

func (s *Pool) runLines(r *Runner, h *worker, from, to int) {
	in, out := r.mem(s.In), r.mem(s.Out)
	buf := h.scratch(s.scratch())
	for i := from; i < to; i++ {
		n, y := i/s.Out.H, i%s.Out.H
		rows := s.clip(0, y, s.In.H, s.Pad.Top, s.Pad.Bottom)
		s.combineRows(r, buf, in, n, rows)
		for x, columns := range s.columns {
			s.pixel(r, out[s.Out.At(n, y, x):][:s.Out.C], buf, rows, columns)
		}
	}
}

// combineRows combines the rows of pixels that a window spans.
func (s *Pool) combineRows(r *Runner, buf, in []float32, n int, rows clipped) {
	width := s.In.C
	if s.In.LD == s.In.C {
		width = s.In.W * s.In.C
	}
	for at := 0; at < len(buf) && rows.taps > 0; at += width {
		dst := buf[at : at+width]
		copy(dst, in[s.In.At(n, rows.from, at/s.In.C):])
		for y := rows.from + s.Dilation[0]; y < rows.to; y += s.Dilation[0] {
			combine(r, s.Max, dst, in[s.In.At(n, y, at/s.In.C):])
		}
	}
}

// combine takes the larger of each two values, or adds them.
func combine(r *Runner, largest bool, dst, src []float32) {
	if largest {
		r.set.MaxInto(dst, src)
	} else {
		r.set.AddInto(dst, src)
	}
}

// pixel computes one output pixel from rows that are combined already.
func (s *Pool) pixel(r *Runner, dst, row []float32, rows, columns clipped) {
	taps := rows.taps * columns.taps
	if taps == 0 { // a window of padding only
		Fill(dst, s.emptyWindow())
		return
	}
	copy(dst, row[columns.from*len(dst):])
	for x := columns.from + s.Dilation[1]; x < columns.to; x += s.Dilation[1] {
		combine(r, s.Max, dst, row[x*len(dst):])
	}
	if !s.Max {
		if s.CountPad {
			taps = rows.padded * columns.padded
		}
		r.set.Affine(dst, dst, 1/float32(taps), 0)
	}
}

func (s *Pool) emptyWindow() float32 {
	if s.Max {
		return -infinity
	}
	return 0
}

func Fill[T float32 | byte](x []T, v T) {
	if v == 0 {
		clear(x)
		return
	}
	if len(x) > 0 {
		x[0] = v
	}
	for n := 1; n < len(x); n *= 2 {
		copy(x[n:], x[:n])
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

// A Mean averages, or takes the maximum of, all pixels of an image.
type Mean struct {
	In, Out *memory.View
	Max     bool
}

func (s *Mean) prepare() {}

func (s *Mean) scratch() int {
	if s.In.LD != s.In.C || s.In.H == 1 {
		return 0
	}
	return s.In.W * s.In.C
}

func (s *Mean) run(r *Runner) error {
	in, out := r.mem(s.In), r.mem(s.Out)
	for n := range s.In.N {
		s.image(r, out[meanAt(s.In, s.Out, n):][:s.In.C], in, n)
	}
	return nil
}

// meanAt is where the mean of the n-th image belongs.
func meanAt(in, out *memory.View, n int) int {
	if out.N != in.N { // the reduced axes are gone: N×C
		return out.At(0, 0, n)
	}
	return out.At(n, 0, 0)
}

// image combines the rows of pixels, where these follow each other, and then the
// pixels of the result.
func (s *Mean) image(r *Runner, dst, in []float32, n int) {
	row, h, w := in, s.In.H, s.In.W
	at := func(y, x int) int { return s.In.At(n, y, x) }
	if n := s.scratch(); n > 0 {
		row = r.scratch(n)
		copy(row, in[at(0, 0):])
		for y := 1; y < h; y++ {
			combine(r, s.Max, row, in[at(y, 0):])
		}
		h, at = 1, func(_, x int) int { return x * len(dst) }
	}
	for y := range h {
		for x := range w {
			if y+x == 0 {
				copy(dst, row[at(0, 0):])
			} else {
				combine(r, s.Max, dst, row[at(y, x):])
			}
		}
	}
	if !s.Max {
		r.set.Affine(dst, dst, 1/float32(s.In.H*s.In.W), 0)
	}
}
