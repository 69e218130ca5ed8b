package extract

import "math"

// weightBits is the fixed point of resampling weights: 1<<weightBits stands for
// 1. With 14 bits a bicubic weight fits an int16 and a pixel is off by at most
// a few hundredths.
const weightBits = 14

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

	samples int // samples of the plane along the axis
	up      upsampling
}

// taps are the weights along one axis: output i is the sum of the samples
// first[i], first[i]+1, … times weights[i·width], weights[i·width+1], …, count[i]
// of them; the remaining weights are 0. Every output's weights sum to
// 1<<weightBits exactly, so that a flat area stays what it is.
type taps struct {
	spec   axisSpec
	width  int
	first  []int32
	count  []int32
	weight []int16

	// lowest and highest+1 sample used by any output.
	lowest, end int

	pixel, sample []float64 // scratch: weights of one output, per pixel and per sample
}

// prepare fills t for spec, unless it already is.
func (t *taps) prepare(spec axisSpec) {
	if t.spec == spec {
		return
	}
	t.spec = spec
	f := newFilter(&spec)
	// An output's pixels span at most 2·support+1, after upsampling's neighbours 2 more.
	pixels := min(int(math.Ceil(2*f.support))+2, spec.hi-spec.lo) + 2
	t.width = (min(spec.samples, pixels*spec.up.num/spec.up.den+3) + tapAlign - 1) &^ (tapAlign - 1)
	t.first, t.count = resize(t.first, spec.out), resize(t.count, spec.out)
	t.weight = resize(t.weight, spec.out*t.width)
	t.sample = resize(t.sample, t.width)
	t.lowest, t.end = spec.samples, 0
	for i := range spec.out {
		var first int
		first, t.pixel = f.weights(i+spec.skip, t.pixel[:0])
		if spec.flipped {
			first = spec.size - first - len(t.pixel)
			reverse(t.pixel)
		}
		t.gather(i, first)
	}
}

// tapAlign is what the number of taps an output is rounded up to, with zeros: a
// vector of weights.
const tapAlign = 8

// gather turns the weights of output i on pixels first, first+1, … into weights
// on the plane's samples, and those into fixed point.
func (t *taps) gather(i, first int) {
	up, last := t.spec.up, t.spec.samples-1
	lowest := up.lowest(first)
	clear(t.sample)
	highest := lowest
	for j, w := range t.pixel {
		near, far := up.at(first+j, last)
		t.sample[near-lowest] += float64(w * 0.75)
		t.sample[far-lowest] += float64(w * 0.25)
		highest = max(highest, near, far)
	}
	n := highest - lowest + 1
	fix(t.weight[i*t.width:][:t.width], t.sample[:n])
	t.first[i], t.count[i] = int32(lowest), int32(n)
	t.lowest, t.end = min(t.lowest, lowest), max(t.end, highest+1)
}

// fix rounds weights that sum to 1 to fixed point. It is the running sum that is
// rounded, so that the weights sum to 1<<weightBits without any of them taking
// up what rounding left over.
func fix(dst []int16, w []float64) {
	clear(dst)
	sum, before := 0.0, 0
	for i, v := range w {
		sum += v
		upTo := int(math.Round(sum * (1 << weightBits)))
		dst[i] = int16(upTo - before)
		before = upTo
	}
}

// A filter computes an output's weights on the pixels of an axis.
type filter struct {
	spec    *axisSpec
	kernel  func(x float64) float64
	support float64 // pixels on either side that count
	scale   float64 // source pixels per output pixel
	stretch float64 // how far the kernel is widened
}

func newFilter(spec *axisSpec) filter {
	f := filter{spec: spec, kernel: triangle, support: 1, stretch: 1}
	if spec.filter == FilterBicubic {
		f.kernel, f.support = cubic, 2
	}
	f.scale = float64(spec.hi-spec.lo) / float64(spec.full)
	if spec.antialias {
		f.stretch = max(f.scale, 1)
	}
	f.support *= f.stretch
	return f
}

// weights appends to w the weights of output i, which sum to 1, and returns the
// upright pixel to which the first belongs.
func (f *filter) weights(i int, w []float64) (first int, out []float64) {
	s := f.spec
	center := float64((float64(i) + 0.5) * f.scale) // in a system in which pixel x covers x to x+1
	if s.filter == FilterTFBilinear {
		center = float64(float64(float32(i)*float32(f.scale))) + 0.5 // TensorFlow computes it in float32
	}
	n := s.hi - s.lo
	from, to := int(math.Floor(center-f.support+0.5)), int(math.Floor(center+f.support+0.5))
	if s.antialias {
		// Pillow: what lies outside does not count.
		from, to = max(from, 0), min(to, n)
	}
	first = min(max(from, 0), n-1)
	w = w[:0]
	sum := 0.0
	for x := from; x < to; x++ {
		v := f.kernel((float64(x) - center + 0.5) / f.stretch)
		sum += v
		// Without antialiasing: the edge pixel continues outside.
		for at := min(max(x, 0), n-1) - first; ; {
			if at < len(w) {
				w[at] += v
				break
			}
			w = append(w, 0)
		}
	}
	for i := range w {
		w[i] /= sum
	}
	return first + s.lo, w
}

func triangle(x float64) float64 { return max(0, 1-math.Abs(x)) }

// cubic is Keys' convolution kernel with a = −½ (IEEE Trans. ASSP 29, 1981).
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

func reverse(w []float64) {
	for i, j := 0, len(w)-1; i < j; i, j = i+1, j-1 {
		w[i], w[j] = w[j], w[i]
	}
}

// resize returns s with length n, reallocating only to grow.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
