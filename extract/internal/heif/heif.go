// Package heif reads what a HEIF file, such as HEIC or AVIF, says of its primary picture:
// size, compression, colours, alpha, how it is cut and turned. It decodes no pixels.
//
// A HEIF file (ISO/IEC 23008-12) consists of boxes (ISO/IEC 14496-12). Its meta box lists
// items, of which one is the primary picture. An item may be a grid of others, and has
// properties. What else there is, such as thumbnails, depth and gain maps, sequences and
// the film of a Motion Photo, does not concern the primary picture.
//
// Whatever the bytes, Parse returns a File or an error. It allocates less than a small
// multiple of the file's size, and follows references four deep.
package heif

import (
	"errors"
	"fmt"
)

// Why a file cannot be used.
var (
	ErrDamaged     = errors.New("damaged HEIF file")
	ErrUnsupported = errors.New("unsupported HEIF file")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
}

// Compressions of a picture, the types of its item.
const (
	HEVC = "hvc1"
	AV1  = "av01"
)

// A File is what is known of a file's primary picture before it is decoded.
type File struct {
	Compression string // HEVC, AV1 or the type of an item of another kind

	// CodedWidth and CodedHeight are the size before the picture is cut and turned,
	// TileWidth and TileHeight those of the largest tile of a grid of Tiles. A picture
	// that is no grid is one tile.
	CodedWidth, CodedHeight int
	TileWidth, TileHeight   int
	Tiles                   int

	// Crop is the part of the coded picture that is shown, Orientation how it is then
	// turned to stand upright: EXIF's number, 1 to 8.
	Crop        Rectangle
	Orientation int

	Depth       int // bits of a sample, 0 if unknown
	Subsampling Subsampling
	ICC         []byte // profile of its colours, or nil

	// Alpha is the item that holds the opacity, 0 if there is none.
	Alpha         uint32
	Premultiplied bool // the colours are multiplied by it

	primary       place // where the primary item's number stands
	untransformed []edit
}

// A Subsampling is how many samples there are of chroma.
type Subsampling int

// The numbers are HEVC's.
const (
	Monochrome Subsampling = iota
	Half                   // 4:2:0: half the width and height
	HalfWidth              // 4:2:2
	Full                   // 4:4:4, or unknown
)

// Samples is how many samples there are for so many pixels, luma and chroma.
func (s Subsampling) Samples(pixels int64) int64 {
	return [...]int64{pixels, pixels + pixels/2, 2 * pixels, 3 * pixels}[s]
}

// A Rectangle is a part of a picture, in pixels.
type Rectangle struct{ X, Y, Width, Height int }

// Width and Height are the upright picture's size.
func (f *File) Width() int {
	if f.transposed() {
		return f.Crop.Height
	}
	return f.Crop.Width
}

// Height is the upright picture's height.
func (f *File) Height() int {
	if f.transposed() {
		return f.Crop.Width
	}
	return f.Crop.Height
}

func (f *File) transposed() bool { return f.Orientation >= 5 }

// place is where a number of size bytes stands in a file.
type place struct{ at, size int }

func (p place) write(data []byte, v uint32) {
	at := data[p.at:][:p.size]
	for i := range at {
		at[i] = byte(v >> (8 * (len(at) - 1 - i)))
	}
}

// EditPrimary changes a copy of the file so that its primary picture is as it is coded,
// neither cut nor turned.
func (f *File) EditPrimary(data []byte) {
	for _, e := range f.untransformed {
		e.at.write(data, e.property)
	}
}

// EditAlpha changes a copy of the file so that the primary picture is the opacity of the
// former, as it is coded.
func (f *File) EditAlpha(data []byte) {
	f.EditPrimary(data)
	f.primary.write(data, f.Alpha)
}

// An edit gives an item another property than one that cuts or turns it: one that it has
// already.
type edit struct {
	at       place
	property uint32
}

// Parse reads a file's boxes.
func Parse(data []byte) (*File, error) {
	m, err := readMeta(data)
	if err != nil {
		return nil, err
	}
	return m.file()
}
