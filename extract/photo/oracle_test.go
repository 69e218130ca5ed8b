package photo

import "math"

// oracle computes what Fill should, from the definitions and pixel by pixel:
// the upright picture in RGB at full resolution, filtered in float64, rounded
// where Pillow rounds.
func oracle(p *Preprocess, ph *Photo) []float64 {
	w, h := ph.storedW, ph.storedH
	if ph.Orientation >= 5 {
		w, h = h, w
	}
	x0, y0, cw, ch := 0.0, 0.0, float64(w), float64(h) // the part that is scaled
	full, fullH := float64(p.Width), float64(p.Height) // …to this size
	left, top := 0, 0                                  // …of which this is cut off
	switch p.Rule {
	case RuleCenterSquare:
		if aspect := float64(p.Width) / float64(p.Height); cw > ch*aspect {
			cw = math.Max(1, math.Round(ch*aspect))
		} else {
			ch = math.Max(1, math.Round(cw/aspect))
		}
		x0, y0 = math.Floor((float64(w)-cw)/2), math.Floor((float64(h)-ch)/2)
	case RuleShorterSide:
		side := float64(p.Side)
		full, fullH = side, side
		if w < h {
			fullH = math.Floor(side * ch / cw)
		} else {
			full = math.Floor(side * cw / ch)
		}
		left = int(math.RoundToEven((full - float64(p.Width)) / 2))
		top = int(math.RoundToEven((fullH - float64(p.Height)) / 2))
	}
	whole := func(v float64) float64 { return math.Floor(v + 0.5) }
	if p.Filter == FilterTFBilinear {
		whole = func(v float64) float64 { return v }
	}
	byteOf := func(v float64) float64 { return math.Max(0, math.Min(255, whole(v))) }
	// Along stored rows first, then across them: the order matters for rounding.
	along := func(line func(at int) [3]float64, ws []oracleWeight) (v [3]float64) {
		for _, w := range ws {
			for c, s := range line(w.at) {
				v[c] += w.w * s
			}
		}
		for c := range v {
			v[c] = byteOf(v[c])
		}
		return v
	}
	pixel := func(x, y int) [3]float64 { return oraclePixel(ph, x, y) }
	out := make([]float64, 0, p.Len())
	for y := range p.Height {
		rows := oracleWeights(p, y+top, ch, fullH, int(y0))
		for x := range p.Width {
			cols := oracleWeights(p, x+left, cw, full, int(x0))
			var v [3]float64
			if ph.Orientation >= 5 {
				v = along(func(x int) [3]float64 {
					return along(func(y int) [3]float64 { return pixel(x, y) }, rows)
				}, cols)
			} else {
				v = along(func(y int) [3]float64 {
					return along(func(x int) [3]float64 { return pixel(x, y) }, cols)
				}, rows)
			}
			if p.Order == OrderBGR {
				v[0], v[2] = v[2], v[0]
			}
			for c := range v {
				out = append(out, (v[c]-float64(p.Mean[c]))/float64(p.Std[c]))
			}
		}
	}
	return out
}

type oracleWeight struct {
	at int
	w  float64
}

// oracleWeights are those of output i when n pixels from number offset on become
// full.
func oracleWeights(p *Preprocess, i int, n, full float64, offset int) (ws []oracleWeight) {
	scale := n / full
	if p.Filter == FilterTFBilinear {
		s := float64(float32(i) * float32(scale))
		lo := math.Floor(s)
		return []oracleWeight{{int(lo) + offset, 1 - (s - lo)}, {int(math.Min(lo+1, n-1)) + offset, s - lo}}
	}
	center, stretch := (float64(i)+0.5)*scale-0.5, 1.0
	if p.Antialias && scale > 1 {
		stretch = scale
	}
	sum := 0.0
	for x := -10 - 4*math.Ceil(stretch); x < n+10+4*math.Ceil(stretch); x++ {
		at := math.Abs(x-center) / stretch
		var w float64
		if p.Filter == FilterBilinear {
			w = math.Max(0, 1-at)
		} else if at < 1 {
			w = 1.5*at*at*at - 2.5*at*at + 1
		} else if at < 2 {
			w = -0.5*at*at*at + 2.5*at*at - 4*at + 2
		}
		inside := math.Max(0, math.Min(n-1, x))
		if w == 0 || p.Antialias && inside != x {
			continue
		}
		sum += w
		ws = append(ws, oracleWeight{int(inside) + offset, w})
	}
	for i := range ws {
		// In Pillow's 22 bits, so that what lies at ½ is rounded the same way.
		ws[i].w = math.Round(ws[i].w/sum*(1<<22)) / (1 << 22)
	}
	return ws
}

// oraclePixel is an upright pixel in RGB.
func oraclePixel(ph *Photo, x, y int) [3]float64 {
	w, h := ph.storedW, ph.storedH
	switch ph.Orientation {
	case 2:
		x = w - 1 - x
	case 3:
		x, y = w-1-x, h-1-y
	case 4:
		y = h - 1 - y
	case 5:
		x, y = y, x
	case 6:
		x, y = y, h-1-x
	case 7:
		x, y = w-1-y, h-1-x
	case 8:
		x, y = w-1-y, x
	}
	if ph.color == colorRGBX {
		p := ph.planes[0].pix[y*ph.planes[0].stride+4*x:]
		return [3]float64{float64(p[0]), float64(p[1]), float64(p[2])}
	}
	v := [3]byte{}
	for c := range ph.color.planes() {
		v[c] = byte(oracleSample(&ph.planes[c], x, y))
	}
	switch ph.color {
	case colorGray:
		v[1], v[2] = v[0], v[0]
	case colorYCbCr, colorStudio:
		return oracleRGB(ph.color, v)
	}
	return [3]float64{float64(v[0]), float64(v[1]), float64(v[2])}
}

// oracleSample upsamples one sample as libjpeg does: the triangle filter
// without rounding down the columns, then along the row.
func oracleSample(p *plane, x, y int) int {
	at := func(x, y int) int { return int(p.pix[y*p.stride+x]) }
	sx, sy := min(x*p.upX.num/p.upX.den, p.w-1), min(y*p.upY.num/p.upY.den, p.h-1)
	nx, ny := min(max(sx-1+2*(x%2), 0), p.w-1), min(max(sy-1+2*(y%2), 0), p.h-1)
	switch {
	case p.upX.fancy && p.upY.fancy:
		return (9*at(sx, sy) + 3*at(nx, sy) + 3*at(sx, ny) + at(nx, ny) + 8 - x%2) >> 4
	case p.upX.fancy:
		return (3*at(sx, sy) + at(nx, sy) + 1 + x%2) >> 2
	case p.upY.fancy:
		return (3*at(sx, sy) + at(sx, ny) + 1 + y%2) >> 2
	}
	return at(sx, sy)
}

func oracleRGB(color colorModel, v [3]byte) (rgb [3]float64) {
	y, cb, cr := float64(v[0]), float64(v[1])-128, float64(v[2])-128
	if color == colorStudio {
		y, cb, cr = (y-16)*255/219, cb*255/224, cr*255/224
	}
	for c, v := range [3]float64{y + 1.402*cr, y - 1.772*0.114/0.587*cb - 1.402*0.299/0.587*cr, y + 1.772*cb} {
		rgb[c] = math.Max(0, math.Min(255, math.Round(v)))
	}
	return rgb
}
