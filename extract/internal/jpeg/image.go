package jpeg

import "errors"

var (
	// ErrCorrupt: not a JPEG, truncated, or damaged.
	ErrCorrupt = errors.New("corrupt JPEG")
	// ErrUnsupported: a kind of JPEG this package does not decode.
	ErrUnsupported = errors.New("unsupported JPEG")
)

// A ColorModel says what the components mean.
type ColorModel uint8

const (
	Gray  ColorModel = iota // one component
	YCbCr                   // BT.601, full range (JFIF)
	RGB
	CMYK // 255 − ink, as Adobe stores it
	YCCK // YCbCr of 255 − C, M, Y, and 255 − K
)

// Config is what a file's header says.
type Config struct {
	Width, Height int
	Components    int
	Color         ColorModel
	Progressive   bool
	// EXIF is the APP1 segment's content, "Exif\0\0" included, or nil. It
	// aliases the file's bytes.
	EXIF []byte
}

// A Plane holds one component's samples, Width×Height of them; row y starts at
// Pix[y*Stride].
type Plane struct {
	Pix           []byte
	Stride        int
	Width, Height int
	// H and V are the component's sampling factors in units of Image.MaxH and
	// MaxV: a chroma plane of a 4:2:0 photo has 1 of 2 in both. At a reduced scale
	// such a plane is reduced by half as much, and has 2 of 2.
	H, V int
}

// An Image is a decoded file. Its planes belong to the Decoder.
type Image struct {
	Config
	Planes     []Plane
	MaxH, MaxV int
	// Scale is the one asked for. Width and Height are the file's; the planes
	// are this much smaller, rounded up.
	Scale int
	// Damaged counts the restart intervals that could not be decoded to their
	// end.
	Damaged int
}

// Options for Decode. The zero value decodes everything at full size.
type Options struct {
	// Scale divides width and height, which are rounded up: 1, 2, 4 or 8. 0 means 1.
	Scale int

	// Region is the part of the picture that is needed, in pixels of the full
	// size; empty means all of it. Samples of blocks that do not touch it are
	// left undefined.
	Region Rect
}

// A Rect is the pixels with X0 ≤ x < X1 and Y0 ≤ y < Y1.
type Rect struct{ X0, Y0, X1, Y1 int }

func (r Rect) empty() bool { return r.X0 >= r.X1 || r.Y0 >= r.Y1 }
