package cutcache

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
)

// Activations are kept as IEEE 754 binary16, all of an entry divided by one power of
// two, 2^shift: 1 in practice, more only if a number is beyond the largest of float16.

const (
	halfMax   = 0x477ff000 // bits of 65520: from here on float16 rounds to infinity
	halfLeast = 0x38800000 // bits of 2^-14: below it float16 has multiples of 2^-24
	tooLarge  = 0x7f7ff000 // bits from which on rounding to 11 bits gives infinity in float32
	maxShift  = 113
)

// Round rounds activations in place as Put and Get do, so that they are the same
// whether they went through a cache or not. The error is Put's for numbers that have no
// such form.
func Round(x []float32) error {
	shift, err := shiftOf(x)
	if err != nil {
		return err
	}
	down, up := powers(shift)
	for i, v := range x {
		x[i] = fromHalf(toHalf(v*down)) * up
	}
	return nil
}

// shiftOf returns the least power of two by which all numbers, divided, are in the range
// of float16, with a bit to spare if it is not 0.
func shiftOf(x []float32) (uint32, error) {
	most := uint32(0)
	for _, v := range x {
		most = max(most, math.Float32bits(v)&0x7fffffff)
	}
	switch {
	case most < halfMax:
		return 0, nil
	case most < tooLarge:
		return most>>23 - 127 - 14, nil
	}
	for i, v := range x {
		if math.Float32bits(v)&0x7fffffff >= tooLarge {
			return 0, fmt.Errorf("%w: number %d is %v", ErrRange, i, v)
		}
	}
	return 0, ErrRange
}

// powers returns 2^-shift and 2^shift.
func powers(shift uint32) (down, up float32) {
	return math.Float32frombits((127 - shift) << 23), math.Float32frombits((127 + shift) << 23)
}

// encode writes x, divided by 2^shift, to dst, two bytes each, little-endian.
func encode(dst []byte, x []float32, shift uint32) {
	down, _ := powers(shift)
	dst = dst[:2*len(x)]
	for i, v := range x {
		binary.LittleEndian.PutUint16(dst[2*i:], toHalf(v*down))
	}
}

// decode is the inverse of encode.
func decode(dst []float32, src []byte, shift uint32) {
	table := halves()
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = table[binary.LittleEndian.Uint16(src[2*i:])]
	}
	if shift == 0 {
		return
	}
	_, up := powers(shift)
	for i := range dst {
		dst[i] *= up
	}
}

// toHalf rounds v, whose magnitude is below 65520, to the nearest float16, ties to even.
// The processor does the rounding: beside 2^13 times the power of two below v, a float32
// has the bits that float16 has. It takes no branch, since zeros come unpredictably.
func toHalf(v float32) uint16 {
	b := math.Float32bits(v)
	power := max(b&0x7f800000, halfLeast)
	beside := power + 13<<23
	units := math.Float32bits(math.Float32frombits(b&0x7fffffff)+math.Float32frombits(beside)) - beside
	return uint16(b>>16)&0x8000 | uint16((power-halfLeast)>>13+units)
}

// halves are the values of all float16, by their bits: twice as fast as fromHalf.
var halves = sync.OnceValue(func() *[1 << 16]float32 {
	var all [1 << 16]float32
	for h := range all {
		all[h] = fromHalf(uint16(h))
	}
	return &all
})

// fromHalf returns the exact value of a finite float16.
func fromHalf(h uint16) float32 {
	b := uint32(h)
	return math.Float32frombits(b<<16&0x80000000|b<<13&0x0fffe000) * (1 << (127 - 15))
}
