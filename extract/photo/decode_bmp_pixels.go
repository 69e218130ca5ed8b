package photo

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// row returns row y of the picture, of those that are not compressed, and where it
// goes.
func (f *bmpFile) row(ph *Photo, y int) (src, dst []byte) {
	stored := f.h - 1 - y
	if f.topDown {
		stored = y
	}
	at := f.stride() * int64(stored)
	n := (int64(f.w)*int64(f.bits) + 7) / 8
	return f.pixels[at : at+n], ph.planes[0].pix[4*f.w*y:][:4*f.w]
}

func (f *bmpFile) decodePaletted() (*Photo, error) {
	ph := newRGBX(f.w, f.h)
	for y := range f.h {
		src, dst := f.row(ph, y)
		for x := range f.w {
			at := x * f.bits
			index := src[at/8] >> (8 - f.bits - at%8) & (1<<f.bits - 1)
			if err := f.color(dst[4*x:], index); err != nil {
				return nil, err
			}
		}
	}
	return ph, nil
}

// color writes a colour of the palette.
func (f *bmpFile) color(dst []byte, index byte) error {
	if int(index) >= len(f.palette) {
		return fmt.Errorf("%w: the BMP uses colour %d of a palette of %d", ErrCorrupt, index, len(f.palette))
	}
	c := f.palette[index]
	dst[0], dst[1], dst[2], dst[3] = c[0], c[1], c[2], 255
	return nil
}

// decodeColors decodes pixels of 16, 24 or 32 bits.
func (f *bmpFile) decodeColors() (*Photo, error) {
	ph := newRGBX(f.w, f.h)
	channels := [4]bmpChannel{}
	for c, m := range f.masks {
		channels[c] = newBMPChannel(m)
	}
	seen := byte(0) // of opacity
	for y := range f.h {
		src, dst := f.row(ph, y)
		for x := range f.w {
			p := dst[4*x:][:4]
			if f.bits == 24 {
				p[0], p[1], p[2], p[3] = src[3*x+2], src[3*x+1], src[3*x], 255
				continue
			}
			v := uint32(0)
			if f.bits == 16 {
				v = uint32(binary.LittleEndian.Uint16(src[2*x:]))
			} else {
				v = binary.LittleEndian.Uint32(src[4*x:])
			}
			for c := range channels {
				p[c] = channels[c].of(v)
			}
			seen |= p[3]
		}
	}
	// Many programs leave the byte for opacity 0: a picture that is transparent all
	// over is none of that kind.
	if f.bits != 24 && f.masks[3] != 0 && seen != 0 {
		flatten(ph.planes[0].pix)
	}
	return ph, nil
}

// A bmpChannel is where in a pixel a colour lies.
type bmpChannel struct {
	mask  uint32
	shift int
	most  uint32
}

func newBMPChannel(mask uint32) bmpChannel {
	shift := bits.TrailingZeros32(mask) & 31
	return bmpChannel{mask, shift, mask >> shift}
}

// of returns the colour as 0…255, rounded down, as Pillow does.
func (c *bmpChannel) of(pixel uint32) byte {
	if c.most == 0 {
		return 0
	}
	return byte(uint64(pixel&c.mask>>c.shift) * 255 / uint64(c.most))
}
