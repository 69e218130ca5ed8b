package engine

// A poolStep takes the maximum or average of windows: first along columns, for a
// whole row of pixels at once, then along that row.
type poolStep struct {
	window
	max      bool
	countPad bool // the average counts padding pixels, inside the padded image
	in, out  *view
	columns  []clipped // of the windows of an output row
}

// A clipped is the part of a window inside the image, along one axis.
type clipped struct {
	from, to int
	taps     int // inside the image
	padded   int // inside the padded image
}

func (s *poolStep) prepare() {
	for x := range s.out.w {
		s.columns = append(s.columns, s.clip(1, x, s.in.w, s.pad.left, s.pad.right))
	}
}

func (s *poolStep) clip(axis, at, size, padBegin, padEnd int) (c clipped) {
	step := s.dilation[axis]
	c.from, c.to, c.padded = clipWindow(at*s.stride[axis]-padBegin, s.kernel[axis], step, size, padEnd)
	if c.to > c.from {
		c.taps = (c.to - c.from + step - 1) / step
	}
	return c
}

func (s *poolStep) size() int { return s.out.n * s.out.h }

func (s *poolStep) scratch() int { return s.in.w * s.in.c }

func (s *poolStep) runLines(r *Runner, h *worker, from, to int) {
	in, out := r.mem(s.in), r.mem(s.out)
	buf := h.scratch(s.scratch())
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		rows := s.clip(0, y, s.in.h, s.pad.top, s.pad.bottom)
		s.combineRows(r, buf, in, n, rows)
		for x, columns := range s.columns {
			s.pixel(r, out[s.out.at(n, y, x):][:s.out.c], buf, rows, columns)
		}
	}
}

// combineRows combines the rows of pixels that a window spans.
func (s *poolStep) combineRows(r *Runner, buf, in []float32, n int, rows clipped) {
	width := s.in.c
	if s.in.ld == s.in.c {
		width = s.in.w * s.in.c
	}
	for at := 0; at < len(buf) && rows.taps > 0; at += width {
		dst := buf[at : at+width]
		copy(dst, in[s.in.at(n, rows.from, at/s.in.c):])
		for y := rows.from + s.dilation[0]; y < rows.to; y += s.dilation[0] {
			combine(r, s.max, dst, in[s.in.at(n, y, at/s.in.c):])
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
func (s *poolStep) pixel(r *Runner, dst, row []float32, rows, columns clipped) {
	taps := rows.taps * columns.taps
	if taps == 0 { // a window of padding only
		fill(dst, s.emptyWindow())
		return
	}
	copy(dst, row[columns.from*len(dst):])
	for x := columns.from + s.dilation[1]; x < columns.to; x += s.dilation[1] {
		combine(r, s.max, dst, row[x*len(dst):])
	}
	if !s.max {
		if s.countPad {
			taps = rows.padded * columns.padded
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

func fill[T float32 | byte](x []T, v T) {
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

// A meanStep averages, or takes the maximum of, all pixels of an image.
type meanStep struct {
	in, out *view
	max     bool
}

func (s *meanStep) prepare() {}

func (s *meanStep) scratch() int {
	if s.in.ld != s.in.c || s.in.h == 1 {
		return 0
	}
	return s.in.w * s.in.c
}

func (s *meanStep) run(r *Runner) error {
	in, out := r.mem(s.in), r.mem(s.out)
	for n := range s.in.n {
		s.image(r, out[meanAt(s.in, s.out, n):][:s.in.c], in, n)
	}
	return nil
}

// meanAt is where the mean of the n-th image belongs.
func meanAt(in, out *view, n int) int {
	if out.n != in.n { // the reduced axes are gone: N×C
		return out.at(0, 0, n)
	}
	return out.at(n, 0, 0)
}

// image combines the rows of pixels, where these follow each other, and then the
// pixels of the result.
func (s *meanStep) image(r *Runner, dst, in []float32, n int) {
	row, h, w := in, s.in.h, s.in.w
	at := func(y, x int) int { return s.in.at(n, y, x) }
	if n := s.scratch(); n > 0 {
		row = r.scratch(n)
		copy(row, in[at(0, 0):])
		for y := 1; y < h; y++ {
			combine(r, s.max, row, in[at(y, 0):])
		}
		h, at = 1, func(_, x int) int { return x * len(dst) }
	}
	for y := range h {
		for x := range w {
			if y+x == 0 {
				copy(dst, row[at(0, 0):])
			} else {
				combine(r, s.max, dst, row[at(y, x):])
			}
		}
	}
	if !s.max {
		r.set.Affine(dst, dst, 1/float32(s.in.h*s.in.w), 0)
	}
}
