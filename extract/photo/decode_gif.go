package photo

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/gif"
)

var gifFormat = format{name: "gif", header: gifHeader, memory: memoryGIF, decode: decodeGIF}

// maxLZWRatio is about how many pixels one byte of GIF or TIFF data can stand
// for: a 12-bit code names at most 4,096 of them.
const maxLZWRatio = 4096 * 8 / 12

func gifHeader(data []byte, _ *Scratch) (header, error) {
	c, err := gif.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, err
	}
	return header{w: c.Width, h: c.Height}, nil
}

// decodeGIF decodes the first frame and puts it in its place on the white
// canvas: a frame may be smaller than the picture.
func decodeGIF(_ context.Context, data []byte, h header, _ *Preprocess, _ *Scratch) (*Photo, error) {
	if int64(h.w)*int64(h.h) > int64(maxLZWRatio)*int64(len(data)) {
		return nil, truncated(h, len(data))
	}
	m, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	frame, ok := m.(*image.Paletted)
	if !ok {
		return nil, fmt.Errorf("%w: GIF decoded to %T", ErrUnsupportedFormat, m)
	}
	if frame.Bounds() == image.Rect(0, 0, h.w, h.h) {
		return fromImage(frame, colorRGB)
	}
	ph := newRGBX(h.w, h.h)
	fill(ph.planes[0].pix, 255)
	drawPaletted(ph, frame)
	return ph, nil
}
