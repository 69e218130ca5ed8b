package op

import (
	"math"
	"slices"

	"featstore/extract/internal/tensor"
)

// A resizing says how each axis of an array is sampled anew.
type resizing struct {
	mode, nearest, coordinates string
	cubic                      float64 // the cubic kernel's parameter
	excludeOutside, antialias  bool
	shape                      []int     // of the result
	scale                      []float64 // result over input, a dimension each
	roi                        [][2]float64
}

// resize covers Resize since opset 10 and its predecessor Upsample.
func resize(c *call) []*tensor.Tensor {
	x := c.input(0)
	r := c.newResizing(x.Shape)
	c.check(r.shape)
	for d, n := range x.Shape {
		require(n > 0 || r.shape[d] == 0, "axis %d of %v is empty", d, x.Shape)
	}
	fill := constant(x.DType, c.real("extrapolation_value", 0), toInt(c.real("extrapolation_value", 0)))
	if r.mode == "nearest" {
		return one(c.result(x.DType, r.shape, func() any {
			if tensor.Len(r.shape) == 0 {
				return zeros(x.DType, 0)
			}
			places := make([][]int, len(r.shape))
			for d := range r.shape {
				places[d] = r.nearestPlaces(d, x.Shape[d])
			}
			return pick(x, crossed(places, strides(x.Shape)), fill)
		}))
	}
	compute := func() []float64 { return r.interpolate(c, x, numbersOf(fill)[0]) }
	if isFloat(x.DType) {
		return one(c.floats(x.DType, r.shape, func(out []float64) { copy(out, compute()) }))
	}
	return one(c.integers(x.DType, r.shape, func(out []int64) { apply(out, compute(), toInt) }))
}

func (c *call) newResizing(shape []int) *resizing {
	r := &resizing{
		mode: attr(c, "mode", "nearest"), nearest: attr(c, "nearest_mode", "round_prefer_floor"),
		coordinates: attr(c, "coordinate_transformation_mode", "half_pixel"), cubic: c.real("cubic_coeff_a", -0.75),
		excludeOutside: c.flag("exclude_outside", false), antialias: c.flag("antialias", false),
		shape: slices.Clone(shape), roi: make([][2]float64, len(shape)),
	}
	scalesAt, sizesAt := 2, 3
	if c.opset < 11 { // Upsample and the first Resize
		scalesAt, sizesAt = 1, 4
		r.coordinates, r.nearest = "asymmetric", "simple"
	}
	switch r.mode {
	case "bilinear":
		r.mode = "linear"
	case "nearest", "linear", "cubic":
	default:
		unsupported("mode=%q", r.mode)
	}
	list := sequence(len(shape))
	if c.hasAttr("axes") {
		list = axes(c.list("axes"), len(shape))
	}
	r.readROI(c, list)
	r.scale = slices.Repeat([]float64{1}, len(shape))
	if sizes := c.opt(sizesAt); sizes != nil && tensor.Len(sizes.Shape) > 0 {
		r.toSizes(c.ints(sizesAt), list, attr(c, "keep_aspect_ratio_policy", "stretch"))
		return r
	}
	var scales []float64
	if c.hasAttr("scales") { // the first Upsample
		scales = convert[float64](attr[[]float32](c, "scales", nil))
	} else {
		scales = slices.Clone(numbersOf(c.value(scalesAt)))
	}
	r.byScales(scales, list)
	return r
}

func (r *resizing) readROI(c *call, list []int) {
	for d := range r.roi {
		r.roi[d] = [2]float64{0, 1}
	}
	if r.coordinates != "tf_crop_and_resize" {
		return
	}
	roi := floatsOf(c.value(1))
	require(len(roi) == 2*len(list), "a region of %d numbers for %d axes", len(roi), len(list))
	for i, d := range list {
		r.roi[d] = [2]float64{roi[i], roi[len(list)+i]}
		require(math.Abs(roi[i]) < 1e9 && math.Abs(roi[len(list)+i]) < 1e9, "region %v: %w", roi, ErrLimit)
	}
}

// byScales sets the result's size to that of the input (or its region) times the
// scale, rounded down, reckoned in float32 as exporters expect.
func (r *resizing) byScales(scales []float64, list []int) {
	require(len(scales) == len(list), "%d scales for %d axes", len(scales), len(list))
	for i, d := range list {
		require(scales[i] > 0 && scales[i] < maxInt32, "scale %v", scales[i])
		r.scale[d] = scales[i]
		part := float32(r.roi[d][1] - r.roi[d][0])
		n := math.Floor(float64(float32(float32(r.shape[d])*part) * float32(scales[i])))
		require(0 <= n && n < maxInt32, "%d times %v elements: %w", r.shape[d], scales[i], ErrLimit)
		r.shape[d] = int(n)
	}
}

// toSizes sets the result's size, or the largest within it or the smallest around
// it that keeps the proportions.
func (r *resizing) toSizes(sizes, list []int, policy string) {
	require(len(sizes) == len(list), "%d sizes for %d axes", len(sizes), len(list))
	same := math.NaN()
	for i, d := range list {
		require(sizes[i] >= 0, "size %d", sizes[i])
		r.scale[d] = float64(sizes[i]) / float64(r.shape[d])
		switch {
		case i == 0:
			same = r.scale[d]
		case policy == "not_larger":
			same = min(same, r.scale[d])
		case policy == "not_smaller":
			same = max(same, r.scale[d])
		}
	}
	for i, d := range list {
		switch policy {
		case "stretch":
			r.shape[d] = sizes[i]
		case "not_larger", "not_smaller":
			r.scale[d] = same
			n := math.Floor(float64(same*float64(r.shape[d])) + 0.5)
			require(0 <= n && n < maxInt32, "size %v: %w", n, ErrLimit)
			r.shape[d] = int(n)
		default:
			unsupported("keep_aspect_ratio_policy=%q", policy)
		}
	}
}

