package quantize

import "math"

// Params say what a byte of a point stands for: (byte - Zero)·Scale.
type Params struct {
	Scale float32
	Zero  uint8
}

// steps is how many steps a byte can tell apart.
const steps = 255

// paramsFor returns the parameters for values from lo to hi. 0 is always among them, and
// is represented exactly: convolutions pad with it.
func paramsFor(lo, hi float64) Params {
	lo, hi = min(lo, 0), max(hi, 0)
	scale := float32((hi - lo) / steps)
	if !(scale >= smallestScale) {
		return Params{Scale: 1}
	}
	return Params{scale, uint8(min(max(math.RoundToEven(-lo/float64(scale)), 0), steps))}
}

// smallestScale keeps products of two scales far from what float32 cannot hold.
const smallestScale = 1e-12

// Bounds returns the smallest and the largest value that a byte stands for.
func (p Params) Bounds() (lo, hi float64) {
	return (0 - float64(p.Zero)) * float64(p.Scale), float64(steps-int(p.Zero)) * float64(p.Scale)
}
