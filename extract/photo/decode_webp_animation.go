package photo

import (
	"encoding/binary"
	"fmt"
)

// The library does not read animated WebP. Its first frame is a still WebP in
// all but its header, which is what is given to the library, and then has its
// place on the canvas (RFC 9649, sections 2.7 and 2.7.1).

func le24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// animatedHeader reads the canvas size, and holds the first frame against it.
func animatedHeader(data []byte) (header, error) {
	c := riffChunk(data, "VP8X")
	if len(c) < 10 {
		return header{}, fmt.Errorf("%w: the WebP's VP8X chunk is missing", ErrCorrupt)
	}
	if err := checkFirstFrame(data, le24(c[4:])+1, le24(c[7:])+1); err != nil {
		return header{}, err
	}
	return header{w: le24(c[4:]) + 1, h: le24(c[7:]) + 1, orientation: exifOrientation(riffChunk(data, "EXIF"))}, nil
}

// frameHeader is the length of what precedes the chunks of a frame.
const frameHeader = 16

// checkFirstFrame checks that the first frame lies on the w×h canvas and that its
// bitstream is as large as it says: the size that is checked against Limits is the
// canvas's, and the library would allocate what the bitstream says.
func checkFirstFrame(data []byte, w, h int) error {
	f := riffChunk(data, "ANMF")
	if len(f) < frameHeader {
		return fmt.Errorf("%w: the animated WebP has no frame", ErrCorrupt)
	}
	x, y, fw, fh := framePlace(f)
	if x+fw > w || y+fh > h {
		return fmt.Errorf("%w: the WebP's first frame lies outside its canvas", ErrCorrupt)
	}
	bw, bh, err := bitstreamSize(f[frameHeader:])
	if err != nil {
		return err
	}
	if bw != fw || bh != fh {
		return fmt.Errorf("%w: the WebP's first frame is %d×%d, not %d×%d as it says", ErrCorrupt, bw, bh, fw, fh)
	}
	return nil
}

// framePlace is a frame's place on the canvas and its size.
func framePlace(f []byte) (x, y, w, h int) {
	return 2 * le24(f), 2 * le24(f[3:]), le24(f[6:]) + 1, le24(f[9:]) + 1
}

// bitstreamSize reads the size of the picture in a frame's chunks (RFC 6386, 9.1;
// RFC 9649, 3.4).
func bitstreamSize(chunks []byte) (w, h int, err error) {
	const side = 1<<14 - 1
	for at := int64(0); at+8 <= int64(len(chunks)); {
		n := int64(binary.LittleEndian.Uint32(chunks[at+4:]))
		c := chunks[at+8 : min(at+8+n, int64(len(chunks)))]
		switch name := string(chunks[at : at+4]); {
		case name == "VP8 " && len(c) >= 10:
			return int(binary.LittleEndian.Uint16(c[6:]) & side), int(binary.LittleEndian.Uint16(c[8:]) & side), nil
		case name == "VP8L" && len(c) >= 5:
			bits := binary.LittleEndian.Uint32(c[1:])
			return int(bits&side) + 1, int(bits>>14&side) + 1, nil
		case name == "VP8X", name == "VP8 ", name == "VP8L":
			return 0, 0, fmt.Errorf("%w: the WebP's first frame holds a damaged %s chunk", ErrCorrupt, name)
		}
		at += 8 + n + n&1
	}
	return 0, 0, fmt.Errorf("%w: the WebP's first frame holds no picture", ErrCorrupt)
}

// decodeAnimation decodes the first frame, which has been checked, onto a white
// canvas.
func decodeAnimation(data []byte, h header) (*Photo, error) {
	f := riffChunk(data, "ANMF")
	x, y, fw, fh := framePlace(f)
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