// source is the coordinate in the input, n long, of place i of the result along
// axis d. It is reckoned in float32, as in ONNX Runtime: which of two neighbours is
// the nearest may depend on the last bit.
func (r *resizing) source(d, i, n int) float64 {
	scale, size := float32(r.scale[d]), float32(r.shape[d])
	x, in := float32(i), float32(n)
	half := float32((x+0.5)/scale) - 0.5
	switch r.coordinates {
	case "half_pixel":
		return float64(half)
	case "pytorch_half_pixel":
		if size == 1 {
			return 0
		}
		return float64(half)
	case "half_pixel_symmetric":
		return float64(float32(in/2*(1-size/float32(scale*in))) + half)
	case "asymmetric":
		return float64(x / scale)
	case "align_corners":
		if size == 1 {
			return 0
		}
		return float64(float32(x*(in-1)) / (size - 1))
	case "tf_half_pixel_for_nn":
		return float64((x + 0.5) / scale)
	case "tf_crop_and_resize":
		start, end := float32(r.roi[d][0]), float32(r.roi[d][1])
		if size == 1 {
			return float64(float32(0.5*(start+end)) * (in - 1))
		}
		return float64(float32(start*(in-1)) + float32(float32(x*(end-start))*(in-1))/(size-1))
	}
	unsupported("coordinate_transformation_mode=%q", r.coordinates)
	return 0
}

// outside reports whether the value there is to be the extrapolation value.
func (r *resizing) outside(x float64, n int) bool {
	return r.coordinates == "tf_crop_and_resize" && (x < 0 || x > float64(n-1))
}

// nearestPlaces lists for each place of the result along axis d the input's, or -1
// where the value is to be extrapolated.
func (r *resizing) nearestPlaces(d, n int) []int {
	out := make([]int, r.shape[d])
	for i := range out {
		x := r.source(d, i, n)
		if r.outside(x, n) {
			out[i] = -1
			continue
		}
		out[i] = min(max(int(r.round(x, r.scale[d] < 1)), 0), n-1)
	}
	return out
}

func (r *resizing) round(x float64, smaller bool) float64 {
	switch r.nearest {
	case "round_prefer_floor":
		return math.Ceil(x - 0.5)
	case "round_prefer_ceil":
		return math.Floor(x + 0.5)
	case "floor":
		return math.Floor(x)
	case "ceil":
		return math.Ceil(x)
	case "simple": // before opset 11
		if smaller {
			return math.Ceil(x)
		}
		return math.Floor(x)
	}
	unsupported("nearest_mode=%q", r.nearest)
	return 0
}

// interpolate samples one axis after the other.
func (r *resizing) interpolate(c *call, x *tensor.Tensor, fill float64) []float64 {
	v, shape := numbersOf(x), slices.Clone(x.Shape)
	beyond := make([][]int, len(shape)) // a place each: 0, or -1 to be extrapolated
	for d, n := range x.Shape {
		beyond[d] = make([]int, r.shape[d])
		taps, at := r.taps(d, n, beyond[d])
		outer, _, inner := lanes(shape, d)
		shape[d] = r.shape[d]
		c.check(shape)
		next := make([]float64, tensor.Len(shape))
		for o := range outer {
			for i, w := range taps {
				to := next[(o*len(taps)+i)*inner:][:inner]
				for k, weight := range w {
					from := v[(o*n+min(max(at[i]+k, 0), n-1))*inner:][:inner]
					for j, u := range from {
						to[j] += weight * u
					}
				}
			}
		}
		v = next
	}
	for i, b := range crossed(beyond, make([]int, len(shape))) {
		if b < 0 {
			v[i] = fill
		}
	}
	return v
}

// taps lists for each place of the result along axis d the weights of consecutive
// places of the input, and the first of these. Those that lie outside the input
// stand for the place at its edge.
func (r *resizing) taps(d, n int, beyond []int) (taps [][]float64, at []int) {
	stretch := 1.0 // of the kernel, so that all input places count
	if r.antialias {
		stretch = min(r.scale[d], 1)
	}
	kernel, reach := func(x float64) float64 { return max(0, 1-x) }, 1.0
	if r.mode == "cubic" {
		kernel, reach = r.cubicKernel, 2
	}
	first := int(math.Floor(-reach/stretch)) + 1
	count := 2 - 2*first
	require(count <= 4*(n+1)+4, "a scale of %v for %d places", r.scale[d], n)
	for i := range r.shape[d] {
		x := r.source(d, i, n)
		if r.outside(x, n) {
			beyond[i] = -1
		}
		base := math.Ceil(x) - 1 // x lies in (base, base+1]
		w, sum := make([]float64, count), 0.0
		for k := range w {
			w[k] = kernel(math.Abs(float64(first+k)-(x-base)) * stretch)
			if p := int(base) + first + k; r.excludeOutside && (p < 0 || p >= n) {
				w[k] = 0
			}
			sum += w[k]
		}
		for k := range w {
			if r.excludeOutside || r.antialias {
				w[k] /= sum
			}
		}
		taps, at = append(taps, w), append(at, int(base)+first)
	}
	return taps, at
}

// cubicKernel is Keys' kernel, which is 0 from 2 on.
func (r *resizing) cubicKernel(x float64) float64 {
	a := r.cubic
	switch {
	case x <= 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	}
	return 0
}
