package photo

// Bytes a pixel of the pictures that libraries decode to.
const (
	grayBytes    = 1
	indexBytes   = 1 // of a palette
	rgbxBytes    = 4
	sample16     = 2
	rgba16       = 8
	libraryBytes = 256 << 10 // readers' buffers, tables
)

func (h header) pixels() int64 { return int64(h.w) * int64(h.h) }

func memoryJPEG(data []byte, h header, p *Preprocess, s *Scratch) int64 {
	opt := jpegOptions(h, p)
	n := s.jpeg.Memory(opt)
	if s.jpeg.Config().Components == 4 {
		scale := int64(max(opt.Scale, 1))
		n += rgbxBytes * (int64(h.w)/scale + 1) * (int64(h.h)/scale + 1)
	}
	return n
}

// memoryPNG: the library holds the whole picture, an interlaced one twice, since
// each of its passes is a picture of its own.
func memoryPNG(data []byte, h header, _ *Preprocess, _ *Scratch) int64 {
	depth, color, interlaced := data[24], data[25], data[28] != 0
	transparent := pngChunk(data, "tRNS") != nil
	var picture, converted int64
	switch {
	case color == pngPalette:
		picture, converted = indexBytes, rgbxBytes
	case color == pngGray && depth == 16 && !transparent:
		picture = sample16
	case depth == 16:
		picture = rgba16
	case color == pngGray && !transparent:
		picture = grayBytes
	default:
		picture = rgbxBytes
	}
	if interlaced {
		picture *= 2
	}
	const rows, rowBytes = 2, 8
	return h.pixels()*(picture+converted) + rows*rowBytes*int64(h.w) + libraryBytes
}

func memoryGIF(_ []byte, h header, _ *Preprocess, _ *Scratch) int64 {
	return h.pixels()*(indexBytes+rgbxBytes) + libraryBytes
}

func memoryBMP(data []byte, h header, _ *Preprocess, _ *Scratch) int64 {
	return h.pixels()*rgbxBytes + libraryBytes
}

// memoryTIFF: the picture, and the largest strip or tile, whose buffer grows bit by
// bit if it is large or compressed. How much a compressed one holds is known only
// afterwards; the library stops at 8 bytes a pixel.
func memoryTIFF(data []byte, h header, _ *Preprocess, _ *Scratch) int64 {
	const blockBytes, atOnce, largeTile = 8, 10 << 20, 1024
	wide := tiffTagOr(data, tagBitsPerSample, 1) == 16
	picture := int64(grayBytes)
	switch photometric := tiffTagOr(data, tagPhotometric, photometricWhiteIsZero); {
	case photometric == photometricRGB && wide:
		picture = rgba16
	case photometric == photometricRGB:
		picture = rgbxBytes
	case photometric == photometricPalette:
		picture = indexBytes + rgbxBytes
	case wide:
		picture = sample16
	}
	columns, rows := int64(h.w), int64(tiffTagOr(data, tagRowsPerStrip, 0))
	if rows == 0 {
		rows = int64(h.h)
	}
	if w, ok := tiffTag(data, tagTileWidth); ok {
		columns, rows = int64(w), int64(tiffTagOr(data, tagTileLength, 0))
	}
	// The library refuses tiles that are larger than that.
	columns, rows = min(columns, int64(h.w)+largeTile), min(rows, int64(h.h)+largeTile)
	block := columns * rows
	growth := int64(3)
	switch tiffTagOr(data, tagCompression, compressionNone) {
	case compressionFax3, compressionFax4:
		block = (columns + 7) / 8 * rows
	case 0, compressionNone:
		if block = min(block*blockBytes, int64(len(data))); block < atOnce {
			growth = 1
		}
	default:
		block *= blockBytes
	}
	return h.pixels()*picture + growth*block + libraryBytes
}

// memoryWebP: lossy, planes of luma and chroma in whole macroblocks and, with
// transparency, a picture of which only the green counts, its alpha and the result;
// lossless, the picture and its inverse transforms.
func memoryWebP(data []byte, h header, _ *Preprocess, _ *Scratch) int64 {
	const transforms = 2
	n := int64(len(data))
	frame := h
	chunks := data[12:]
	if f := riffChunk(data, "ANMF"); riffChunk(data, "ANIM") != nil && len(f) >= frameHeader {
		_, _, frame.w, frame.h = framePlace(f)
		chunks = f[frameHeader:]
		n += rgbxBytes * h.pixels()
	}
	padded := header{w: frame.w + 31, h: frame.h + 31}.pixels()
	if chunk(chunks, "VP8L") != nil {
		return n + transforms*rgbxBytes*padded + libraryBytes
	}
	n += 3*padded/2 + 2*padded/64
	if chunk(chunks, "ALPH") != nil {
		n += transforms*rgbxBytes*padded + grayBytes*padded + rgbxBytes*padded
	}
	return n + libraryBytes
}
