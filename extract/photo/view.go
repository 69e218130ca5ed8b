package photo

import "math"

// axes returns how the upright w×h picture is cut and scaled for the view: of what the
// preparation would show, scaled to more than the input's size, a part. It is of the
// input's size or, for a view that is turned, as large as that takes.
func (v View) axes(p *Preprocess, w, h int) (x, y axisSpec) {
	x, y = p.axes(w, h)
	if zoom, wide, high := v.enlargement(p); zoom != one {
		x.enlarge(zoom, wide, v.x)
		y.enlarge(zoom, high, v.y)
	}
	return x, y
}

// enlargement is how many times as large a photo is scaled for the view as plain, and the
// size of the part that it is seen in.
func (v View) enlargement(p *Preprocess) (zoom fixed, wide, high int) {
	zoom, wide, high = one+v.zoom, p.Width, p.Height
	if v.angle != 0 {
		wide, high = rotationBy(v.angle).bounds(wide, high)
		zoom = zoom.times(max(ratio(wide, p.Width), ratio(high, p.Height)))
	}
	return zoom, wide, high
}

// decoding is how p decodes a photo for the view: one that is enlarged needs more pixels.
// They are twice or four times as many, so that most views of a photo have the same.
func (v View) decoding(p *Preprocess) Preprocess {
	q := *p
	zoom, _, _ := v.enlargement(p)
	for ; q.JPEGReduce > 0 && zoom > one; zoom = (zoom + 1) / 2 {
		q.JPEGReduce *= 2
	}
	return q
}

// ratio is n/d, rounded up.
func ratio(n, d int) fixed { return (fixed(n)*one + fixed(d) - 1) / fixed(d) }

// enlarge scales the picture to zoom times as much and keeps out pixels of what was
// kept before, or all of them if there are less. at says which, as a share of 2³². What
// is less than the two pixels that rounding takes does not enlarge: of a photo, no more may
// have been decoded than the plain view needs.
func (s *axisSpec) enlarge(zoom fixed, out int, at uint32) {
	full := (int64(s.full)*int64(zoom) + int64(one/2)) >> 16
	first := (int64(s.skip)*full + int64(s.full) - 1) / int64(s.full)
	end := int64(s.skip+s.out) * full / int64(s.full)
	if end-first < int64(s.out) || full > math.MaxInt32 {
		return
	}
	s.out = min(out, int(end-first))
	s.skip = int(first) + share(at, int(end-first)-s.out+1)
	s.full = int(full)
}

// A rotation is a turn by a small angle: its cosine and sine.
type rotation struct{ cos, sin fixed }

// rotationBy returns the rotation by an angle of at most 45 degrees. It sums Taylor
// series in integers of 2⁻³⁰: to the eighth power they are exact to more than the 16
// bits that are kept.
func rotationBy(degrees fixed) rotation {
	const half = 1 << 29
	mul := func(a, b int64) int64 { return (a*b + half) >> 30 }
	const degree = 18740330 // π/180 · 2³⁰
	x := (int64(degrees)*degree + int64(one/2)) >> 16
	x2 := mul(x, x)
	const unit = 1 << 30
	cos := unit - mul(x2, unit/2-mul(x2, unit/24-mul(x2, unit/720-x2/40320)))
	sin := mul(x, unit-mul(x2, unit/6-mul(x2, unit/120-mul(x2, unit/5040-x2/362880))))
	return rotation{cos: fixed((cos + 1<<13) >> 14), sin: fixed((sin + 1<<13) >> 14)}
}

// bounds is the size of the rectangle that a turned w×h one fits into.
func (r rotation) bounds(w, h int) (wide, high int) {
	sin := max(r.sin, -r.sin)
	up := func(v fixed) int { return int((v + one - 1) >> 16) }
	return up(fixed(w)*r.cos + fixed(h)*sin), up(fixed(w)*sin + fixed(h)*r.cos)
}

// A colorChange maps a pixel's colour to another: a matrix and what is added.
type colorChange struct {
	mat [3][3]fixed
	add fixed
}

// colors returns how the view changes colours, and whether it does.
func (v View) colors() (colorChange, bool) {
	if v.brightness == 0 && v.contrast == 0 && v.saturation == 0 {
		return colorChange{}, false
	}
	// Grey as Pillow computes it, ITU-R 601.
	grey := [3]fixed{19595, 38470, 7471}
	saturation := one + v.saturation
	gain := (one + v.contrast).times(one + v.brightness)
	var c colorChange
	for i := range c.mat {
		for j := range c.mat[i] {
			c.mat[i][j] = gain.times((one - saturation).times(grey[j]))
		}
		c.mat[i][i] += gain.times(saturation)
	}
	// Contrast keeps middle grey: (pixel − 128)·contrast + 128.
	c.add = -128 * v.contrast.times(one+v.brightness)
	return c, true
}

// apply changes a row of pixels, four bytes each.
func (c *colorChange) apply(line []byte) {
	for ; len(line) >= 4; line = line[4:] {
		r, g, b := fixed(line[0]), fixed(line[1]), fixed(line[2])
		for i := range c.mat {
			m := &c.mat[i]
			line[i] = toByte((m[0]*r + m[1]*g + m[2]*b + c.add + one/2) >> 16)
		}
	}
}

func toByte(v fixed) byte { return byte(min(max(v, 0), 255)) }
