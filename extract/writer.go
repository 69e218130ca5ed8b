package extract

// A writer converts resampled rows to RGB, clamps to 0…255, normalises and
// writes them with the channels innermost.
type writer struct {
	color  colorModel
	matrix *yccMatrix
	// Positions of R, G and B in the output, and their normalisation.
	at          [3]int
	mean, scale [3]float32
}

func newWriter(p *Preprocess, color colorModel) writer {
	w := writer{color: color, matrix: color.matrix(), at: [3]int{0, 1, 2}}
	if p.Order == OrderBGR {
		w.at = [3]int{2, 1, 0}
	}
	for c, at := range w.at {
		w.mean[c], w.scale[c] = p.Mean[at], 1/p.Std[at]
	}
	return w
}

// write puts a row's pixels to dst[0:3], dst[step:step+3], ….
func (w *writer) write(dst []float32, step int, lines *[3][]float32) {
	switch w.color {
	case colorGray:
		for i, v := range lines[0] {
			w.put(dst[i*step:][:3], v, v, v)
		}
	case colorRGB:
		r := lines[0]
		g, b := lines[1][:len(r)], lines[2][:len(r)]
		for i := range r {
			w.put(dst[i*step:][:3], r[i], g[i], b[i])
		}
	default:
		y := lines[0]
		cb, cr := lines[1][:len(y)], lines[2][:len(y)]
		for i := range y {
			r, g, b := w.matrix.rgb(y[i], cb[i], cr[i])
			w.put(dst[i*step:][:3], r, g, b)
		}
	}
}

func (w *writer) put(dst []float32, r, g, b float32) {
	dst[w.at[0]] = (clamp255(r) - w.mean[0]) * w.scale[0]
	dst[w.at[1]] = (clamp255(g) - w.mean[1]) * w.scale[1]
	dst[w.at[2]] = (clamp255(b) - w.mean[2]) * w.scale[2]
}
