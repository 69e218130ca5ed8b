package tensor

import "math"

// Half is an IEEE 754 binary16 number, as its bits.
type Half uint16

// Float32 returns the number's exact value.
func (h Half) Float32() float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch {
	case exp == 0x1f: // infinity, or NaN with its payload
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
	}
	v := float32(frac) / (1 << 24) // zero and subnormals: a multiple of 2^-24
	if sign != 0 {
		v = -v
	}
	return v
}

// ToHalf rounds f to the nearest Half, ties to even.
func ToHalf(f float32) Half {
	b := math.Float32bits(f)
	sign, a := uint16(b>>16)&0x8000, b&0x7fffffff
	switch {
	case a > 0x7f800000: // NaN stays NaN, quiet
		return Half(sign | 0x7e00 | uint16(a>>13)&0x3ff)
	case a >= 0x477ff000: // 65520 and above round to infinity
		return Half(sign | 0x7c00)
	case a < 0x38800000: // below 2^-14: a multiple of 2^-24
		return Half(sign | uint16(math.RoundToEven(float64(math.Float32frombits(a))*(1<<24))))
	}
	a += 0xfff + a>>13&1
	return Half(sign | uint16(a>>13-(127-15)<<10))
}
