package photo

import (
	"fmt"
	"image"
)

// from16 turns a picture of 16 bits a sample into one of 8, in the same memory.
func from16(m image.Image) (*Photo, error) {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	switch m := m.(type) {
	case *image.Gray16:
		ph := &Photo{color: colorGray, storedW: w, storedH: h}
		for i := range w * h {
			m.Pix[i] = to8(be16(m.Pix[2*i:]))
		}
		ph.planes[0] = fullPlane(m.Pix[:w*h], w, w, h)
		return ph, nil
	case *image.RGBA64: // premultiplied
		return to8Bits(m.Pix, w, h, func(s []byte) (r, g, b byte) {
			a := be16(s[6:])
			v := func(c int) byte { return to8(min(be16(s[2*c:]), a) + 65535 - a) }
			return v(0), v(1), v(2)
		}), nil
	case *image.NRGBA64:
		return to8Bits(m.Pix, w, h, func(s []byte) (r, g, b byte) {
			v := func(c int) byte { return overWhite(to8(be16(s[2*c:])), to8(be16(s[6:]))) }
			return v(0), v(1), v(2)
		}), nil
	}
	return nil, fmt.Errorf("%w: pixels of type %T", ErrUnsupportedFormat, m)
}

// to8Bits turns pixels of 8 bytes, row after row, into RGBX of 4. A pixel is written
// where pixels have been read already, or itself.
func to8Bits(pix []byte, w, h int, rgb func(s []byte) (r, g, b byte)) *Photo {
	for i := range w * h {
		r, g, b := rgb(pix[8*i:][:8])
		*(*[4]byte)(pix[4*i:]) = [4]byte{r, g, b, 255}
	}
	return rgbxPhoto(pix[:4*w*h], 4*w, w, h)
}
