package extract

// A Photo is a decoded picture in the form its decoder delivers: up to three
// planes of bytes, chroma often at half the resolution, in the orientation in
// which it is stored. It is turned into a network's input by Preprocess.Fill.
//
// The planes belong to the Scratch the photo was decoded with; a photo is valid
// until that Scratch decodes the next one.
type Photo struct {
	// Format is "jpeg", "png", "gif", "webp", "bmp" or "tiff".
	Format string

	// Orientation is the EXIF orientation, 1 to 8. It is not yet applied to the
	// planes; Width, Height and Fill account for it.
	Orientation int

	// Warning says in what way the file is damaged although it could be decoded,
	// or is empty.
	Warning string

	color  colorModel
	planes [3]plane
	// storedW and storedH are the picture's size as stored, before orientation.
	storedW, storedH int
}

// Width is the width in pixels of the upright picture.
func (ph *Photo) Width() int {
	if orientation(ph.Orientation).transposes() {
		return ph.storedH
	}
	return ph.storedW
}

// Height is the height in pixels of the upright picture.
func (ph *Photo) Height() int {
	if orientation(ph.Orientation).transposes() {
		return ph.storedW
	}
	return ph.storedH
}

// colorModel says what a photo's planes mean.
type colorModel uint8

const (
	colorGray   colorModel = iota // one plane
	colorRGB                      // R, G, B
	colorYCbCr                    // JFIF: BT.601, all of 0…255
	colorStudio                   // BT.601 with Y in 16…235 and Cb, Cr in 16…240, as WebP stores it
)

func (c colorModel) planes() int {
	if c == colorGray {
		return 1
	}
	return 3
}

// A plane is one channel. Its w×h samples cover the whole picture.
type plane struct {
	pix    []byte
	stride int
	w, h   int
	// upX and upY say how the plane's samples become a picture's columns and
	// rows.
	upX, upY upsampling
}

// An upsampling tells which samples of a subsampled axis make up a pixel of the
// full one: pixel i is sample i·num/den or, when fancy (num/den is then 1/2),
// ¾ of that sample and ¼ of its neighbour on the pixel's other side. The latter
// is the triangle filter of libjpeg's and libwebp's "fancy" upsampling, which
// most programs use, so also those that most networks were trained with.
type upsampling struct {
	num, den int
	fancy    bool
}

var noUpsampling = upsampling{num: 1, den: 1}

// nearest is the sample that pixel i lies in, of n.
func (u upsampling) nearest(i, n int) int { return min(i*u.num/u.den, n-1) }

// at returns the samples that make up pixel i: ¾ of near and ¼ of far.
func (u upsampling) at(i, last int) (near, far int) {
	near = u.nearest(i, last+1)
	far = near
	if u.fancy {
		far = min(max(near+i%2*2-1, 0), last)
	}
	return near, far
}

// lowest returns the lowest sample that pixels from i on can use.
func (u upsampling) lowest(i int) int {
	near := i * u.num / u.den
	if u.fancy && i%2 == 0 {
		near--
	}
	return max(near, 0)
}

// pixel is one pixel of the plane at full resolution: for the rare cases that
// are not resampled plane by plane.
func (p *plane) pixel(x, y int) byte {
	near, far := p.upY.at(y, p.h-1)
	column := func(x int) int { return 3*int(p.pix[near*p.stride+x]) + int(p.pix[far*p.stride+x]) }
	left, right := p.upX.at(x, p.w-1)
	return byte((3*column(left) + column(right) + 8) >> 4)
}

// fullPlane is a plane at the picture's own resolution.
func fullPlane(pix []byte, stride, w, h int) plane {
	return plane{pix: pix, stride: stride, w: w, h: h, upX: noUpsampling, upY: noUpsampling}
}

// newPlanar returns a photo of n full planes of w×h samples to be filled.
func newPlanar(color colorModel, w, h int) *Photo {
	ph := &Photo{color: color, storedW: w, storedH: h, Orientation: 1}
	n := color.planes()
	buf := make([]byte, n*w*h)
	for i := range n {
		ph.planes[i] = fullPlane(buf[i*w*h:(i+1)*w*h:(i+1)*w*h], w, w, h)
	}
	return ph
}
