package photo

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"golang.org/x/image/tiff"
)

// isUnsupported reports whether a library's error means "valid but not
// supported".
func isUnsupported(err error) bool {
	var p png.UnsupportedError
	var t tiff.UnsupportedError
	return errors.As(err, &p) || errors.As(err, &t)
}

// fromImage turns a library's picture into a photo. YCbCr, grey and opaque ones
// are used as they are; everything else becomes RGBX, 16 bits rounded to 8 and
// transparency laid over white. ycbcr says what YCbCr values mean in the file's
// format.
func fromImage(m image.Image, ycbcr colorModel) (*Photo, error) {
	b := m.Bounds()
	if b.Empty() || b.Min != (image.Point{}) {
		return nil, fmt.Errorf("%w: picture with bounds %v", ErrCorrupt, b)
	}
	w, h := b.Dx(), b.Dy()
	switch m := m.(type) {
	case *image.Gray:
		ph := &Photo{color: colorGray, storedW: w, storedH: h}
		ph.planes[0] = fullPlane(m.Pix, m.Stride, w, h)
		return ph, nil
	case *image.YCbCr:
		return fromYCbCr(m, ycbcr)
	case *image.NYCbCrA:
		return fromYCbCrA(m, ycbcr)
	case *image.Paletted:
		ph := newRGBX(w, h)
		drawPaletted(ph, m)
		return ph, nil
	case *image.NRGBA:
		flatten(m.Pix) // in place: nobody else has the picture
		return rgbxPhoto(m.Pix, m.Stride, w, h), nil
	case *image.RGBA:
		flattenPremultiplied(m.Pix)
		return rgbxPhoto(m.Pix, m.Stride, w, h), nil
	}
	return from16(m)
}

// fromYCbCr takes over planes of which chroma has half the columns and rows or
// all of them; the libraries deliver no others.
func fromYCbCr(m *image.YCbCr, model colorModel) (*Photo, error) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	cw, ch, up := w, h, noUpsampling
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio444:
	case image.YCbCrSubsampleRatio420:
		cw, ch, up = (w+1)/2, (h+1)/2, upsampling{1, 2, true}
	default:
		return nil, fmt.Errorf("%w: chroma subsampling %v", ErrUnsupportedFormat, m.SubsampleRatio)
	}
	ph := &Photo{color: model, storedW: w, storedH: h}
	ph.planes[0] = fullPlane(m.Y, m.YStride, w, h)
	ph.planes[1] = plane{m.Cb, m.CStride, cw, ch, up, up}
	ph.planes[2] = plane{m.Cr, m.CStride, cw, ch, up, up}
	return ph, nil
}

// fromYCbCrA lays a YCbCr picture over white.
func fromYCbCrA(m *image.NYCbCrA, model colorModel) (*Photo, error) {
	opaque, err := fromYCbCr(&m.YCbCr, model)
	if err != nil {
		return nil, err
	}
	w, h := opaque.storedW, opaque.storedH
	ph := newRGBX(w, h)
	var r rowReader
	r.reset(opaque, 0, w)
	for y := range h {
		line := ph.planes[0].pix[4*y*w:][:4*w]
		r.read(line, y)
		for x := range w {
			line[4*x+3] = m.A[y*m.AStride+x]
		}
	}
	flatten(ph.planes[0].pix)
	return ph, nil
}

// drawPaletted puts a palette picture into its place on the photo, its
// transparent colours laid over white.
func drawPaletted(ph *Photo, m *image.Paletted) {
	var lut [256][4]byte
	for i, c := range m.Palette[:min(len(m.Palette), 256)] {
		p := color.NRGBAModel.Convert(c).(color.NRGBA)
		lut[i] = [4]byte{overWhite(p.R, p.A), overWhite(p.G, p.A), overWhite(p.B, p.A), 255}
	}
	b, p := m.Bounds(), &ph.planes[0]
	for y := b.Min.Y; y < b.Max.Y; y++ {
		dst := p.pix[y*p.stride+b.Min.X*4:]
		for x, v := range m.Pix[m.PixOffset(b.Min.X, y):][:b.Dx()] {
			*(*[4]byte)(dst[x*4:]) = lut[v]
		}
	}
}

// flatten lays RGBA pixels over white.
func flatten(pix []byte) {
	for i := 0; i+3 < len(pix); i += 4 {
		if p := pix[i : i+4 : i+4]; p[3] != 255 {
			p[0], p[1], p[2], p[3] = overWhite(p[0], p[3]), overWhite(p[1], p[3]), overWhite(p[2], p[3]), 255
		}
	}
}

// flattenPremultiplied does the same where colours have been multiplied with
// their opacity.
func flattenPremultiplied(pix []byte) {
	for i := 0; i+3 < len(pix); i += 4 {
		if p := pix[i : i+4 : i+4]; p[3] != 255 {
			white := 255 - p[3]
			p[0], p[1], p[2], p[3] = min(p[0], p[3])+white, min(p[1], p[3])+white, min(p[2], p[3])+white, 255
		}
	}
}
