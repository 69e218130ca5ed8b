package extract

import (
	"errors"
	"fmt"

	"featstore/extract/internal/jpeg"
)

var jpegFormat = format{name: "jpeg", header: jpegHeader, decode: decodeJPEG}

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

func decodeJPEG(data []byte, h header, s *Scratch) (*Photo, error) {
	m, err := s.jpeg.Decode(data, jpeg.Options{})
	if err != nil {
		return nil, jpegError(err)
	}
	ph := &s.photo
	*ph = Photo{storedW: m.Width, storedH: m.Height}
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
		return fromInk(m), nil
	}
	for i := range m.Planes {
		ph.planes[i] = jpegPlane(m, i)
	}
	return ph, nil
}

// jpegPlane is component i with the upsampling that libjpeg would use.
func jpegPlane(m *jpeg.Image, i int) plane {
	p := &m.Planes[i]
	fx, fy := m.MaxH == 2*p.H, m.MaxV == 2*p.V
	// libjpeg has the triangle filter for pictures that are not tiny, and
	// vertically only where the columns are subsampled as well or not at all.
	fancyX := fx && p.Width > 2 && (fy || m.MaxV == p.V)
	fancyY := fy && (fancyX || m.MaxH == p.H)
	return plane{
		pix: p.Pix, stride: p.Stride, w: p.Width, h: p.Height,
		upX: upsampling{num: p.H, den: m.MaxH, fancy: fancyX},
		upY: upsampling{num: p.V, den: m.MaxV, fancy: fancyY},
	}
}

// fromInk converts CMYK and YCCK, which printers use. The values are those of
// 255 − ink, as Adobe's programs store them and others expect them even where no
// Adobe segment says so.
func fromInk(m *jpeg.Image) *Photo {
	ph := newRGBX(m.Width, m.Height)
	var src [4]plane
	for i := range src {
		src[i] = jpegPlane(m, i)
	}
	for y := range m.Height {
		for x := range m.Width {
			c, m0, ye, k := src[0].pixel(x, y), src[1].pixel(x, y), src[2].pixel(x, y), src[3].pixel(x, y)
			if m.Color == jpeg.YCCK {
				r, g, b := colorYCbCr.matrix().RGB(c, m0, ye)
				c, m0, ye = 255-r, 255-g, 255-b
			}
			p := ph.planes[0].pix[(y*m.Width+x)*4:][:3]
			p[0], p[1], p[2] = mul255(c, k), mul255(m0, k), mul255(ye, k)
		}
	}
	return ph
}

// pixel is one pixel of a plane at full resolution.
func (p *plane) pixel(x, y int) byte {
	near, far := p.upY.at(y, p.h)
	column := func(x int) int { return 3*int(p.pix[near*p.stride+x]) + int(p.pix[far*p.stride+x]) }
	left, right := p.upX.at(x, p.w)
	return byte((3*column(left) + column(right) + 8) >> 4)
}
