package photo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Limits bounds what decoding one file may cost. A zero field means its default.
type Limits struct {
	// MaxPixels is the largest width × height accepted. The header is checked
	// against it before anything is allocated.
	MaxPixels int64

	// Memory is what photos share that are decoded at the same time; without it, a
	// photo may take as much as if there were one of DefaultMemory. Most take 1½ to
	// 4 bytes a pixel, progressive JPEGs 5 to 10, 16-bit PNGs 8, interlaced ones
	// twice as much, progressive JPEGs in CMYK 17.
	Memory *Memory
}

// DefaultMaxPixels is enough for the cameras of today: 100 megapixels.
const DefaultMaxPixels = 100_000_000

// MaxFileBytes is the size up to which a file is read as a photo: 256 MB.
const MaxFileBytes = 256 << 20

// maxSide is JPEG's largest width and height. It bounds the number of weights that
// resampling needs.
const maxSide = 65535

// DefaultLimits returns the limits used where none are given.
func DefaultLimits() Limits { return Limits{MaxPixels: DefaultMaxPixels} }

func (l Limits) check(w, h int) error {
	limit := l.MaxPixels
	if limit == 0 {
		limit = DefaultMaxPixels
	}
	if w <= 0 || h <= 0 {
		return fmt.Errorf("%w: its header says %d×%d pixels", ErrCorrupt, w, h)
	}
	if max(w, h) > maxSide {
		return fmt.Errorf("%w: its header says %d×%d pixels; the limit for a side is %d", ErrTooLarge, w, h, maxSide)
	}
	if int64(w)*int64(h) > limit {
		return fmt.Errorf("%w: its header says %d×%d pixels; the limit is %g megapixels", ErrTooLarge, w, h, float64(limit)/1e6)
	}
	return nil
}

// header is what is known of a file before its pixels are decoded.
type header struct {
	w, h        int
	orientation orientation
}

// upright is the picture's size when it stands upright.
func (h header) upright() (width, height int) {
	if h.orientation.transposes() {
		return h.h, h.w
	}
	return h.w, h.h
}

// A format decodes one kind of file.
type format struct {
	name   string
	header func(data []byte, s *Scratch) (header, error)
	// memory is an upper bound of what decode will allocate, or keep in s. It and
	// decode are called only after header succeeded and its size was accepted.
	// p says what is needed of the photo.
	memory func(data []byte, h header, p *Preprocess, s *Scratch) int64
	decode func(ctx context.Context, data []byte, h header, p *Preprocess, s *Scratch) (*Photo, error)
	// profile is the ICC profile in the file, nil if there is none.
	profile func(data []byte, s *Scratch) []byte
	// reduce is at what fraction of the size decode delivers the picture, 2 for half, as
	// Preprocess.JPEGReduce says; nil for always the whole size.
	reduce func(h header, p *Preprocess) int
}

// sniff returns the decoder for data, chosen by its first bytes: the file's name does
// not matter.
func sniff(data []byte) (*format, error) {
	has := func(prefix string) bool { return bytes.HasPrefix(data, []byte(prefix)) }
	switch {
	case len(data) == 0:
		return nil, fmt.Errorf("%w: the file is empty", ErrCorrupt)
	case has("\xff\xd8"):
		return &jpegFormat, nil
	case has("\x89PNG\r\n\x1a\n"):
		return &pngFormat, nil
	case has("GIF87a"), has("GIF89a"):
		return &gifFormat, nil
	case has("RIFF") && len(data) >= 12 && string(data[8:12]) == "WEBP":
		return &webpFormat, nil
	case has("II*\x00"), has("MM\x00*"):
		if isRaw(data) {
			return &rawFormat, nil
		}
		return &tiffFormat, nil
	case has("BM") && len(data) >= 18:
		return &bmpFormat, nil
	}
	if f := sniffHEIF(data); f != nil {
		return f, nil
	}
	return nil, refuse(data)
}

// readable names the formats.
const readable = "JPEG, PNG, GIF, WebP, BMP, TIFF, HEIC, AVIF and raw photos"

