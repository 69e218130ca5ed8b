package photo

import (
	"errors"
	"fmt"

	"featstore/extract/internal/jpeg"
	"featstore/extract/internal/row"
)

// Scratch is the memory that decoding and resizing need besides their input and
// output. One goroutine uses it at a time; the zero value is ready. Reusing it
// saves the allocations.
type Scratch struct {
	jpeg  jpeg.Decoder
	photo Photo

	cols, rows taps
	reader     rowReader
	line       []byte   // one row of the photo, RGBX, without what is cut off
	ring       [][]byte // the last rows, resampled along the row
	window     [][]byte // those of them that the next output row needs, in order
	out        []byte   // one output row
}

// Fill turns a decoded photo into the network's input: upright, cut, scaled,
// in the right channel order and normalised. dst gets p.Len() values, Height×Width×3.
//
// Rows are converted to RGB one by one, resampled along the row and rounded to
// bytes, then across rows and rounded again, which is what Pillow does and
// therefore what most networks were trained with. FilterTFBilinear rounds
// nothing, like TensorFlow. A whole RGB picture never exists.
func (p *Preprocess) Fill(dst []float32, ph *Photo, s *Scratch) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if len(dst) != p.Len() {
		return fmt.Errorf("resize: room for %d values, want %d×%d×3 = %d", len(dst), p.Height, p.Width, p.Len())
	}
	if ph.preprocess != *p {
		return errors.New("resize: the photo was decoded for another preprocessing")
	}
	o := orientation(ph.Orientation)
	out := newOutput(dst, p, o.transposes())
	w, h := ph.Width, ph.Height
	if o.transposes() {
		w, h = h, w
	}
	x, y := p.storedAxes(w, h, o)
	x.reduce, y.reduce = max(ph.reduce, 1), max(ph.reduce, 1)
	if p.Filter == FilterTFBilinear {
		s.tfBilinear(&out, ph, x, y)
		return nil
	}
	s.resample(&out, ph, x, y)
	return nil
}

// resample filters along rows, then across them.
func (s *Scratch) resample(out *output, ph *Photo, x, y axisSpec) {
	cols, rows := &s.cols, &s.rows
	cols.prepare(x)
	rows.prepare(y)
	s.reader.reset(ph, cols.lowest, cols.end)
	s.line = resize(s.line, 4*cols.Need)
	s.out = resize(s.out, 4*x.out)
	s.ring = resize(s.ring, rows.Width)
	for i := range s.ring {
		s.ring[i] = resize(s.ring[i], 4*x.out)
	}
	next := 0
	for j := range y.out {
		i := j
		if y.flipped { // the last output uses the first stored rows
			i = y.out - 1 - j
		}
		first, count := int(rows.First[i]), int(rows.count[i])
		for ; next < first+count; next++ {
			s.reader.read(s.line, rows.lowest+next)
			row.Along(s.ring[next%len(s.ring)], s.line, &cols.Taps)
		}
		s.window = s.window[:0]
		for k := range count {
			s.window = append(s.window, s.ring[(first+k)%len(s.ring)])
		}
		row.Across(s.out, s.window, rows.Weights[i*rows.Width:][:count])
		out.write(i, s.out)
	}
}

// An output writes normalised pixels, channels innermost, to a network's input.
type output struct {
	dst        []float32
	line, step int // distance of rows and of a row's pixels, in values: stored rows may be upright columns
	red, blue  int // positions of the channels
	mean, std  [3]float32
	scale      [3][256]float32 // by channel R, G, B: the normalised value of a byte
}

func newOutput(dst []float32, p *Preprocess, transposed bool) output {
	o := output{dst: dst, line: 3 * p.Width, step: 3, red: 0, blue: 2, mean: p.Mean, std: p.Std}
	if transposed {
		o.line, o.step = o.step, o.line
	}
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

// write normalises row y, four bytes a pixel, and puts it in its place.
func (o *output) write(y int, line []byte) {
	dst := o.dst[y*o.line:]
	red, blue, step := o.red, o.blue, o.step
	for x := 0; len(line) >= 4; x++ {
		p := dst[x*step:][:3]
		p[red], p[1], p[blue] = o.scale[0][line[0]], o.scale[1][line[1]], o.scale[2][line[2]]
		line = line[4:]
	}
}
