package photo

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
)

var bmpFormat = format{name: "bmp", header: bmpHeader, memory: memoryBMP, decode: decodeBMP}

// Values of a BMP's compression field.
const (
	bmpRaw            = 0
	bmpRLE8           = 1
	bmpRLE4           = 2
	bmpBitFields      = 3
	bmpAlphaBitFields = 6
)

// bmpCompressions are kinds that cannot be read.
var bmpCompressions = map[uint32]string{4: "a JPEG inside", 5: "a PNG inside", 11: "CMYK colours", 12: "CMYK colours", 13: "CMYK colours"}

// A bmpFile is what a BMP's headers say.
type bmpFile struct {
	w, h        int
	topDown     bool
	bits        int // a pixel
	compression uint32
	masks       [4]uint32 // of red, green, blue, opacity in a pixel of 16 or 32 bits
	palette     [][3]byte // red, green, blue
	pixels      []byte
}

// Sizes of the header that follows the file's own, which tell its kind.
const (
	bmpFileHeader = 14
	bmpCoreHeader = 12 // OS/2 1
	bmpInfoHeader = 40 // Windows 3
	bmpMaskHeader = 52 // with masks of three colours, and 56 of opacity too
)

func bmpHeader(data []byte, _ *Scratch) (header, error) {
	f, err := parseBMP(data)
	if err != nil {
		return header{}, err
	}
	return header{w: f.w, h: f.h}, nil
}

// parseBMP reads the headers and the palette.
func parseBMP(data []byte) (*bmpFile, error) {
	if len(data) < bmpFileHeader+bmpCoreHeader {
		return nil, fmt.Errorf("%w: the BMP ends inside its header", ErrCorrupt)
	}
	le := binary.LittleEndian
	offset, size := int64(le.Uint32(data[10:])), int64(le.Uint32(data[bmpFileHeader:]))
	known := size == bmpCoreHeader || size == 16 || size == 64 || size >= bmpInfoHeader && size <= 124
	if !known {
		return nil, fmt.Errorf("%w: a BMP with a header of %d bytes; convert it to PNG or JPEG first", ErrUnsupportedFormat, size)
	}
	if offset < bmpFileHeader+size || offset > int64(len(data)) {
		return nil, fmt.Errorf("%w: the BMP's pixels begin at byte %d of %d", ErrCorrupt, offset, len(data))
	}
	head := data[bmpFileHeader:offset] // and what lies between it and the pixels
	f := &bmpFile{pixels: data[offset:]}
	if size == bmpCoreHeader {
		f.w, f.h, f.bits = int(le.Uint16(head[4:])), int(le.Uint16(head[6:])), int(le.Uint16(head[10:]))
	} else {
		f.w, f.h, f.bits = int(int32(le.Uint32(head[4:]))), int(int32(le.Uint32(head[8:]))), int(le.Uint16(head[14:]))
		if f.topDown = f.h < 0; f.topDown {
			f.h = -f.h
		}
		if size > 16 {
			f.compression = le.Uint32(head[16:])
		}
	}
	if err := f.check(size); err != nil {
		return nil, err
	}
	if f.bits <= 8 {
		f.readPalette(head, size)
		return f, nil
	}
	return f, f.readMasks(head, size)
}

// check refuses what cannot be read.
func (f *bmpFile) check(size int64) error {
	what := ""
	switch c := f.compression; {
	case size == 64 && c == bmpBitFields: // OS/2 counts otherwise
		what = "fax compression"
	case size == 64 && c == 4:
		what = "RLE compression of 24 bits"
	case bmpCompressions[c] != "":
		what = bmpCompressions[c]
	case c > bmpBitFields && c != bmpAlphaBitFields:
		what = fmt.Sprintf("compression %d", c)
	case f.bits != 1 && f.bits != 2 && f.bits != 4 && f.bits != 8 && f.bits != 16 && f.bits != 24 && f.bits != 32:
		what = fmt.Sprintf("%d bits a pixel", f.bits)
	}
	if what != "" {
		return fmt.Errorf("%w: a BMP with %s; convert it to PNG or JPEG first", ErrUnsupportedFormat, what)
	}
	rle := f.compression == bmpRLE8 || f.compression == bmpRLE4
	masked := f.compression == bmpBitFields || f.compression == bmpAlphaBitFields
	switch {
	case f.compression == bmpRLE8 && f.bits != 8, f.compression == bmpRLE4 && f.bits != 4, rle && f.topDown, masked && f.bits != 16 && f.bits != 32:
		return fmt.Errorf("%w: the BMP has compression %d and %d bits a pixel", ErrCorrupt, f.compression, f.bits)
	case f.w <= 0 || f.h <= 0:
		return fmt.Errorf("%w: its header says %d×%d pixels", ErrCorrupt, f.w, f.h)
	}
	return nil
}

// readPalette reads as many colours as there are between the header and the pixels.
func (f *bmpFile) readPalette(head []byte, size int64) {
	entry, colors := 4, 1<<f.bits
	if size == bmpCoreHeader {
		entry = 3
	} else if size >= bmpInfoHeader {
		if used := binary.LittleEndian.Uint32(head[32:]); used > 0 && used < uint32(colors) {
			colors = int(used)
		}
	}
	for p := head[size:]; len(p) >= entry && len(f.palette) < colors; p = p[entry:] {
		f.palette = append(f.palette, [3]byte{p[2], p[1], p[0]})
	}
}

// readMasks finds which bits of a pixel are which colour.
func (f *bmpFile) readMasks(head []byte, size int64) error {
	switch {
	case f.compression == bmpBitFields || f.compression == bmpAlphaBitFields:
		n := 3
		if f.compression == bmpAlphaBitFields || size > bmpMaskHeader {
			n = 4
		}
		if len(head) < bmpInfoHeader+4*n { // they follow the info header, whether they are part of it or not
			return fmt.Errorf("%w: the BMP lacks its masks of colours", ErrCorrupt)
		}
		for c := range n {
			f.masks[c] = binary.LittleEndian.Uint32(head[bmpInfoHeader+4*c:])
		}
	case f.bits == 16:
		f.masks = [4]uint32{31 << 10, 31 << 5, 31, 0}
	case f.bits == 32:
		f.masks = [4]uint32{0xff << 16, 0xff << 8, 0xff, 0}
		if size > bmpInfoHeader {
			f.masks[3] = 0xff << 24
		}
	}
	for _, m := range f.masks {
		if m != 0 && bits.OnesCount32(m) != bits.Len32(m>>bits.TrailingZeros32(m)) {
			return fmt.Errorf("%w: a BMP whose colours are scattered bits (mask %#x)", ErrUnsupportedFormat, m)
		}
	}
	return nil
}

// stride is the length of a row that is not compressed.
func (f *bmpFile) stride() int64 { return (int64(f.w)*int64(f.bits) + 31) / 32 * 4 }

func decodeBMP(_ context.Context, data []byte, h header, _ *Preprocess, _ *Scratch) (*Photo, error) {
	f, err := parseBMP(data)
	if err != nil {
		return nil, err
	}
	if f.compression == bmpRLE8 || f.compression == bmpRLE4 {
		return f.decodeRLE(h)
	}
	if f.stride()*int64(f.h-1)+(int64(f.w)*int64(f.bits)+7)/8 > int64(len(f.pixels)) {
		return nil, truncated(h, len(data))
	}
	if f.bits <= 8 {
		return f.decodePaletted()
	}
	return f.decodeColors()
}
