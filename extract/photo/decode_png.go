package photo

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image/png"
)

var pngFormat = format{name: "png", header: pngHeader, memory: memoryPNG, decode: decodePNG, profile: pngProfile}

// maxDeflateRatio is how many bytes one byte of a deflate stream can stand for:
// 258 a match, each match at least two bits.
const maxDeflateRatio = 1032

// Colour types (PNG 1.2, 4.1.1).
const (
	pngGray      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGrayAlpha = 4
	pngRGBA      = 6
)

func pngHeader(data []byte, _ *Scratch) (header, error) {
	const ihdrEnd = 8 + 8 + 13 + 4
	if len(data) < ihdrEnd {
		return header{}, fmt.Errorf("%w: the PNG ends inside its header", ErrCorrupt)
	}
	// The size is read here too, because the library calls sizes it cannot
	// index unsupported, without saying them.
	w, hh := binary.BigEndian.Uint32(data[16:]), binary.BigEndian.Uint32(data[20:])
	if string(data[12:16]) == "IHDR" && uint64(w)*uint64(hh) > 1<<32 {
		return header{w: int(w), h: int(hh)}, nil
	}
	c, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, err
	}
	return header{w: c.Width, h: c.Height, orientation: pngOrientation(data)}, nil
}

func decodePNG(_ context.Context, data []byte, h header, _ *Preprocess, _ *Scratch) (*Photo, error) {
	depth, channels := int64(data[24]), int64(1)
	switch data[25] {
	case pngRGB:
		channels = 3
	case pngGrayAlpha:
		channels = 2
	case pngRGBA:
		channels = 4
	}
	raw := (int64(h.w)*channels*depth + 7) / 8 * int64(h.h)
	if raw/maxDeflateRatio > int64(len(data)) {
		return nil, truncated(h, len(data))
	}
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return fromImage(m, colorYCbCr)
}

// pngOrientation looks for the eXIf chunk, which may stand before or after the
// pixels.
func pngOrientation(data []byte) orientation { return exifOrientation(pngChunk(data, "eXIf")) }

// pngChunk returns the content of the first chunk with that name, or nil.
func pngChunk(data []byte, name string) []byte {
	for at := 8; at+12 <= len(data); {
		n := int64(binary.BigEndian.Uint32(data[at:]))
		end := int64(at) + 12 + n
		if end > int64(len(data)) {
			break
		}
		switch string(data[at+4 : at+8]) {
		case name:
			return data[at+8 : end-4]
		case "IEND":
			return nil
		}
		at = int(end)
	}
	return nil
}
