package photo

import (
	"bytes"
	"context"
	"image"

	"golang.org/x/image/tiff"
)

var tiffFormat = format{name: "tiff", header: tiffHeader, memory: memoryTIFF, decode: decodeTIFF, profile: tiffProfile}

func tiffHeader(data []byte, _ *Scratch) (header, error) {
	if err := checkTIFF(data); err != nil {
		return header{}, err
	}
	c, err := tiff.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, err
	}
	return header{w: c.Width, h: c.Height, orientation: exifOrientation(data)}, nil
}

func decodeTIFF(_ context.Context, data []byte, h header, _ *Preprocess, _ *Scratch) (*Photo, error) {
	if ratio, ok := maxTIFFRatio(data); ok && int64(h.w)*int64(h.h)/ratio > int64(len(data)) {
		return nil, truncated(h, len(data))
	}
	m, err := tiff.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if fax, ok := m.(*image.Gray); ok && faxInverted(data) {
		for i, v := range fax.Pix {
			fax.Pix[i] = 255 - v
		}
	}
	return fromImage(m, colorRGB)
}

// faxInverted reports whether the library takes black for white: fax codes runs
// of 0 and 1, whatever photometric says they look like, and the library goes by
// white and black.
func faxInverted(data []byte) bool {
	switch tiffTagOr(data, tagCompression, compressionNone) {
	case compressionFax3, compressionFax4:
		return tiffTagOr(data, tagPhotometric, photometricWhiteIsZero) == photometricBlackIsZero
	}
	return false
}

// maxTIFFRatio is how many pixels one byte of the file can stand for at most. A
// fax-compressed line of any length may be a single bit: no bound.
func maxTIFFRatio(data []byte) (pixels int64, ok bool) {
	const pixelsPerByte = 8 // one bit a pixel
	switch tiffTagOr(data, tagCompression, compressionNone) {
	case 0, compressionNone:
		return pixelsPerByte, true
	case compressionLZW:
		return maxLZWRatio * pixelsPerByte, true
	case compressionDeflate, compressionOldFlate:
		return maxDeflateRatio * pixelsPerByte, true
	case compressionPackBits: // two bytes for a run of 128
		return 64 * pixelsPerByte, true
	}
	return 0, false
}
