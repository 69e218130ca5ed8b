package photo

import (
	"math"

	"featstore/extract/internal/row"
)

// An axisSpec is everything the resampling weights along one axis depend on.
type axisSpec struct {
	size    int  // pixels of the picture along the axis
	flipped bool // stored in the other direction

	lo, hi int // the part of the upright picture that is scaled…
	full   int // …to so many pixels…
	skip   int // …of which the first skip are cut off…
	out    int // …and out are kept

	filter    string
	antialias bool

	// reduce is how many pixels of the picture a stored pixel stands for: 1, or
	// more where a JPEG was decoded at a reduced size.
	reduce int
}

// taps are the weights along one axis.
type taps struct {
	row.Taps // First counts from lowest

	spec   axisSpec
	lowest int     // the lowest stored pixel used by any output…
	end    int     // …and the highest, plus 1
	count  []int32 // how many weights of an output are not padding

	w []float64 // scratch: weights of one output
}

// prepare fills t for spec, unless it already is.
func (t *taps) prepare(spec axisSpec) {
	if t.spec == spec {
		return
	}
	t.spec = spec
	f := newFilter(&t.spec)
	most := min(2*int(math.Ceil(f.support))+2, f.n)
	t.Width = (most + row.Lanes - 1) / row.Lanes * row.Lanes
	t.First, t.count = resize(t.First, spec.out), resize(t.count, spec.out)
	t.Weights = resize(t.Weights, spec.out*t.Width)
	clear(t.Weights)
	t.lowest, t.end = spec.size, 0
	for i := range spec.out {
		var first int
		first, t.w = f.weights(i, t.w[:0])
		n := len(t.w)
		t.First[i], t.count[i] = int32(first), int32(n)
		t.lowest, t.end = min(t.lowest, first), max(t.end, first+n)
		for j, v := range t.w {
			t.Weights[i*t.Width+j] = int32(math.Round(float64(v * (1 << row.WeightBits))))
		}
	}
	for i := range t.First {
		t.First[i] -= int32(t.lowest)
	}
	t.Check()
}

// A filter computes an output's weights on the stored pixels of an axis.
type filter struct {
	spec *axisSpec
	// Pixels base, base+1, …, n of them, hold the part that is scaled, which
	// begins offset (of a pixel) into the first.
	base, n int
	offset  float64

	kernel  func(x float64) float64
	support float64 // pixels on either side that count
	scale   float64 // pixels per output pixel
	stretch float64 // how far the kernel is widened
}

func newFilter(spec *axisSpec) filter {
	f := filter{spec: spec, kernel: triangle, support: 1, stretch: 1}
	if spec.filter == FilterBicubic {
		f.kernel, f.support = cubic, 2
	}
	r := max(spec.reduce, 1)
	lo, hi := spec.lo, spec.hi
	if spec.flipped {
		lo, hi = spec.size-hi, spec.size-lo
	}
	f.base = lo / r
	f.n = (hi+r-1)/r - f.base
	f.offset = float64(lo%r) / float64(r)
	f.scale = float64(hi-lo) / float64(spec.full*r)
	if spec.antialias {
		f.stretch = max(f.scale, 1)
	}
	f.support *= f.stretch
	if r > 1 {
		f.sharpen(r)
	}
	return f
}

// sharpen makes up for what decoding at 1/r of the size has blurred: a pixel is the mean of
// r, which adds a variance of (1 − 1/r²)/12 to the filter's. The filter becomes its
// convolution with (−a, 1 + 2a, −a), whose variance, −2a, takes that away.
func (f *filter) sharpen(r int) {
	kernel, step := f.kernel, 1/f.stretch
	a := (1 - 1/float64(r*r)) / 24
	f.kernel = func(x float64) float64 {
		return float64((1+2*a)*kernel(x)) - float64(a*(kernel(x-step)+kernel(x+step)))
	}
	f.support++
}

// weights appends to w the weights of output i, which sum to 1, and returns the
// pixel to which the first belongs. Pixel x covers x to x+1; it counts if its
// centre is within the support.
func (f *filter) weights(i int, w []float64) (first int, out []float64) {
	i += f.spec.skip
	if f.spec.flipped {
		i = f.spec.full - 1 - i
	}
	center := f.offset + float64((float64(i)+0.5)*f.scale)
	from, to := int(math.Floor(center-f.support+0.5)), int(math.Floor(center+f.support+0.5))
	if f.spec.antialias {
		// As in Pillow, pixels outside do not count. Without antialiasing, as
		// in OpenCV and PyTorch, the edge continues outside.
		from, to = max(from, 0), min(to, f.n)
	}
	first = min(max(from, 0), f.n-1)
	w = w[:0]
	sum := 0.0
	for x := from; x < to; x++ {
		v := f.kernel(float64((float64(x) - center + 0.5) * (1 / f.stretch)))
		sum += v
		if at := min(max(x, 0), f.n-1) - first; at < len(w) {
			w[at] += v
		} else {
			w = append(w, v)
		}
	}
	for i := range w {
		w[i] /= sum
	}
	return first + f.base, w
}

func triangle(x float64) float64 { return max(0, 1-math.Abs(x)) }

// cubic is Keys' convolution kernel with a = −½ (IEEE Trans. ASSP 29, 1981). The
// conversions keep a compiler from fusing products and sums.
func cubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64(float64(float64((a+2)*x)-(a+3))*x*x) + 1
	case x < 2:
		return (float64((float64((x-5)*x)+8)*x) - 4) * a
	}
	return 0
}

// resize returns s with length n, reallocating only to grow.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
