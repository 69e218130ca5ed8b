package photo

import "fmt"

// Values of tags, TIFF 6.0.
const (
	compressionNone     = 1
	compressionFax3     = 3
	compressionFax4     = 4
	compressionLZW      = 5
	compressionDeflate  = 8
	compressionOldFlate = 32946
	compressionPackBits = 32773

	photometricWhiteIsZero = 0
	photometricBlackIsZero = 1
	photometricRGB         = 2
	photometricPalette     = 3

	planarSeparate      = 2
	fillOrderReversed   = 2
	predictorHorizontal = 2
)

// compressionNames and photometricNames are of kinds that cannot be read.
var (
	compressionNames = map[uint32]string{
		2: "fax compression of the oldest kind (modified Huffman)", 6: "a JPEG inside (old style)", 7: "a JPEG inside",
		9: "JBIG compression", 10: "JBIG compression", 32771: "fax compression of the oldest kind, by words", 32809: "ThunderScan compression",
		34712: "JPEG 2000 inside", 34887: "LERC compression", 34925: "LZMA compression", 50000: "Zstandard compression", 50001: "a WebP inside",
		52546: "a JPEG XL inside",
	}
	photometricNames = map[uint32]string{
		4: "a transparency mask instead of a picture", 5: "CMYK colours", 6: "YCbCr colours", 8: "CIE L*a*b* colours", 9: "ICC L*a*b* colours",
		10: "ITU L*a*b* colours", 32803: "a sensor's raw data", 32844: "LogL colours", 32845: "LogLuv colours", 34892: "a sensor's raw data",
	}
)

// checkTIFF refuses by name what the library does not read, and what it reads
// wrongly without a word: planes one after the other, reversed bits, fax in two
// dimensions.
func checkTIFF(data []byte) error {
	compression := tiffTagOr(data, tagCompression, compressionNone)
	photometric := tiffTagOr(data, tagPhotometric, photometricWhiteIsZero)
	bits := tiffTagValues(data, tagBitsPerSample)
	if bits == nil {
		bits = []uint32{1}
	}
	samples := tiffTagOr(data, tagSamplesPerPixel, 1)
	for _, what := range []string{
		compressionRefused(compression), photometricRefused(photometric), formatRefused(data),
		samplesRefused(data, photometric, bits, samples), layoutRefused(data, compression, samples),
	} {
		if what != "" {
			return fmt.Errorf("%w: a TIFF with %s; convert it to PNG or JPEG first", ErrUnsupportedFormat, what)
		}
	}
	fax := compression == compressionFax3 || compression == compressionFax4
	if fax && (photometric > photometricBlackIsZero || samples != 1 || bits[0] != 1) {
		return fmt.Errorf("%w: a TIFF whose fax compression holds more than black and white", ErrCorrupt)
	}
	return nil
}

func compressionRefused(compression uint32) string {
	switch compression {
	case 0, compressionNone, compressionFax3, compressionFax4, compressionLZW, compressionDeflate, compressionOldFlate, compressionPackBits:
		return ""
	}
	if name := compressionNames[compression]; name != "" {
		return name
	}
	return fmt.Sprintf("compression %d", compression)
}

func photometricRefused(photometric uint32) string {
	if photometric <= photometricPalette {
		return ""
	}
	if name := photometricNames[photometric]; name != "" {
		return name
	}
	return fmt.Sprintf("colours of kind %d", photometric)
}

func formatRefused(data []byte) string {
	for _, v := range tiffTagValues(data, tagSampleFormat) {
		switch v {
		case 1, 4: // unsigned; unknown, which is taken for that
		case 2:
			return "signed samples"
		case 3:
			return "floating-point samples"
		default:
			return fmt.Sprintf("samples of format %d", v)
		}
	}
	return ""
}

func samplesRefused(data []byte, photometric uint32, bits []uint32, samples uint32) string {
	for _, b := range bits {
		if b != bits[0] {
			return fmt.Sprintf("samples of %d and %d bits", bits[0], b)
		}
	}
	extra := tiffTagOr(data, tagExtraSamples, 0)
	switch b := bits[0]; {
	case b != 1 && b != 8 && b != 16, b == 1 && photometric == photometricRGB, b == 16 && photometric == photometricPalette:
		return fmt.Sprintf("%d bits a sample", b)
	case int(samples) != len(bits):
		return fmt.Sprintf("%d samples a pixel, of which %d say their bits", samples, len(bits))
	case photometric != photometricRGB && samples > 1:
		return fmt.Sprintf("%d samples a pixel that is not RGB", samples)
	case photometric == photometricRGB && (samples < 3 || samples > 4):
		return fmt.Sprintf("%d samples a pixel of RGB", samples)
	case photometric == photometricRGB && samples == 4 && extra != 1 && extra != 2:
		return "a fourth sample that is not opacity"
	}
	return ""
}

func layoutRefused(data []byte, compression, samples uint32) string {
	fax := compression == compressionFax3 || compression == compressionFax4
	predictor := tiffTagOr(data, tagPredictor, 1)
	t4 := tiffTagOr(data, tagT4Options, 0)
	switch {
	case tiffTagOr(data, tagPlanar, 1) == planarSeparate && samples > 1:
		return "colours in separate planes"
	case !fax && tiffTagOr(data, tagFillOrder, 1) == fillOrderReversed:
		return "the bits of its bytes reversed"
	case predictor > predictorHorizontal:
		return fmt.Sprintf("predictor %d", predictor)
	case tooManyTiles(data):
		return "more tiles than can be read in time"
	case compression == compressionFax3 && t4 != 0:
		return fmt.Sprintf("fax compression with options %#x", t4)
	}
	return ""
}

// maxTiles bounds the time that decompressing takes besides the pixels: for each tile
// the library makes a new decompressor. Usual tiles, of 256 pixels a side or more, are
// thousands.
const maxTiles = 1 << 17

func tooManyTiles(data []byte) bool {
	width, height := int64(tiffTagOr(data, tagWidth, 0)), int64(tiffTagOr(data, tagLength, 0))
	w, h := int64(tiffTagOr(data, tagTileWidth, 0)), int64(tiffTagOr(data, tagTileLength, 0))
	return w > 0 && h > 0 && ((width+w-1)/w) > maxTiles/((height+h-1)/h+1)
}
