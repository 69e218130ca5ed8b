package photo

// A target takes the rows of a scaled picture in the order in which they are stored.
type target interface {
	// begin says how many pixels the picture will have as it is stored.
	begin(w, h int, o orientation)
	// write takes row y as bytes, four a pixel. It may change them.
	write(y int, line []byte)
	// writeExact takes row y as values 0 to 255 that are not rounded, three a pixel.
	writeExact(y int, line []float32)
}

// An output writes normalised pixels, channels innermost, to a network's input.
type output struct {
	dst       []float32
	width     int // of the input
	mirrored  bool
	at        int // where the first stored pixel goes, in values…
	line      int // …and how far from it the next row begins…
	step      int // …and the row's next pixel lies: stored rows may be upright columns
	red, blue int // positions of the channels
	mean, std [3]float32
	scale     [3][256]float32 // by channel R, G, B: the normalised value of a byte

	change   colorChange
	changing bool
	bytes    []byte // a row rounded for change
}

func newOutput(dst []float32, p *Preprocess, v View) output {
	o := output{dst: dst, width: p.Width, mirrored: v.mirrored, red: 0, blue: 2, mean: p.Mean, std: p.Std}
	o.change, o.changing = v.colors()
	if p.Order == OrderBGR {
		o.red, o.blue = 2, 0
	}
	for c, at := range [3]int{o.red, 1, o.blue} {
		for v := range o.scale[c] {
			o.scale[c][v] = o.normalise(float32(v), at)
		}
	}
	return o
}

func (o *output) normalise(v float32, at int) float32 { return (v - o.mean[at]) / o.std[at] }

func (o *output) begin(_, _ int, stored orientation) {
	o.at, o.line, o.step = 0, 3*o.width, 3
	if o.mirrored {
		o.at, o.step = 3*(o.width-1), -3
	}
	if stored.transposes() {
		o.line, o.step = o.step, o.line
	}
}

// write normalises row y, four bytes a pixel, and puts it in its place.
func (o *output) write(y int, line []byte) {
	if o.changing {
		o.change.apply(line)
	}
	at := o.at + y*o.line
	red, blue, step := o.red, o.blue, o.step
	for ; len(line) >= 4; line = line[4:] {
		p := o.dst[at:][:3]
		p[red], p[1], p[blue] = o.scale[0][line[0]], o.scale[1][line[1]], o.scale[2][line[2]]
		at += step
	}
}

func (o *output) writeExact(y int, line []float32) {
	if o.changing {
		o.bytes = roundRow(o.bytes, line)
		o.write(y, o.bytes)
		return
	}
	at := o.at + y*o.line
	for ; len(line) >= 3; line = line[3:] {
		p := o.dst[at:][:3]
		p[o.red], p[1], p[o.blue] = o.normalise(line[0], o.red), o.normalise(line[1], 1), o.normalise(line[2], o.blue)
		at += o.step
	}
}

// roundRow returns the row as bytes, four a pixel, in dst if that is large enough.
func roundRow(dst []byte, line []float32) []byte {
	dst = resize(dst, len(line)/3*4)
	for x := range len(line) / 3 {
		for c, v := range line[3*x:][:3] {
			dst[4*x+c] = byte(v + 0.5)
		}
	}
	return dst
}
