package extract

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// isUnsupported reports whether a library's error means "valid but not
// supported".
func isUnsupported(err error) bool {
	var p png.UnsupportedError
	var j jpeg.UnsupportedError
	var t tiff.UnsupportedError
	return errors.As(err, &p) || errors.As(err, &j) || errors.As(err, &t) || errors.Is(err, bmp.ErrUnsupported)
}

// fromImage turns a library's picture into planes: YCbCr and grey ones are used
// as they are, everything else is split into R, G and B, 16 bits rounded to 8
// and transparency laid over white. ycbcr says what YCbCr values mean in the
// format at hand.
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
	case *image.Gray16:
		ph := newPlanar(colorGray, w, h)
		for y := range h {
			narrow(ph.planes[0].pix[y*w:][:w], m.Pix[y*m.Stride:])
		}
		return ph, nil
	case *image.Paletted:
		ph := newPlanar(colorRGB, w, h)
		drawPaletted(ph, m)
		return ph, nil
	}
	row, err := rowReader(m, ycbcr)
	if err != nil {
		return nil, err
	}
	ph := newPlanar(colorRGB, w, h)
	for y := range h {
		at := y * w
		row(y, ph.planes[0].pix[at:][:w], ph.planes[1].pix[at:][:w], ph.planes[2].pix[at:][:w])
	}
	return ph, nil
}

// subsampling factors of image.YCbCr: how many columns and rows share a chroma sample.
var subsampling = map[image.YCbCrSubsampleRatio][2]int{
	image.YCbCrSubsampleRatio444: {1, 1}, image.YCbCrSubsampleRatio422: {2, 1},
	image.YCbCrSubsampleRatio420: {2, 2}, image.YCbCrSubsampleRatio440: {1, 2},
	image.YCbCrSubsampleRatio411: {4, 1}, image.YCbCrSubsampleRatio410: {4, 2},
}

func fromYCbCr(m *image.YCbCr, model colorModel) (*Photo, error) {
	f, ok := subsampling[m.SubsampleRatio]
	if !ok {
		return nil, fmt.Errorf("%w: chroma subsampling %v", ErrUnsupportedFormat, m.SubsampleRatio)
	}
	w, h := m.Rect.Dx(), m.Rect.Dy()
	ph := &Photo{color: model, storedW: w, storedH: h}
	ph.planes[0] = fullPlane(m.Y, m.YStride, w, h)
	for i, pix := range [][]byte{m.Cb, m.Cr} {
		ph.planes[1+i] = plane{
			pix: pix, stride: m.CStride,
			w: (w + f[0] - 1) / f[0], h: (h + f[1] - 1) / f[1],
			upX: upsampling{1, f[0], f[0] == 2 && w > 4}, upY: upsampling{1, f[1], f[1] == 2},
		}
	}
	return ph, nil
}

// drawPaletted puts a palette picture into its place on the photo, its
// transparent colours laid over white.
func drawPaletted(ph *Photo, m *image.Paletted) {
	var lut [3][256]byte
	for i, c := range m.Palette[:min(len(m.Palette), 256)] {
		p := color.NRGBAModel.Convert(c).(color.NRGBA)
		lut[0][i], lut[1][i], lut[2][i] = overWhite(p.R, p.A), overWhite(p.G, p.A), overWhite(p.B, p.A)
	}
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		src := m.Pix[m.PixOffset(b.Min.X, y):][:b.Dx()]
		for c := range ph.planes {
			p := &ph.planes[c]
			dst, l := p.pix[y*p.stride+b.Min.X:][:len(src)], &lut[c]
			for x, v := range src {
				dst[x] = l[v]
			}
		}
	}
}

// rowReader returns a function that splits a row of m into R, G and B.
func rowReader(m image.Image, ycbcr colorModel) (func(y int, r, g, b []byte), error) {
	switch m := m.(type) {
	case *image.RGBA: // premultiplied
		return func(y int, r, g, b []byte) {
			for x, s := 0, m.Pix[y*m.Stride:]; x < len(r); x, s = x+1, s[4:] {
				white := 255 - s[3]
				r[x], g[x], b[x] = s[0]+white, s[1]+white, s[2]+white
			}
		}, nil
	case *image.NRGBA:
		return func(y int, r, g, b []byte) {
			for x, s := 0, m.Pix[y*m.Stride:]; x < len(r); x, s = x+1, s[4:] {
				r[x], g[x], b[x] = overWhite(s[0], s[3]), overWhite(s[1], s[3]), overWhite(s[2], s[3])
			}
		}, nil
	case *image.RGBA64: // premultiplied
		return func(y int, r, g, b []byte) {
			for x, s := 0, m.Pix[y*m.Stride:]; x < len(r); x, s = x+1, s[8:] {
				white := 65535 - be16(s[6:])
				r[x], g[x], b[x] = to8(be16(s)+white), to8(be16(s[2:])+white), to8(be16(s[4:])+white)
			}
		}, nil
	case *image.NRGBA64:
		return func(y int, r, g, b []byte) {
			for x, s := 0, m.Pix[y*m.Stride:]; x < len(r); x, s = x+1, s[8:] {
				a := to8(be16(s[6:]))
				r[x], g[x], b[x] = overWhite(to8(be16(s)), a), overWhite(to8(be16(s[2:])), a), overWhite(to8(be16(s[4:])), a)
			}
		}, nil
	case *image.CMYK:
		return func(y int, r, g, b []byte) {
			for x, s := 0, m.Pix[y*m.Stride:]; x < len(r); x, s = x+1, s[4:] {
				k := 255 - s[3]
				r[x], g[x], b[x] = mul255(255-s[0], k), mul255(255-s[1], k), mul255(255-s[2], k)
			}
		}, nil
	case *image.NYCbCrA:
		return func(y int, r, g, b []byte) {
			for x := range r {
				i, j, a := m.YOffset(x, y), m.COffset(x, y), m.A[m.AOffset(x, y)]
				p := ycbcr.rgb(m.Y[i], m.Cb[j], m.Cr[j])
				r[x], g[x], b[x] = overWhite(p[0], a), overWhite(p[1], a), overWhite(p[2], a)
			}
		}, nil
	}
	return nil, fmt.Errorf("%w: pixels of type %T", ErrUnsupportedFormat, m)
}

// mul255 is a·b/255, rounded.
func mul255(a, b byte) byte {
	v := uint32(a)*uint32(b) + 128
	return byte((v + v>>8) >> 8)
}

// overWhite lays a colour of the given opacity over white.
func overWhite(v, alpha byte) byte { return 255 - mul255(255-v, alpha) }

func be16(b []byte) uint32 { return uint32(b[0])<<8 | uint32(b[1]) }

// to8 rounds 0…65535 to 0…255.
func to8(v uint32) byte { return byte((v + 128) / 257) }

// narrow rounds big-endian 16-bit samples to 8 bits.
func narrow(dst, src []byte) {
	for i := range dst {
		dst[i] = to8(be16(src[2*i:]))
	}
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
