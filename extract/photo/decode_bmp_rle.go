package photo

import "fmt"

// decodeRLE decodes run lengths of palette colours. Pixels that none reaches have
// colour 0.
func (f *bmpFile) decodeRLE(h header) (*Photo, error) {
	if h.pixels() > 255*int64(len(f.pixels)) {
		return nil, truncated(h, len(f.pixels))
	}
	ph := newRGBX(f.w, f.h)
	for i := range f.w * f.h {
		if err := f.color(ph.planes[0].pix[4*i:], 0); err != nil {
			return nil, err
		}
	}
	r := bmpRuns{bmpFile: f, pix: ph.planes[0].pix, in: f.pixels}
	for !r.ended {
		if err := r.next(); err != nil {
			return nil, err
		}
	}
	return ph, nil
}

// bmpRuns is the state of decoding run lengths: x, y is the next pixel, from the
// bottom.
type bmpRuns struct {
	*bmpFile
	pix   []byte
	in    []byte
	x, y  int
	ended bool
}

// next decodes one run, or one of the escapes that a run of length 0 is.
func (r *bmpRuns) next() error {
	if complete := r.y >= r.h || r.y == r.h-1 && r.x >= r.w; complete && len(r.in) < 2 {
		r.ended = true // some programs do not say so
		return nil
	}
	code, err := r.take(2)
	if err != nil {
		return err
	}
	n, v := int(code[0]), code[1]
	if n > 0 {
		return r.run(n, func(i int) byte {
			switch {
			case r.bits == 8:
				return v
			case i%2 == 0:
				return v >> 4
			}
			return v & 15
		})
	}
	switch v {
	case 0: // end of the row
		r.x, r.y = 0, r.y+1
	case 1: // of the picture
		r.ended = true
	case 2: // go right and up
		d, err := r.take(2)
		if err != nil {
			return err
		}
		r.x, r.y = r.x+int(d[0]), r.y+int(d[1])
	default:
		return r.literal(int(v))
	}
	return nil
}

// literal decodes n pixels that are no run, padded to 16 bits.
func (r *bmpRuns) literal(n int) error {
	size := n
	if r.bits == 4 {
		size = (n + 1) / 2
	}
	values, err := r.take(size + size%2)
	if err != nil {
		return err
	}
	return r.run(n, func(i int) byte {
		switch {
		case r.bits == 8:
			return values[i]
		case i%2 == 0:
			return values[i/2] >> 4
		}
		return values[i/2] & 15
	})
}

// run writes n pixels, as far as the row goes: some programs fill it up.
func (r *bmpRuns) run(n int, value func(i int) byte) error {
	if r.y >= r.h {
		return fmt.Errorf("%w: the BMP's runs lead outside the picture", ErrCorrupt)
	}
	for i := range max(0, min(n, r.w-r.x)) {
		at := (r.bmpFile.h-1-r.y)*r.w + r.x + i
		if err := r.color(r.pix[4*at:], value(i)); err != nil {
			return err
		}
	}
	r.x += n
	return nil
}

// take returns the next n bytes.
func (r *bmpRuns) take(n int) ([]byte, error) {
	if len(r.in) < n {
		return nil, fmt.Errorf("%w: the BMP file is truncated", ErrCorrupt)
	}
	b := r.in[:n]
	r.in = r.in[n:]
	return b, nil
}