// refuse returns the error for bytes that are not a supported picture, and says what
// they are.
func refuse(data []byte) error {
	head := data[:min(len(data), 64)]
	if i := bytes.Index(head[:min(len(head), 8)], []byte("PNG")); i >= 0 {
		return fmt.Errorf("%w: its PNG signature is damaged, as by a transfer in text mode", ErrCorrupt)
	}
	if len(head) >= 12 && string(head[4:8]) == "ftyp" {
		return fmt.Errorf("%w: a video or other MPEG-4 file", ErrUnsupportedFormat)
	}
	for _, k := range []struct{ magic, what string }{
		{"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"},
		{"\xff\x0a", "a JPEG XL picture"},
		{"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"},
		{"8BPS", "a Photoshop document"},
		{"%PDF", "a PDF document"},
		{"II+\x00", "a BigTIFF picture; convert it to PNG or JPEG first"},
		{"MM\x00+", "a BigTIFF picture; convert it to PNG or JPEG first"},
		{"\x00\x00\x01\x00", "an icon"},
		{"<svg", "an SVG drawing"},
		{"<?xml", "an XML file"},
		{"<!DOC", "an HTML page"},
		{"<html", "an HTML page"},
		{"PK\x03\x04", "a ZIP archive"},
	} {
		if bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte(k.magic)) || bytes.HasPrefix(head, []byte(k.magic)) {
			return fmt.Errorf("%w: %s; %s can be read", ErrUnsupportedFormat, k.what, readable)
		}
	}
	return fmt.Errorf("%w: its first bytes (% x) belong to none of %s", ErrUnsupportedFormat, head[:min(len(head), 8)], readable)
}

// DecodeConfig reads a picture's format and upright size from its header,
// without decoding it.
func DecodeConfig(data []byte) (format string, width, height int, err error) {
	f, err := sniff(data)
	if err != nil {
		return "", 0, 0, err
	}
	h, err := readHeader(f, data, new(Scratch))
	if err != nil {
		return "", 0, 0, err
	}
	width, height = h.upright()
	return f.name, width, height, nil
}

// A source is a file whose header has been read and accepted.
type source struct {
	*format
	data []byte
	h    header
	need int64 // bytes, to decode it
}

// open reads a file's header. Its size, and what decoding takes, are within lim:
// until then nothing of any size is allocated.
func open(data []byte, p *Preprocess, lim Limits, s *Scratch) (*source, error) {
	f, err := sniff(data)
	if err != nil {
		return nil, err
	}
	s.codecs = lim.Memory.decoders(s)
	h, err := readHeader(f, data, s)
	if err != nil {
		return nil, err
	}
	if err := lim.check(h.w, h.h); err != nil {
		return nil, err
	}
	need, err := guard(f, func() (int64, error) { return f.memory(data, h, p, s) + int64(len(data)), nil })
	if err != nil {
		return nil, err
	}
	return &source{format: f, data: data, h: h, need: need}, lim.Memory.check(h, need)
}

// photo decodes the whole file. A decoder's panic becomes an error here.
func (src *source) photo(ctx context.Context, p *Preprocess, s *Scratch) (*Photo, error) {
	ph, err := guard(src.format, func() (*Photo, error) { return src.decode(ctx, src.data, src.h, p, s) })
	if err != nil {
		return nil, err
	}
	ph.Format, ph.preprocess = src.name, *p
	if p.Color == ColorSRGB && src.profile != nil {
		ph.toSRGB = s.colors.For(src.profile(src.data, s))
	}
	ph.Width, ph.Height = src.h.upright()
	ph.Orientation = int(max(src.h.orientation, upright))
	return ph, nil
}

// reduced is at what fraction of the size the file is decoded for p: 1, 2, 4 or 8.
func (src *source) reduced(p *Preprocess) int {
	if src.reduce == nil {
		return 1
	}
	return src.reduce(src.h, p)
}

func readHeader(f *format, data []byte, s *Scratch) (header, error) {
	return guard(f, func() (header, error) { return f.header(data, s) })
}

// guard runs a step of a decoder and gives every failure a class: the one that it wraps
// already, ErrUnsupportedFormat for what the decoder does not support, ErrCorrupt for
// the rest, including panics.
func guard[T any](f *format, step func() (T, error)) (out T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: the %s decoder failed: %v", ErrCorrupt, f.name, r)
		}
	}()
	out, err = step()
	switch {
	case err == nil, errors.Is(err, ErrCorrupt), errors.Is(err, ErrUnsupportedFormat), errors.Is(err, ErrTooLarge),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return out, err
	case isUnsupported(err):
		return out, fmt.Errorf("%w: %v", ErrUnsupportedFormat, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return out, fmt.Errorf("%w: the %s file is truncated", ErrCorrupt, f.name)
	}
	return out, fmt.Errorf("%w: %v", ErrCorrupt, err)
}

// truncated is the error for a file too short for the size it announces. Checking
// this before decoding keeps a lying header from allocating a large picture.
func truncated(h header, have int) error {
	return fmt.Errorf("%w: %d bytes cannot hold the %d×%d pixels its header announces", ErrCorrupt, have, h.w, h.h)
}
