package photo

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"path/filepath"
	"strings"
	"testing"
)

// TestSharedPixels: the valid pictures of ../shared, unusual ones and ones that were
// once decoded to something else, have Pillow's pixels, every one of them
// (testdata/pillow.py digests).
func TestSharedPixels(t *testing.T) {
	root := shared(t)
	var digests map[string]string
	if err := json.Unmarshal(readFile(t, "testdata/shared.json"), &digests); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for name, want := range digests {
		file := filepath.Join(root, name)
		if !strings.HasPrefix(name, "faults") {
			file = filepath.Join(root, "torture", name)
		}
		pixels, _, _, err := decodePlain(readFile(t, file))
		switch {
		case errors.Is(err, ErrUnsupportedFormat):
			if !strings.Contains(name, "planar") {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case tolerance(file) == 0:
			compared++
			if digest(pixels) != want {
				t.Errorf("%s: pixels are not those of Pillow", name)
			}
		}
	}
	if compared < 45 {
		t.Errorf("only %d pictures were compared", compared)
	}
}

// TestFaultsAreNamed: the files of ../shared/faults that cannot be read.
func TestFaultsAreNamed(t *testing.T) {
	for name, want := range map[string]string{
		"tiff/tiff_tiled_planar_16bit_RGB.tiff": "colours in separate planes",
		"webp/webp_anim_lie_16383.webp":         "first frame",
	} {
		data := readFile(t, filepath.Join(shared(t, "faults"), name))
		refusedCheaply(t, name, data, want)
	}
}

// refusedCheaply checks that a file is refused with some words before anything of any
// size is allocated.
func refusedCheaply(t *testing.T, name string, data []byte, want string) {
	t.Helper()
	p := spec(8, RuleSquash, FilterBilinear, true)
	dst := make([]float32, p.Len())
	var err error
	n := allocated(func() { err = p.Pixels(dst, data, Limits{}, new(Scratch)) })
	if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupportedFormat) && !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v, want %q", name, err, want)
	}
	if n > 2<<20 {
		t.Errorf("%s: %d bytes allocated", name, n)
	}
}

// riff writes chunks, of even lengths, as a WebP.
func riff(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func webpChunk(name string, content ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(content))), content...)
}

// le24bytes are the low three bytes of numbers.
func le24bytes(numbers ...int) (b []byte) {
	for _, n := range numbers {
		b = append(b, byte(n), byte(n>>8), byte(n>>16))
	}
	return b
}

