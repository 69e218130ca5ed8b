package extract

import (
	"fmt"

	"featstore/extract/internal/jpeg"
)

// Scratch is the memory that decoding and resizing need besides their input and
// output. One goroutine uses it at a time; the zero value is ready. Reusing it
// saves the allocations.
type Scratch struct {
	jpeg  jpeg.Decoder
	photo Photo

	axes  [3][2]taps // per plane: columns, rows
	sums  []int32    // one row of a plane, while rows are being summed
	rows  [3][]int16 // one output row of each plane, not yet resampled along the row
	lines [3][]float32
}

// rowBits is the fixed point of Scratch.rows: pixel values times 64. Bicubic
// overshoot included, they fit an int16.
const rowBits = 6

// Fill turns a decoded photo into the network's input: upright, cut, scaled,
// in the right channel order and normalised. dst gets p.Len() values, Height×Width×3.
//
// The planes are resampled as they are, chroma from its own resolution, and
// only the resampled pixels are converted to RGB: the upsampling a JPEG decoder
// would do first is a linear filter too, and is folded into the weights.
func (p *Preprocess) Fill(dst []float32, ph *Photo, s *Scratch) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if len(dst) != p.Len() {
		return fmt.Errorf("resize: room for %d values, want %d×%d×3 = %d", len(dst), p.Height, p.Width, p.Len())
	}
	s.prepare(p, ph)
	n := ph.color.planes()
	w := newWriter(p, ph.color)
	pixel, row := 1, p.Width // steps in the upright output per stored column and row
	if orientation(ph.Orientation).transposes() {
		pixel, row = p.Width, 1
	}
	for y := range s.axes[0][1].spec.out {
		for c := range n {
			s.sumRows(c, &ph.planes[c], y)
			s.axes[c][0].alongRow(s.lines[c], s.rows[c])
		}
		w.write(dst[y*row*3:], pixel*3, &s.lines)
	}
	return nil
}

// prepare computes the weights for this photo and sizes the buffers.
func (s *Scratch) prepare(p *Preprocess, ph *Photo) {
	x, y := p.axes(ph.Width(), ph.Height())
	o := orientation(ph.Orientation)
	if o.transposes() {
		x, y = y, x
	}
	x.flipped, y.flipped = o.flips()
	for c := range ph.color.planes() {
		pl := &ph.planes[c]
		x.samples, x.up = pl.w, pl.upX
		y.samples, y.up = pl.h, pl.upY
		s.axes[c][0].prepare(x)
		s.axes[c][1].prepare(y)
		cols := &s.axes[c][0]
		s.rows[c] = resize(s.rows[c], pl.w+cols.width)
		clear(s.rows[c][cols.end:]) // read with weight 0
		s.lines[c] = resize(s.lines[c], x.out)
	}
	s.sums = resize(s.sums, max(ph.planes[0].w, ph.planes[1].w, ph.planes[2].w))
}

// axes returns how a w×h picture is cut and scaled.
func (p *Preprocess) axes(w, h int) (x, y axisSpec) {
	x = axisSpec{size: w, hi: w, full: p.Width, out: p.Width, filter: p.Filter, antialias: p.Antialias}
	y = axisSpec{size: h, hi: h, full: p.Height, out: p.Height, filter: p.Filter, antialias: p.Antialias}
	switch p.Rule {
	case RuleCenterSquare:
		// The largest part with the output's shape.
		cw, ch := w, h
		if w*p.Height > h*p.Width {
			cw = max(1, (h*p.Width+p.Height/2)/p.Height)
		} else {
			ch = max(1, (w*p.Height+p.Width/2)/p.Width)
		}
		x.lo = (w - cw) / 2
		y.lo = (h - ch) / 2
		x.hi, y.hi = x.lo+cw, y.lo+ch
	case RuleShorterSide:
		if w < h {
			x.full, y.full = p.Side, int(int64(p.Side)*int64(h)/int64(w))
		} else {
			x.full, y.full = int(int64(p.Side)*int64(w)/int64(h)), p.Side
		}
		x.skip, y.skip = halfEven(x.full-x.out), halfEven(y.full-y.out)
	}
	return x, y
}

// halfEven is n/2 rounded to even, as Python's round does it in torchvision's
// CenterCrop.
func halfEven(n int) int {
	half := n / 2
	if n%2 == 1 && half%2 == 1 {
		half++
	}
	return half
}

// sumRows makes row y of plane c's output at the plane's own width: the sum of
// the plane's rows times their weights.
func (s *Scratch) sumRows(c int, pl *plane, y int) {
	rows, cols := &s.axes[c][1], &s.axes[c][0]
	w := rows.weight[y*rows.width:][:rows.count[y]]
	from, n := cols.lowest, cols.end-cols.lowest
	sums, at := s.sums[:n], int(rows.first[y])*pl.stride+from
	for i := range sums {
		sums[i] = 1 << (weightBits - rowBits - 1) // rounds
	}
	for ; len(w) >= 2; w = w[2:] {
		addRows2(sums, pl.pix[at:], pl.pix[at+pl.stride:], int32(w[0]), int32(w[1]))
		at += 2 * pl.stride
	}
	if len(w) == 1 {
		addRow(sums, pl.pix[at:], int32(w[0]))
	}
	out := s.rows[c][from:][:n]
	for i, v := range sums {
		out[i] = int16(v >> (weightBits - rowBits))
	}
}

func addRows2(sums []int32, a, b []byte, wa, wb int32) {
	a, b = a[:len(sums)], b[:len(sums)]
	for i := range sums {
		sums[i] += wa*int32(a[i]) + wb*int32(b[i])
	}
}

func addRow(sums []int32, a []byte, wa int32) {
	a = a[:len(sums)]
	for i := range sums {
		sums[i] += wa * int32(a[i])
	}
}

// alongRow resamples one row: dst in pixel values 0…255 (beyond by what the
// filter overshoots), src in pixel values times 1<<rowBits.
func (t *taps) alongRow(dst []float32, src []int16) {
	const one = 1.0 / (1 << (weightBits + rowBits))
	for i := range dst {
		n := int(t.count[i])
		w := t.weight[i*t.width:][:n]
		s := src[t.first[i]:][:n]
		var sum int32
		for j, v := range w {
			sum += int32(v) * int32(s[j])
		}
		dst[i] = float32(sum) * one
	}
}
