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

	cols, rows taps
	reader     rowReader
	line       []byte   // one row of the photo, RGBX, without what is cut off
	ring       [][]byte // the last rows, resampled along the row
	sums       []int32  // one output row, while rows are being summed
}

// Fill turns a decoded photo into the network's input: upright, cut, scaled,
// in the right channel order and normalised. dst gets p.Len() values, Height×Width×3.
//
// Rows are converted to RGB one by one, resampled along the row and rounded to
// bytes, then across rows and rounded again, which is what Pillow does and
// therefore what most networks were trained with. FilterTFBilinear rounds
// nothing, like TensorFlow. There is never a whole picture in RGB.
func (p *Preprocess) Fill(dst []float32, ph *Photo, s *Scratch) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if len(dst) != p.Len() {
		return fmt.Errorf("resize: room for %d values, want %d×%d×3 = %d", len(dst), p.Height, p.Width, p.Len())
	}
	x, y := p.axes(ph.Width(), ph.Height())
	o := orientation(ph.Orientation)
	out := newOutput(dst, p, o.transposes())
	if o.transposes() {
		x, y = y, x
	}
	x.flipped, y.flipped = o.flips()
	if p.Filter == FilterTFBilinear {
		s.tfBilinear(&out, ph, x, y)
		return nil
	}
	s.resample(&out, ph, x, y)
	return nil
}

// resample filters along rows, then across them.
func (s *Scratch) resample(out *output, ph *Photo, x, y axisSpec) {
	s.cols.prepare(x)
	s.rows.prepare(y)
	from, n := s.cols.lowest, 4*s.cols.spec.out
	s.reader.reset(ph, from, s.cols.end)
	// A vector of weights may reach beyond the last pixel, with zeros.
	s.line = resize(s.line, 4*(s.cols.end-from+s.cols.width))
	s.sums = resize(s.sums, n)
	s.ring = resize(s.ring, s.rows.width)
	for i := range s.ring {
		s.ring[i] = resize(s.ring[i], n)
	}
	next := s.rows.lowest
	for j := range y.out {
		i := j
		if y.flipped { // the last output uses the first stored rows
			i = y.out - 1 - j
		}
		first, count := int(s.rows.first[i]), int(s.rows.count[i])
		for ; next < first+count; next++ {
			s.reader.read(s.line, next)
			s.cols.alongRow(s.ring[next%len(s.ring)], s.line)
		}
		s.acrossRows(first, s.rows.weight[i*s.rows.width:][:count])
		out.write(i, s.sums)
	}
}

// alongRow resamples one row of RGBX pixels whose first is number t.lowest.
func (t *taps) alongRow(dst, src []byte) {
	for i, first := range t.first {
		w := t.weight[i*t.width:][:t.count[i]]
		s := src[4*(int(first)-t.lowest):][:4*len(w)]
		const half = 1 << (weightBits - 1)
		r, g, b := int32(half), int32(half), int32(half)
		for j, v := range w {
			p := s[4*j:][:3]
			r += v * int32(p[0])
			g += v * int32(p[1])
			b += v * int32(p[2])
		}
		p := dst[4*i:][:3]
		p[0], p[1], p[2] = clip8(r>>weightBits), clip8(g>>weightBits), clip8(b>>weightBits)
	}
}

// acrossRows leaves in s.sums the sum of rows first, first+1, … of the ring
// times their weights.
func (s *Scratch) acrossRows(first int, w []int32) {
	sums := s.sums
	for i := range sums {
		sums[i] = 1 << (weightBits - 1)
	}
	row := func(i int) []byte { return s.ring[(first+i)%len(s.ring)][:len(sums)] }
	i := 0
	for ; i+1 < len(w); i += 2 {
		a, b, wa, wb := row(i), row(i+1), w[i], w[i+1]
		for x := range sums {
			sums[x] += wa*int32(a[x]) + wb*int32(b[x])
		}
	}
	if i < len(w) {
		a, wa := row(i), w[i]
		for x := range sums {
			sums[x] += wa * int32(a[x])
		}
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

// write rounds and clamps row y's sums of four values a pixel and puts them in
// their place.
func (o *output) write(y int, sums []int32) {
	dst := o.dst[y*o.line:]
	red, blue, step := o.red, o.blue, o.step
	for x := 0; len(sums) >= 4; x++ {
		p := dst[x*step:][:3]
		p[red] = o.scale[0][clip8(sums[0]>>weightBits)]
		p[1] = o.scale[1][clip8(sums[1]>>weightBits)]
		p[blue] = o.scale[2][clip8(sums[2]>>weightBits)]
		sums = sums[4:]
	}
}
