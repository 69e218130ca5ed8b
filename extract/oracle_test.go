package extract

import "math"

// oracle computes what Fill should, from the definitions and pixel by pixel:
// the upright picture at full resolution, the two-dimensional filter in float64,
// RGB.
func oracle(p *Preprocess, ph *Photo) []float64 {
	w, h := ph.Width(), ph.Height()
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
	out := make([]float64, 0, p.Len())
	for y := range p.Height {
		rows := oracleWeights(p, y+top, ch, fullH)
		for x := range p.Width {
			cols := oracleWeights(p, x+left, cw, full)
			var v [3]float64
			for _, r := range rows {
				for _, c := range cols {
					for i := range v {
						v[i] += r.w * c.w * oracleSample(ph, i, c.at+int(x0), r.at+int(y0))
					}
				}
			}
			out = append(out, oraclePixel(p, ph.color, v)...)
		}
	}
	return out
}

type oracleWeight struct {
	at int
	w  float64
}

func oracleWeights(p *Preprocess, i int, n, full float64) (ws []oracleWeight) {
	scale := n / full
	if p.Filter == FilterTFBilinear {
		s := float64(float32(i) * float32(scale))
		lo := math.Floor(s)
		return []oracleWeight{{int(lo), 1 - (s - lo)}, {int(math.Min(lo+1, n-1)), s - lo}}
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
		ws = append(ws, oracleWeight{int(inside), w})
	}
	for i := range ws {
		ws[i].w /= sum
	}
	return ws
}

// oracleSample is the value of plane c at an upright pixel.
func oracleSample(ph *Photo, c, x, y int) float64 {
	if c >= ph.color.planes() {
		return 0
	}
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
	pl := &ph.planes[c]
	sum := 0.0
	for _, r := range oracleUp(pl.upY, y, pl.h) {
		for _, c := range oracleUp(pl.upX, x, pl.w) {
			sum += r.w * c.w * float64(pl.pix[r.at*pl.stride+c.at])
		}
	}
	return sum
}

func oracleUp(u upsampling, i, n int) []oracleWeight {
	if !u.fancy {
		return []oracleWeight{{min(i*u.num/u.den, n-1), 1}}
	}
	// Sample k's centre is at pixel 2k+½; the two nearest count ¾ and ¼.
	if i%2 == 0 {
		return []oracleWeight{{i / 2, 0.75}, {max(i/2-1, 0), 0.25}}
	}
	return []oracleWeight{{i / 2, 0.75}, {min(i/2+1, n-1), 0.25}}
}

func oraclePixel(p *Preprocess, color colorModel, v [3]float64) []float64 {
	switch color {
	case colorGray:
		v[1], v[2] = v[0], v[0]
	case colorYCbCr, colorStudio:
		y, cb, cr := v[0], v[1]-128, v[2]-128
		if color == colorStudio {
			y, cb, cr = (y-16)*255/219, cb*255/224, cr*255/224
		}
		v = [3]float64{y + 1.402*cr, y - 1.772*0.114/0.587*cb - 1.402*0.299/0.587*cr, y + 1.772*cb}
	}
	if p.Order == OrderBGR {
		v[0], v[2] = v[2], v[0]
	}
	for i := range v {
		v[i] = (math.Max(0, math.Min(255, v[i])) - float64(p.Mean[i])) / float64(p.Std[i])
	}
	return v[:]
}
