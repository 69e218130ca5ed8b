package photo

import "math"

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

// storedAxes are the axes of a picture of which w×h pixels are stored.
func (v View) storedAxes(p *Preprocess, w, h int, o orientation) (x, y axisSpec) {
	if o.transposes() {
		y, x = v.axes(p, h, w)
	} else {
		x, y = v.axes(p, w, h)
	}
	x.flipped, y.flipped = o.flips()
	return x, y
}

// needed returns the stored pixels, from…to, that outputs depend on.
func (s axisSpec) needed() (from, to int) {
	f := newFilter(&s)
	reach := f.support + 2 // generous: for TensorFlow's offset and for rounding
	from = s.lo + int(max(0, float64(float64(s.skip)*f.scale)-reach))
	to = s.lo + int(min(float64(s.hi-s.lo), math.Ceil(float64(float64(s.skip+s.out)*f.scale)+reach)))
	if s.flipped {
		from, to = s.size-to, s.size-from
	}
	return from, to
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
