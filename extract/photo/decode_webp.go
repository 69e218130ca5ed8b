package photo

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"

	"golang.org/x/image/webp"
)

var webpFormat = format{name: "webp", header: webpHeader, memory: memoryWebP, decode: decodeWebP, profile: webpProfile}

func webpHeader(data []byte, _ *Scratch) (header, error) {
	if riffChunk(data, "ANIM") != nil {
		return animatedHeader(data)
	}
	if pastEnd(data[12:], "VP8 ") {
		return header{}, fmt.Errorf("%w: the WebP file is truncated", ErrCorrupt)
	}
	c, err := webp.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, err
	}
	return header{w: c.Width, h: c.Height, orientation: exifOrientation(riffChunk(data, "EXIF"))}, nil
}

func decodeWebP(_ context.Context, data []byte, h header, _ *Preprocess, _ *Scratch) (*Photo, error) {
	if riffChunk(data, "ANIM") != nil {
		return decodeAnimation(data, h)
	}
	return decodeStill(data)
}

// decodeStill decodes a WebP of one picture.
func decodeStill(data []byte) (*Photo, error) {
	m, err := webp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if lossless, ok := m.(*image.NRGBA); ok && !losslessHasAlpha(data) {
		if err := dropAlpha(lossless, losslessIsIndexed(data)); err != nil {
			return nil, err
		}
	}
	return fromImage(m, colorStudio)
}

// riffChunk returns the content of a file's first chunk with that name, or nil.
func riffChunk(data []byte, name string) []byte { return chunk(data[min(12, len(data)):], name) }

// chunk returns the content of the first of some chunks with that name, or nil.
func chunk(chunks []byte, name string) []byte {
	for at := int64(0); at+8 <= int64(len(chunks)); {
		n := int64(binary.LittleEndian.Uint32(chunks[at+4:]))
		end := at + 8 + n
		if string(chunks[at:at+4]) == name {
			return chunks[at+8 : min(end, int64(len(chunks)))]
		}
		at = end + n&1
	}
	return nil
}

// pastEnd reports whether the first chunk with that name says that it is longer than
// the file: the library would allocate as much before it reads it.
func pastEnd(chunks []byte, name string) bool {
	for at := int64(0); at+8 <= int64(len(chunks)); {
		n := int64(binary.LittleEndian.Uint32(chunks[at+4:]))
		end := at + 8 + n
		if string(chunks[at:at+4]) == name {
			return end > int64(len(chunks))
		}
		at = end + n&1
	}
	return false
}

// losslessHasAlpha reports the header bit by which a lossless WebP says that its
// alpha channel means something.
func losslessHasAlpha(data []byte) bool {
	c := riffChunk(data, "VP8L")
	return len(c) < 5 || c[4]&0x10 != 0
}

// losslessIsIndexed reports whether the first transform is the colour-indexing
// one: one bit "a transform follows", two bits its kind.
func losslessIsIndexed(data []byte) bool {
	c := riffChunk(data, "VP8L")
	return len(c) > 5 && c[5]&0x07 == 0x07
}

// dropAlpha makes a picture opaque whose header says it is. The decoder gives
// palette indices beyond the palette as transparent black, which an opaque
// palette does not hold: that is a damaged file.
func dropAlpha(m *image.NRGBA, indexed bool) error {
	for i := 0; i+3 < len(m.Pix); i += 4 {
		p := m.Pix[i : i+4 : i+4]
		if indexed && p[0]|p[1]|p[2]|p[3] == 0 {
			return fmt.Errorf("%w: the WebP uses colours beyond the end of its palette", ErrCorrupt)
		}
		p[3] = 255
	}
	return nil
}