// TestLyingWebPs: whatever part of a WebP says that the picture is larger than what
// was checked against the limits, nothing is allocated for it.
func TestLyingWebPs(t *testing.T) {
	const w, h = 16383, 16383
	key := []byte{0x10, 0, 0, 0x9d, 1, 0x2a, w & 0xff, w >> 8, h & 0xff, h >> 8, 0, 0, 0, 0}
	lossy := webpChunk("VP8 ", key...)
	dims := uint32(w-1) | uint32(h-1)<<14
	lossless := webpChunk("VP8L", append(binary.LittleEndian.AppendUint32([]byte{0x2f}, dims), 0, 0, 0, 0, 0)...)
	vp8x := func(flags byte, w, h int) []byte {
		return webpChunk("VP8X", append([]byte{flags, 0, 0, 0}, le24bytes(w-1, h-1)...)...)
	}
	anim := webpChunk("ANIM", 0, 0, 0, 0, 0, 0)
	frame := func(w, h int, chunks ...[]byte) []byte {
		return webpChunk("ANMF", append(append(le24bytes(0, 0, w-1, h-1), 0, 0, 0, 0), bytes.Join(chunks, nil)...)...)
	}
	const animated, alpha = 2, 0x10
	opacity := webpChunk("ALPH", 1, 0x2f, 0, 0, 0, 0)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"lossy frame":                    {riff(vp8x(animated, 1, 1), anim, frame(1, 1, lossy)), "first frame is 16383×16383, not 1×1"},
		"lossless frame":                 {riff(vp8x(animated, 1, 1), anim, frame(1, 1, lossless)), "first frame is 16383×16383, not 1×1"},
		"frame of other chunks first":    {riff(vp8x(animated, 1, 1), anim, frame(1, 1, webpChunk("XXXX", 1, 2), lossy)), "first frame is 16383×16383, not 1×1"},
		"frame with a canvas of its own": {riff(vp8x(animated, 1, 1), anim, frame(1, 1, vp8x(alpha, w, h), opacity, lossy)), "damaged VP8X chunk"},
		"frame outside the canvas":       {riff(vp8x(animated, 1, 1), anim, frame(w, h, lossy)), "lies outside its canvas"},
		"frame and canvas":               {riff(vp8x(animated, w, h), anim, frame(w, h, lossy)), "limit is 100 megapixels"},
		"still, lossy":                   {riff(vp8x(0, 1, 1), lossy), ""},
		"still, lossless":                {riff(vp8x(0, 1, 1), lossless), ""},
		"still without a canvas":         {riff(lossy), "limit is 100 megapixels"},
		"still with opacity":             {riff(vp8x(alpha, 1, 1), opacity, lossy), ""},
		"two canvases":                   {riff(vp8x(alpha, 1, 1), vp8x(alpha, w, h), opacity, lossy), ""},
		"frame without a picture":        {riff(vp8x(animated, 1, 1), anim, frame(1, 1, webpChunk("XXXX", 1, 2))), "holds no picture"},
		"no frame":                       {riff(vp8x(animated, 1, 1), anim), "no frame"},
	} {
		refusedCheaply(t, name, c.data, c.want)
	}
}

// TestLargeButLegal: pictures within the limit of pixels whose decoding would take more
// memory than a photo may have are refused before it is taken.
func TestLargeButLegal(t *testing.T) {
	interlaced := rawPNG(16, 16, pngRGB, 16, true)
	be := binary.BigEndian
	be.PutUint32(interlaced[16:], 10000)
	be.PutUint32(interlaced[20:], 10000)
	be.PutUint32(interlaced[29:], crc32.ChecksumIEEE(interlaced[12:29]))
	refusedCheaply(t, "interlaced PNG of 16 bits", interlaced, "10000×10000 pixels take 1.5 GB, one photo may take 0.4 GB")
	refusedCheaply(t, "WebP", riff(webpChunk("VP8L", append(binary.LittleEndian.AppendUint32([]byte{0x2f}, 9999|9999<<14), 0, 0, 0, 0, 0)...)),
		"one photo may take 0.4 GB")
}

// TestManyTiles: a million tiles, each with a decompressor of its own, would take
// minutes for the pixels of one photo.
func TestManyTiles(t *testing.T) {
	data := bytes.Clone(readFile(t, "testdata/modes/tiled-deflate.tiff"))
	le := binary.LittleEndian
	for at := int(le.Uint32(data[4:])) + 2; at+12 <= len(data); at += 12 {
		switch le.Uint16(data[at:]) {
		case tagWidth, tagLength:
			le.PutUint16(data[at+8:], 10000)
		case tagTileWidth, tagTileLength:
			le.PutUint16(data[at+8:], 8)
		}
	}
	refusedCheaply(t, "tiles of 8x8", data, "more tiles than can be read in time")
}

// TestLyingChunkLength: a chunk that says it is longer than the file is refused before
// as much is allocated. FuzzMemory found 4 MB for 100 bytes; it could be 128.
func TestLyingChunkLength(t *testing.T) {
	data := bytes.Clone(readFile(t, "testdata/formats/lossy.webp"))
	binary.LittleEndian.PutUint32(data[4:], 1<<27)
	binary.LittleEndian.PutUint32(data[16:], 1<<24-10) // of the VP8 chunk
	refusedCheaply(t, "VP8 chunk of 16 MB", data, "the WebP file is truncated")
}
