package row

// Blend is the first half of libjpeg's "fancy" upsampling: each sample of dst is
// ¾ of near and ¼ of far, times 4.
func Blend(dst []int16, near, far []byte) {
	dst, far = dst[:len(near)], far[:len(near)]
	n := blendVector(dst, near, far)
	blend(dst[n:], near[n:], far[n:])
}

func blend(dst []int16, near, far []byte) {
	for i, v := range near {
		dst[i] = 3*int16(v) + int16(far[i])
	}
}

// A Rounding is what is added before the last four bits are dropped: libjpeg
// alternates, so that no direction is favoured.
type Rounding struct{ Even, Odd int }

// Roundings of libjpeg where chroma has half the rows too, and where it has all; and of
// libyuv.
var (
	HalfRows = Rounding{8, 7}
	AllRows  = Rounding{4, 8}
	Nearest  = Rounding{8, 8}
)

// Double is the second half: twice as many pixels as there are samples, each ¾
// of its own and ¼ of the neighbour it is next to, divided by 4. s holds one more
// sample at either end than is doubled: the neighbours.
func Double(dst []byte, s []int16, r Rounding) {
	dst = dst[:2*(len(s)-2)]
	n := doubleVector(dst, s, r.Even, r.Odd)
	double(dst[2*n:], s[n:], r)
}

func double(dst []byte, s []int16, r Rounding) {
	before, s := s[0], s[1:]
	for i, after := range s[1:] {
		three := 3 * int(s[i])
		dst[2*i] = byte((three + int(before) + r.Even) >> 4)
		dst[2*i+1] = byte((three + int(after) + r.Odd) >> 4)
		before = s[i]
	}
}
