package photo

import (
	"encoding/binary"
	"fmt"
)

// The library does not read animated WebP. Its first frame is a still WebP in
// all but its header, which is what is given to the library, and then has its
// place on the canvas (RFC 9649, sections 2.7 and 2.7.1).

func le24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// animatedHeader reads the canvas size.
func animatedHeader(data []byte) (header, error) {
	c := riffChunk(data, "VP8X")
	if len(c) < 10 {
		return header{}, fmt.Errorf("%w: the WebP's VP8X chunk is missing", ErrCorrupt)
	}
	return header{w: le24(c[4:]) + 1, h: le24(c[7:]) + 1, orientation: exifOrientation(riffChunk(data, "EXIF"))}, nil
}

// frameHeader is the length of what precedes the chunks of a frame.
const frameHeader = 16

// decodeAnimation decodes the first frame onto a white canvas.
func decodeAnimation(data []byte, h header) (*Photo, error) {
	f := riffChunk(data, "ANMF")
	if len(f) < frameHeader {
		return nil, fmt.Errorf("%w: the animated WebP has no frame", ErrCorrupt)
	}
	x, y, fw, fh := 2*le24(f), 2*le24(f[3:]), le24(f[6:])+1, le24(f[9:])+1
	if x+fw > h.w || y+fh > h.h {
		return nil, fmt.Errorf("%w: the WebP's first frame lies outside its canvas", ErrCorrupt)
	}
	frame, err := decodeStill(stillFrom(f[frameHeader:], f[6:12]))
	if err != nil {
		return nil, err
	}
	if frame.storedW != fw || frame.storedH != fh {
		return nil, fmt.Errorf("%w: the WebP's first frame is %d×%d, not %d×%d as it says", ErrCorrupt, frame.storedW, frame.storedH, fw, fh)
	}
	if fw == h.w && fh == h.h {
		return frame, nil
	}
	ph := newRGBX(h.w, h.h)
	fill(ph.planes[0].pix, 255)
	var r rowReader
	r.reset(frame, 0, fw)
	for i := range fh {
		r.read(ph.planes[0].pix[((y+i)*h.w+x)*4:], i)
	}
	return ph, nil
}

// stillFrom makes a file of a frame's chunks. size is the frame's width and
// height as the frame has them, which is also how VP8X has them.
func stillFrom(chunks, size []byte) []byte {
	const alpha = 0x10
	out := []byte("RIFF\x00\x00\x00\x00WEBP")
	if len(chunks) >= 4 && string(chunks[:4]) == "ALPH" {
		out = append(out, "VP8X\x0a\x00\x00\x00"...)
		out = append(out, alpha, 0, 0, 0)
		out = append(out, size...)
	}
	out = append(out, chunks...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}
