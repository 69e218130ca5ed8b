package extract

// A yccMatrix turns Y, Cb and Cr into R, G and B, in fixed point:
//
//	R = (ky·(Y − y0)                 + kr·(Cr − 128)  + ½) >> 16
//	G = (ky·(Y − y0) − kgb·(Cb − 128) − kgr·(Cr − 128) + ½) >> 16
//	B = (ky·(Y − y0) + kb·(Cb − 128)                  + ½) >> 16
type yccMatrix struct{ y0, ky, kr, kgb, kgr, kb int32 }

// ITU-R BT.601, luma weights 0.299, 0.587 and 0.114. JFIF (ITU-T T.871) uses all
// of 0…255; the constants are those libjpeg arrives at, so that every pixel
// equals its. The studio range is scaled by 255/219 and 255/224.
var (
	jfifMatrix   = yccMatrix{0, 1 << 16, 91881, 22554, 46802, 116130}
	studioMatrix = yccMatrix{16, 76309, 104597, 25675, 53279, 132201}
)

func (c colorModel) matrix() *yccMatrix {
	if c == colorStudio {
		return &studioMatrix
	}
	return &jfifMatrix
}

// rgb converts one pixel.
func (m *yccMatrix) rgb(y, cb, cr byte) (r, g, b byte) {
	luma := (int32(y)-m.y0)*m.ky + 1<<15
	u, v := int32(cb)-128, int32(cr)-128
	return clip8((luma + m.kr*v) >> 16), clip8((luma - m.kgb*u - m.kgr*v) >> 16), clip8((luma + m.kb*u) >> 16)
}

func clip8(v int32) byte { return byte(max(0, min(255, v))) }

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
