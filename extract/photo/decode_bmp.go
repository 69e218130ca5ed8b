package photo

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/image/bmp"
)

var bmpFormat = format{name: "bmp", header: bmpHeader, memory: memoryBMP, decode: decodeBMP}

func bmpHeader(data []byte, _ *Scratch) (header, error) {
	c, err := bmp.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, err
	}
	return header{w: c.Width, h: c.Height}, nil
}

func decodeBMP(data []byte, h header, _ *Preprocess, _ *Scratch) (*Photo, error) {
	const bitsAt = 28
	if len(data) < bitsAt+2 {
		return nil, truncated(h, len(data))
	}
	bits := int64(binary.LittleEndian.Uint16(data[bitsAt:]))
	if int64(h.w)*bits/8*int64(h.h) > int64(len(data)) {
		return nil, truncated(h, len(data))
	}
	m, err := bmp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return fromImage(m, colorRGB)
}
