package photo

import (
	"context"
	"errors"
	"fmt"

	"featstore/extract/internal/jpeg"
)

var jpegFormat = format{
	name: "jpeg", header: jpegHeader, memory: memoryJPEG, decode: decodeJPEG, profile: jpegProfile,
	reduce: func(h header, p *Preprocess) int { return jpegOptions(h, p).Scale },
}

func jpegHeader(data []byte, s *Scratch) (header, error) {
	c, err := s.jpeg.DecodeConfig(data)
	if err != nil {
		return header{}, jpegError(err)
	}
	return header{w: c.Width, h: c.Height, orientation: exifOrientation(c.EXIF)}, nil
}

// jpegError gives the JPEG decoder's errors their class here.
func jpegError(err error) error {
	if errors.Is(err, jpeg.ErrUnsupported) {
		return fmt.Errorf("%w: %w", ErrUnsupportedFormat, err)
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// decodeJPEG decodes the part of a JPEG that p needs, at a reduced size if p
// allows it.
func decodeJPEG(_ context.Context, data []byte, h header, p *Preprocess, s *Scratch) (*Photo, error) {
	m, err := s.jpeg.Decode(data, jpegOptions(h, p))
	if err != nil {
		return nil, jpegError(err)
	}
	return photoFromJPEG(m, &s.photo), nil
}

// photoFromJPEG makes ph of a decoded file.
func photoFromJPEG(m *jpeg.Image, ph *Photo) *Photo {
	*ph = Photo{storedW: (m.Width + m.Scale - 1) / m.Scale, storedH: (m.Height + m.Scale - 1) / m.Scale, reduce: m.Scale}
	if m.Damaged > 0 {
		ph.Warning = fmt.Sprintf("%d damaged parts of the JPEG between restart markers are grey or wrong", m.Damaged)
	}
	switch m.Color {
	case jpeg.Gray:
		ph.color = colorGray
	case jpeg.RGB:
		ph.color = colorRGB
	case jpeg.YCbCr:
		ph.color = colorYCbCr
	default:
		ph.color = colorRGBX
		ph.planes[0] = fromInk(m, ph.storedW, ph.storedH)
		return ph
	}
	for i := range m.Planes {
		ph.planes[i] = jpegPlane(m, i)
	}
	return ph
}

// jpegOptions says what of a JPEG p needs, and at which size.
func jpegOptions(h header, p *Preprocess) jpeg.Options {
	x, y := View{}.storedAxes(p, h.w, h.h, h.orientation)
	opt := jpeg.Options{Scale: 1}
	opt.Region.X0, opt.Region.X1 = x.needed()
	opt.Region.Y0, opt.Region.Y1 = y.needed()
	for p.JPEGReduce > 0 && opt.Scale < 8 && x.leaves(2*opt.Scale, p.JPEGReduce) && y.leaves(2*opt.Scale, p.JPEGReduce) {
		opt.Scale *= 2
	}
	return opt
}

// leaves reports whether the part that is scaled has, at 1/scale of its size, still so many
// times the pixels that it is scaled to.
func (s *axisSpec) leaves(scale int, times float32) bool {
	return float64(s.hi-s.lo) >= float64(scale*s.full)*float64(times)
}

// jpegPlane is component i with the upsampling that libjpeg would use.
func jpegPlane(m *jpeg.Image, i int) plane {
	p := &m.Planes[i]
	fx, fy := m.MaxH == 2*p.H, m.MaxV == 2*p.V
	// libjpeg has the triangle filter for pictures that are not tiny, and
	// vertically only where the columns are subsampled as well or not at all. At an
	// eighth of the size it repeats samples.
	fancyX := fx && p.Width > 2 && (fy || m.MaxV == p.V) && m.Scale < 8
	fancyY := fy && (fancyX || m.MaxH == p.H) && m.Scale < 8
	return plane{
		pix: p.Pix, stride: p.Stride, w: p.Width, h: p.Height,
		upX: upsampling{num: p.H, den: m.MaxH, fancy: fancyX},
		upY: upsampling{num: p.V, den: m.MaxV, fancy: fancyY},
	}
}

// fromInk converts CMYK and YCCK, which printers use, to w×h RGBX. The values are those of
// 255 − ink, as Adobe's programs store them and others expect them even where no
// Adobe segment says so.
func fromInk(m *jpeg.Image, w, h int) plane {
	rgbx := make([]byte, 4*w*h)
	colors, black := inkReaders(m, w, h)
	for y := range h {
		cyan, magenta, yellow, key := colors.component(0, y), colors.component(1, y), colors.component(2, y), black.component(0, y)
		for x, k := range key {
			c, ma, ye := cyan[x], magenta[x], yellow[x]
			if m.Color == jpeg.YCCK {
				r, g, b := colorYCbCr.matrix().RGB(c, ma, ye)
				c, ma, ye = 255-r, 255-g, 255-b
			}
			p := rgbx[(y*w+x)*4:][:3]
			p[0], p[1], p[2] = mul255(c, k), mul255(ma, k), mul255(ye, k)
		}
	}
	return fullPlane(rgbx, 4*w, w, h)
}

// inkReaders read the first three components of four, and the last.
func inkReaders(m *jpeg.Image, w, h int) (colors, black *rowReader) {
	three := &Photo{color: colorRGB, storedW: w, storedH: h}
	for i := range three.planes {
		three.planes[i] = jpegPlane(m, i)
	}
	last := &Photo{color: colorGray, storedW: w, storedH: h}
	last.planes[0] = jpegPlane(m, 3)
	colors, black = new(rowReader), new(rowReader)
	colors.reset(three, 0, w)
	black.reset(last, 0, w)
	return colors, black
}
