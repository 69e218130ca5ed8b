package photo

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryMode: small pictures in every mode of every format that can be read
// (testdata/make_modes.py) have the pixels that Pillow decodes them to.
func TestEveryMode(t *testing.T) {
	var digests map[string]string
	if err := json.Unmarshal(readFile(t, "testdata/modes/pillow.json"), &digests); err != nil {
		t.Fatal(err)
	}
	for name, want := range digests {
		t.Run(name, func(t *testing.T) {
			pixels, w, h, err := decodePlain(readFile(t, filepath.Join("testdata", "modes", name)))
			if err != nil {
				t.Fatal(err)
			}
			if got := digest(pixels); got != want {
				t.Errorf("%d×%d pixels are not those of Pillow: %v…", w, h, pixels[:6])
			}
		})
	}
	if n := len(files(t, "testdata/modes")) - 1; n != len(digests) {
		t.Errorf("%d pictures, %d digests", n, len(digests))
	}
}

// digest is the SHA-256 of pixels as bytes.
func digest(pixels []float32) string {
	b := make([]byte, len(pixels))
	for i, v := range pixels {
		b[i] = byte(v)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// TestRefusedModes: what cannot be read is refused by name, from the header.
func TestRefusedModes(t *testing.T) {
	want := map[string]string{
		"planar.tiff": "separate planes", "planar-16-tiled.tiff": "separate planes", "reversed-bits.tiff": "bits of its bytes reversed",
		"grey-alpha.tiff": "2 samples a pixel that is not RGB", "grey-alpha-unsaid.tiff": "2 samples a pixel, of which 1 say their bits",
		"five-samples.tiff": "5 samples a pixel of RGB", "unspecified-fourth.tiff": "a fourth sample that is not opacity",
		"four-bits.tiff": "4 bits a sample", "signed.tiff": "signed samples", "float.tiff": "floating-point samples",
		"cmyk.tiff": "CMYK", "ycbcr.tiff": "YCbCr", "lab.tiff": "CIE L*a*b*", "jpeg.tiff": "a JPEG inside", "old-jpeg.tiff": "a JPEG inside (old style)",
		"lzma.tiff": "LZMA", "zstd.tiff": "Zstandard", "huffman.tiff": "modified Huffman", "fax-2d.tiff": "fax compression with options 0x1",
		"fax-of-colours.tiff": "more than black and white", "predictor-float.tiff": "predictor 3", "bigtiff.tiff": "BigTIFF",
		"jpeg.bmp": "a JPEG inside", "png.bmp": "a PNG inside", "cmyk.bmp": "CMYK", "rle-24.bmp": "RLE compression of 24 bits",
		"fax.bmp": "fax compression", "bits-64.bmp": "64 bits a pixel", "header-200.bmp": "a header of 200 bytes",
	}
	all := files(t, "testdata/refused")
	if len(all) != len(want) {
		t.Errorf("%d files, %d are expected", len(all), len(want))
	}
	for _, file := range all {
		name := filepath.Base(file)
		_, _, _, err := DecodeConfig(readFile(t, file))
		named := errors.Is(err, ErrUnsupportedFormat) || name == "fax-of-colours.tiff" && errors.Is(err, ErrCorrupt)
		if !named || !strings.Contains(err.Error(), want[name]) || want[name] == "" {
			t.Errorf("%s: got %v, want %q", name, err, want[name])
		}
		if named && errors.Is(err, ErrUnsupportedFormat) && !strings.Contains(err.Error(), "convert it") {
			t.Errorf("%s: %v: does not say what to do", name, err)
		}
	}
}
