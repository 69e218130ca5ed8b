package photo

import "featstore/extract/internal/row"

// matrix is how a photo's YCbCr becomes RGB.
func (c colorModel) matrix() *row.Matrix {
	if c == colorStudio {
		return &row.Studio
	}
	return &row.JFIF
}

// matrix is how the photo's luma and chroma become RGB.
func (ph *Photo) matrix() *row.Matrix {
	if ph.color == colorYUV {
		return ph.yuv
	}
	return ph.color.matrix()
}

// mul255 is a·b/255, rounded.
func mul255(a, b byte) byte {
	v := uint32(a)*uint32(b) + 128
	return byte((v + v>>8) >> 8)
}

// overWhite lays a colour of the given opacity over white.
func overWhite(v, alpha byte) byte { return 255 - mul255(255-v, alpha) }

func be16(b []byte) uint32 { return uint32(b[0])<<8 | uint32(b[1]) }

// to8 rounds 0…65535 to 0…255.
func to8(v uint32) byte { return byte((v + 128) / 257) }

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
