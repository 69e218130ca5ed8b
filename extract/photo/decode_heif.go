package photo

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"featstore/extract/internal/codec"
	"featstore/extract/internal/heif"
	"featstore/extract/internal/row"
)

// HEIC and AVIF are one kind of file, named after how their picture is usually compressed.
var (
	heicFormat = format{name: "heic", header: heifHeader, memory: memoryHEIF, decode: decodeHEIF, profile: heifProfile}
	avifFormat = format{name: "avif", header: heifHeader, memory: memoryHEIF, decode: decodeHEIF, profile: heifProfile}
)

// sniffHEIF returns the format of a file that begins with a box of the brands that it
// conforms to, or nil.
func sniffHEIF(data []byte) *format {
	if len(data) < 16 || string(data[4:8]) != "ftyp" {
		return nil
	}
	size := min(int64(be32(data)), int64(len(data)))
	var found *format
	for at := int64(8); at+4 <= size; at += 4 {
		if at == 12 { // version of the first
			continue
		}
		switch string(data[at : at+4]) {
		case "avif", "avis":
			return &avifFormat
		case "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "mif2", "msf1":
			found = &heicFormat
		}
	}
	return found
}

func be32(b []byte) uint32 { return be16(b)<<16 | be16(b[2:]) }

func heifHeader(data []byte, s *Scratch) (header, error) {
	f, err := heif.Parse(data)
	switch {
	case errors.Is(err, heif.ErrUnsupported):
		return header{}, fmt.Errorf("%w: %w", ErrUnsupportedFormat, err)
	case err != nil && bytes.Contains(data, []byte("moov")):
		return header{}, fmt.Errorf("%w: a film or a series of pictures without a still one", ErrUnsupportedFormat)
	case err != nil:
		return header{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	s.heif = f
	if f.Compression == heif.AV1 || f.Compression == heif.HEVC {
		return header{w: f.Crop.Width, h: f.Crop.Height, orientation: orientation(f.Orientation)}, nil
	}
	return header{}, fmt.Errorf("%w: a HEIF picture compressed as %q; convert it to JPEG first", ErrUnsupportedFormat, f.Compression)
}

// decoderBytes is what a decoder needs whatever the picture: its own tables and stack.
const decoderBytes = 8 << 20

// memoryHEIF is memory of the decoder, which includes its copy of the file, and what is
// made of its result.
func memoryHEIF(data []byte, _ header, _ *Preprocess, s *Scratch) int64 {
	f := s.heif
	n := decoderMemory(data, f)
	shown := int64(f.Crop.Width) * int64(f.Crop.Height)
	switch {
	case f.Alpha != 0 && f.Compression == heif.HEVC: // decoded after the colours
		n += n + int64(len(data)) + rgbxBytes*shown
	case f.Alpha != 0, f.Crop.X%2 != 0, f.Crop.Y%2 != 0:
		n += rgbxBytes * shown
	}
	return n
}

// decoderMemory is how much a decoder is given.
func decoderMemory(data []byte, f *heif.File) int64 {
	picture := int64(f.CodedWidth) * int64(f.CodedHeight)
	tile := int64(f.TileWidth+64) * int64(f.TileHeight+64)
	sample := int64(1)
	if f.Depth != 8 {
		sample = 2
	}
	// Of a tile, the frame decoded, the one before it, a copy, and what is known of
	// its blocks.
	n := int64(len(data)) + decoderBytes + 3*sample*f.Subsampling.Samples(tile) + tile
	if f.Compression == heif.AV1 {
		// The picture put together, and its opacity in the same way.
		n += sample * f.Subsampling.Samples(picture)
		if f.Alpha != 0 {
			n += sample * (3*tile + picture)
		}
		return n
	}
	// The picture put together, in 8 bits, turned, and delivered.
	return n + (sample+3)*f.Subsampling.Samples(picture)
}

// decoderWork is how many passes of loops a decoder may do: some hundred times what an
// ordinary picture takes.
func decoderWork(data []byte, f *heif.File) int64 {
	const base, perByte, perPixel = 100e6, 2000, 1000
	tiles := int64(f.Tiles) * int64(f.TileWidth) * int64(f.TileHeight)
	return base + perByte*int64(len(data)) + perPixel*(tiles+int64(f.CodedWidth)*int64(f.CodedHeight))
}

func decodeHEIF(ctx context.Context, data []byte, _ header, _ *Preprocess, s *Scratch) (*Photo, error) {
	f := s.heif
	lim := codec.Limits{Memory: decoderMemory(data, f), Work: decoderWork(data, f)}
	decode := decodeHEVC
	if f.Compression == heif.AV1 {
		decode = decodeAV1
	}
	ph, err := decode(ctx, data, f, lim, s.codecs)
	if err != nil {
		return nil, err
	}
	return cut(ph, f.Crop), nil
}

// decodeHEVC decodes the picture, then its opacity. libheif repeats chroma.
func decodeHEVC(ctx context.Context, data []byte, f *heif.File, lim codec.Limits, codecs *codec.Set) (*Photo, error) {
	m, err := codecs.HEIC(ctx, data, f.EditPrimary, lim)
	if err != nil {
		return nil, codecError(err)
	}
	ph, err := fromPlanes(m, f, &row.JFIF, false)
	if err != nil || f.Alpha == 0 {
		return ph, err
	}
	alpha, err := codecs.HEIC(ctx, data, f.EditAlpha, lim)
	if err != nil {
		return nil, codecError(err)
	}
	if alpha.Layout == codec.RGBA {
		return nil, fmt.Errorf("%w: its opacity is a picture in colour", ErrCorrupt)
	}
	return withAlpha(ph, alpha.Planes[0], alpha.Width, alpha.Height, f.Premultiplied), nil
}

// decodeAV1 decodes the picture with its opacity. libavif interpolates chroma, and converts
// it in the 6 bits of libyuv.
func decodeAV1(ctx context.Context, data []byte, f *heif.File, lim codec.Limits, codecs *codec.Set) (*Photo, error) {
	m, err := codecs.AVIF(ctx, data, lim)
	if err != nil {
		return nil, codecError(err)
	}
	matrix, err := matrixOf(m)
	if err != nil {
		return nil, err
	}
	ph, err := fromPlanes(m, f, matrix.Coarse(), true)
	if err != nil {
		return nil, err
	}
	switch {
	case m.Layout == codec.Gray && !m.FullRange:
		stretchLuma(m.Planes[0].Pix)
	case m.Layout == codec.YUV444 && m.Matrix == matrixIdentity: // G, B, R
		ph.color = colorRGB
		ph.planes = [3]plane{ph.planes[2], ph.planes[0], ph.planes[1]}
	}
	if m.Alpha.Pix != nil {
		ph = withAlpha(ph, m.Alpha, m.Width, m.Height, m.Premultiplied)
	}
	return ph, nil
}

// codecError gives the decoders' errors their class here.
func codecError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

func sizeDiffers(m *codec.Picture, w, h int) error {
	return fmt.Errorf("%w: its header says %d×%d pixels, the picture has %d×%d", ErrCorrupt, w, h, m.Width, m.Height)
}

// fromPlanes makes a photo of decoded planes as they are.
func fromPlanes(m *codec.Picture, f *heif.File, yuv *row.Matrix, fancy bool) (*Photo, error) {
	if m.Width != f.CodedWidth || m.Height != f.CodedHeight {
		return nil, sizeDiffers(m, f.CodedWidth, f.CodedHeight)
	}
	ph := &Photo{color: colorYUV, yuv: yuv, storedW: m.Width, storedH: m.Height}
	half := upsampling{num: 1, den: 2, fancy: fancy}
	x, y := noUpsampling, noUpsampling
	switch m.Layout {
	case codec.RGBA:
		ph.color = colorRGBX
	case codec.Gray:
		ph.color = colorGray
	case codec.YUV420:
		x, y = half, half
	case codec.YUV422:
		x = half
	}
	for i := range ph.color.planes() {
		p := fullPlane(m.Planes[i].Pix, m.Planes[i].Stride, m.Width, m.Height)
		if i > 0 {
			p.upX, p.upY = x, y
			p.w, p.h = (m.Width+x.den-1)/x.den, (m.Height+y.den-1)/y.den
		}
		ph.planes[i] = p
	}
	return ph, nil
}

// stretchLuma turns 16…235 into 0…255.
func stretchLuma(pix []byte) {
	var to [256]byte
	for i := range to {
		to[i] = byte(min(255, max(0, (i-16)*255+219/2)/219))
	}
	for i, v := range pix {
		pix[i] = to[v]
	}
}

// Matrix coefficients of ITU-T H.273.
const (
	matrixIdentity = 0
	matrix709      = 1
	matrixUnsaid   = 2
	matrixFCC      = 4
	matrix601PAL   = 5
	matrix601NTSC  = 6
	matrix240M     = 7
	matrix2020     = 9
	matrix2020CL   = 10
)

// matrixOf is how luma and chroma become RGB. What is not said is as JPEG has it.
func matrixOf(m *codec.Picture) (*row.Matrix, error) {
	full := m.FullRange
	switch m.Matrix {
	case matrixIdentity, matrixUnsaid, matrix601PAL, matrix601NTSC:
		if full {
			return &row.JFIF, nil
		}
		return &row.Studio, nil
	case matrix709:
		return row.MatrixOf(2126, 722, full), nil
	case matrixFCC:
		return row.MatrixOf(3000, 1100, full), nil
	case matrix240M:
		return row.MatrixOf(2120, 870, full), nil
	case matrix2020, matrix2020CL:
		return row.MatrixOf(2627, 593, full), nil
	}
	return nil, fmt.Errorf("%w: its colours are of kind %d (matrix coefficients of ITU-T H.273); convert it to JPEG first", ErrUnsupportedFormat, m.Matrix)
}

// rgbx converts a photo to RGBX, of which the fourth byte is not set.
func (ph *Photo) rgbx() *Photo {
	out := newRGBX(ph.storedW, ph.storedH)
	var r rowReader
	r.reset(ph, 0, ph.storedW)
	for y := range ph.storedH {
		r.read(out.planes[0].pix[y*out.planes[0].stride:], y)
	}
	return out
}

// withAlpha lays a photo over white with the opacity of a plane of w×h pixels.
func withAlpha(ph *Photo, alpha codec.Plane, w, h int, premultiplied bool) *Photo {
	out := ph.rgbx()
	for y := range out.storedH {
		line := out.planes[0].pix[y*out.planes[0].stride:]
		opacity := alpha.Pix[y*h/out.storedH*alpha.Stride:]
		for x := range out.storedW {
			p, a := line[4*x:][:3], opacity[x*w/out.storedW]
			for c, v := range p {
				if premultiplied {
					p[c] = byte(min(255, int(v)+255-int(a)))
				} else {
					p[c] = overWhite(v, a)
				}
			}
		}
	}
	return out
}

// cut returns the part of a photo that is shown.
func cut(ph *Photo, r heif.Rectangle) *Photo {
	for _, p := range ph.planes[:ph.color.planes()] {
		if r.X%p.upX.den != 0 || r.Y%p.upY.den != 0 { // in the middle of a sample
			ph = ph.rgbx()
			break
		}
	}
	ph.storedW, ph.storedH = r.Width, r.Height
	for i := range ph.color.planes() {
		p, bytes := &ph.planes[i], 1
		if ph.color == colorRGBX {
			bytes = rgbxBytes
		}
		p.pix = p.pix[r.Y/p.upY.den*p.stride+r.X/p.upX.den*bytes:]
		p.w, p.h = (r.Width+p.upX.den-1)/p.upX.den, (r.Height+p.upY.den-1)/p.upY.den
	}
	return ph
}
