package photo

import (
	"errors"
	"fmt"

	"featstore/extract/internal/codec"
	"featstore/extract/internal/heif"
	"featstore/extract/internal/icc"
	"featstore/extract/internal/jpeg"
	"featstore/extract/internal/row"
)

// Scratch is the memory that decoding and resizing need besides their input and
// output. One goroutine uses it at a time; the zero value is ready. Reusing it
// saves the allocations.
type Scratch struct {
	jpeg    jpeg.Decoder
	heif    *heif.File // the last header
	colors  icc.Converter
	preview []byte     // the last raw photo's
	codecs  *codec.Set // of the Memory, which shares it
	photo   Photo

	cols, rows taps
	reader     rowReader
	line       []byte    // one row of the photo, RGBX, without what is cut off
	ring       [][]byte  // the last rows, resampled along the row
	window     [][]byte  // those of them that the next output row needs, in order
	out        []byte    // one output row
	exact      []float32 // the same before rounding, R, G, B
	output     output
	canvas     canvas
}

// Fill turns a decoded photo into the network's input: upright, cut, scaled,
// in the right channel order and normalised. dst gets p.Len() values, Height×Width×3.
//
// Rows are converted to RGB one by one, resampled along the row and rounded to
// bytes, then across rows and rounded again, which is what Pillow does and
// therefore what most networks were trained with. FilterTFBilinear rounds
// nothing, like TensorFlow. A whole RGB picture never exists.
func (p *Preprocess) Fill(dst []float32, ph *Photo, s *Scratch) error {
	return p.FillView(dst, ph, View{}, s)
}

// FillView is Fill for a view of the photo. The same decoded photo may be seen in any
// number of views; one that was decoded at a reduced size has not the details that an
// enlarged view could show, for which PrepareViews decodes it at a larger one.
func (p *Preprocess) FillView(dst []float32, ph *Photo, v View, s *Scratch) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if len(dst) != p.Len() {
		return fmt.Errorf("resize: room for %d values, want %d×%d×3 = %d", len(dst), p.Height, p.Width, p.Len())
	}
	if ph.preprocess != *p {
		return errors.New("resize: the photo was decoded for another preprocessing")
	}
	if v.angle != 0 {
		p.fillTurned(dst, ph, v, s)
		return nil
	}
	s.output = newOutput(dst, p, v)
	s.scale(&s.output, p, ph, v)
	s.output.dst = nil
	return nil
}

// fillTurned scales the photo to a picture out of which the view is turned.
func (p *Preprocess) fillTurned(dst []float32, ph *Photo, v View, s *Scratch) {
	s.scale(&s.canvas, p, ph, v)
	out := newOutput(dst, p, v)
	out.begin(p.Width, p.Height, upright)
	r := rotationBy(v.angle)
	s.out = resize(s.out, 4*p.Width)
	for y := range p.Height {
		s.canvas.turn(s.out, y, p.Width, p.Height, r)
		out.write(y, s.out)
	}
}

// scale cuts and scales the photo.
func (s *Scratch) scale(to target, p *Preprocess, ph *Photo, v View) {
	o := orientation(ph.Orientation)
	w, h := ph.Width, ph.Height
	if o.transposes() {
		w, h = h, w
	}
	x, y := v.storedAxes(p, w, h, o)
	x.reduce, y.reduce = max(ph.reduce, 1), max(ph.reduce, 1)
	to.begin(x.out, y.out, o)
	if p.Filter == FilterTFBilinear {
		s.tfBilinear(to, ph, x, y)
		return
	}
	s.resample(to, ph, x, y)
}

// resample filters along rows, then across them.
func (s *Scratch) resample(to target, ph *Photo, x, y axisSpec) {
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
		to.write(i, s.out)
	}
}
