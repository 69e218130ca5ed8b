package photo

import (
	"featstore/extract/internal/icc"
	"featstore/extract/internal/row"
)

// A Photo is a decoded picture in the form its decoder delivers, often planes of
// luma and chroma with the chroma at half the resolution, and in the orientation
// in which it is stored. Preprocess.Fill turns it into a network's input.
//
// Its memory belongs to the Scratch the photo was decoded with; a photo is valid
// until that Scratch decodes the next one.
type Photo struct {
	// Width and Height are the upright picture's, in pixels.
	Width, Height int

	// Format is "jpeg", "png", "gif", "webp", "bmp", "tiff", "heic", "avif" or "raw".
	Format string

	// Orientation is the EXIF orientation, 1 to 8. The pixels are as stored: Fill
	// applies it.
	Orientation int

	// Warning says how the file is damaged although it could be decoded. It is
	// usually empty.
	Warning string

	preprocess Preprocess // what it was decoded for
	color      colorModel
	yuv        *row.Matrix    // of colorYUV
	toSRGB     *icc.Transform // of its colours, or nil
	planes     [3]plane
	// storedW and storedH are the planes' size, before orientation; reduce is how
	// many of the picture's pixels one of theirs stands for, on either axis.
	storedW, storedH int
	reduce           int
}

// colorModel says what a photo's planes mean.
type colorModel uint8

const (
	colorGray   colorModel = iota // one plane
	colorRGBX                     // one plane of four bytes a pixel: R, G, B and an unused one
	colorRGB                      // planes R, G, B
	colorYCbCr                    // JFIF: BT.601, all of 0…255
	colorStudio                   // BT.601 with Y in 16…235 and Cb, Cr in 16…240, as WebP stores it
	colorYUV                      // luma and chroma of the photo's own matrix
)

func (c colorModel) planes() int {
	if c == colorGray || c == colorRGBX {
		return 1
	}
	return 3
}

// A plane is one channel, w×h samples that cover the whole picture.
type plane struct {
	pix      []byte
	stride   int
	w, h     int
	upX, upY upsampling // how samples become a picture's columns and rows
}

// An upsampling tells which samples of a subsampled axis make up a pixel of the
// full one: pixel i is sample i·num/den or, when fancy (num/den is then 1/2),
// ¾ of that sample and ¼ of its neighbour on the pixel's other side. The latter
// is the triangle filter of libjpeg's and libwebp's "fancy" upsampling, which most
// programs use, including those that most networks were trained with.
type upsampling struct {
	num, den int
	fancy    bool
}

// full reports whether the axis has full resolution already.
func (u upsampling) full() bool { return u.num == u.den }

var noUpsampling = upsampling{num: 1, den: 1}

// at returns the samples, of n, that make up pixel i: ¾ of near and ¼ of far.
func (u upsampling) at(i, n int) (near, far int) {
	near = min(i*u.num/u.den, n-1)
	far = near
	if u.fancy {
		far = min(max(near+i%2*2-1, 0), n-1)
	}
	return near, far
}

// fullPlane is a plane at the picture's own resolution.
func fullPlane(pix []byte, stride, w, h int) plane {
	return plane{pix: pix, stride: stride, w: w, h: h, upX: noUpsampling, upY: noUpsampling}
}

// newRGBX returns a photo of w×h pixels to be filled.
func newRGBX(w, h int) *Photo {
	return rgbxPhoto(make([]byte, 4*w*h), 4*w, w, h)
}

func rgbxPhoto(pix []byte, stride, w, h int) *Photo {
	ph := &Photo{color: colorRGBX, storedW: w, storedH: h}
	ph.planes[0] = fullPlane(pix, stride, w, h)
	return ph
}
