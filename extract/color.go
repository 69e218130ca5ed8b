package extract

// A yccMatrix turns Y, Cb and Cr into R, G and B:
//
//	R = yScale·(Y − yZero)                 + rCr·(Cr − 128)
//	G = yScale·(Y − yZero) − gCb·(Cb − 128) − gCr·(Cr − 128)
//	B = yScale·(Y − yZero) + bCb·(Cb − 128)
type yccMatrix struct {
	yZero, yScale      float32
	rCr, gCb, gCr, bCb float32
}

// ITU-R BT.601 with luma weights 0.299, 0.587 and 0.114: all of 0…255 as JFIF
// (ITU-T T.871) has it, and the studio range scaled by 255/219 and 255/224.
var (
	jfifMatrix   = yccMatrix{0, 1, 1.402, 0.344136286, 0.714136286, 1.772}
	studioMatrix = yccMatrix{16, 255. / 219, 1.402 * 255 / 224, 0.344136286 * 255 / 224, 0.714136286 * 255 / 224, 1.772 * 255 / 224}
)

func (c colorModel) matrix() *yccMatrix {
	if c == colorStudio {
		return &studioMatrix
	}
	return &jfifMatrix
}

// rgb converts one pixel, in values 0…255, without clamping. The conversions
// keep a compiler from fusing products and sums, so that every machine gets the
// same bits.
func (m *yccMatrix) rgb(y, cb, cr float32) (r, g, b float32) {
	y = float32((y - m.yZero) * m.yScale)
	cb, cr = cb-128, cr-128
	r = y + float32(m.rCr*cr)
	g = y - float32(m.gCb*cb) - float32(m.gCr*cr)
	b = y + float32(m.bCb*cb)
	return r, g, b
}

// rgb converts one pixel to bytes.
func (c colorModel) rgb(y, cb, cr byte) [3]byte {
	r, g, b := c.matrix().rgb(float32(y), float32(cb), float32(cr))
	return [3]byte{toByte(r), toByte(g), toByte(b)}
}

func toByte(v float32) byte { return byte(clamp255(v) + 0.5) }

func clamp255(v float32) float32 { return max(0, min(255, v)) }
