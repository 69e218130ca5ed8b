package photo

import (
	"bytes"

	"golang.org/x/image/tiff"
)

var tiffFormat = format{name: "tiff", header: tiffHeader, decode: decodeTIFF}

func tiffHeader(data []byte, _ *Scratch) (header, error) {
	c, err := tiff.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, err
	}
	return header{w: c.Width, h: c.Height, orientation: exifOrientation(data)}, nil
}

func decodeTIFF(data []byte, h header, _ *Preprocess, _ *Scratch) (*Photo, error) {
	if ratio, ok := maxTIFFRatio(data); ok && int64(h.w)*int64(h.h)/ratio > int64(len(data)) {
		return nil, truncated(h, len(data))
	}
	m, err := tiff.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return fromImage(m, colorRGB)
}

// maxTIFFRatio is how many pixels one byte of the file can stand for at most. A
// fax-compressed line of any length may be a single bit: no bound.
func maxTIFFRatio(data []byte) (pixels int64, ok bool) {
	const pixelsPerByte = 8 // one bit a pixel
	compression, _ := tiffTag(data, tagCompression)
	switch compression {
	case 0, 1: // none
		return pixelsPerByte, true
	case 5:
		return maxLZWRatio * pixelsPerByte, true
	case 8, 32946:
		return maxDeflateRatio * pixelsPerByte, true
	case 32773: // PackBits: two bytes for a run of 128
		return 64 * pixelsPerByte, true
	}
	return 0, false
}
