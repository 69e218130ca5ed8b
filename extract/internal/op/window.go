package op

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// A window says how a kernel slides over the last one to three axes of an array.
// Missing axes are added in front with one place, so that loops may always count
// depth, height and width.
type window struct {
	in, kernel, out  [3]int
	stride, dilation [3]int
	before, after    [3]int // padding
	rank             int    // the axes that really exist
}

// newWindow reads the attributes of convolutions and poolings: kernel_shape,
// strides, dilations, pads, auto_pad and ceil_mode. A nil kernel is read from
// kernel_shape; otherwise kernel_shape, if present, must agree with it.
func (c *call) newWindow(spatial, kernel []int) window {
	r := len(spatial)
	require(r >= 1, "there is no spatial axis")
	if r > 3 {
		unsupported("%d spatial axes", r)
	}
	if k := c.list("kernel_shape"); kernel == nil {
		kernel = k
	} else {
		require(k == nil || slices.Equal(k, kernel), "kernel_shape %v disagrees with the weights' %v", k, kernel)
	}
	w := window{rank: r}
	set := func(dst *[3]int, name string, v []int, def, lo int) {
		require(v == nil || len(v) == r, "%s %v does not suit %d spatial axes", name, v, r)
		for d := range 3 {
			dst[d] = def
			if i := d - (3 - r); v != nil && i >= 0 {
				dst[d] = v[i]
			}
			require(dst[d] >= lo, "%s %v: at least %d is needed", name, v, lo)
		}
	}
	require(len(kernel) == r, "kernel %v does not suit %d spatial axes", kernel, r)
	set(&w.in, "input", spatial, 1, 0)
	set(&w.kernel, "kernel", kernel, 1, 1)
	set(&w.stride, "strides", c.list("strides"), 1, 1)
	set(&w.dilation, "dilations", c.list("dilations"), 1, 1)
	if pads := c.list("pads"); pads != nil {
		require(len(pads) == 2*r, "pads %v do not suit %d spatial axes", pads, r)
		set(&w.before, "pads", pads[:r], 0, 0)
		set(&w.after, "pads", pads[r:], 0, 0)
	}
	return w
}

// slide works out the number of places, and the padding if auto_pad asks for it.
func (c *call) slide(w window) window {
	mode := attr(c, "auto_pad", "NOTSET")
	ceil := c.flag("ceil_mode", false)
	for d := range w.in {
		in, ek, s := w.in[d], w.extent(d), w.stride[d]
		switch mode {
		case "SAME_UPPER", "SAME_LOWER":
			w.out[d] = (in + s - 1) / s
			total := max((w.out[d]-1)*s+ek-in, 0)
			w.before[d] = total / 2
			if mode == "SAME_LOWER" {
				w.before[d] = total - total/2
			}
			w.after[d] = total - w.before[d]
		case "VALID", "NOTSET", "":
			if mode == "VALID" {
				w.before[d], w.after[d] = 0, 0
			}
			w.out[d] = places(in+w.before[d]+w.after[d]-ek, s, ceil)
			if ceil && (w.out[d]-1)*s >= in+w.before[d] { // would start in the padding behind
				w.out[d]--
			}
		default:
			unsupported("auto_pad=%q", mode)
		}
		require(w.out[d] >= 1, "the kernel is larger than the padded input: %d against %d", ek, in+w.before[d]+w.after[d])
	}
	return w
}

// places is the number of steps of s in a room of that size, and one.
func places(room, s int, ceil bool) int {
	if ceil {
		room += s - 1
	}
	if room < 0 {
		return 0
	}
	return room/s + 1
}

// extent is the number of places that the dilated kernel spans.
func (w *window) extent(d int) int { return (w.kernel[d]-1)*w.dilation[d] + 1 }

// shape appends the output's spatial shape.
func (w *window) shape(front ...int) []int { return append(front, w.out[3-w.rank:]...) }

func (w *window) inLen() int     { return tensor.Len(w.in[:]) }
func (w *window) outLen() int    { return tensor.Len(w.out[:]) }
func (w *window) kernelLen() int { return tensor.Len(w.kernel[:]) }

// at is the input coordinate along axis d of the k-th tap at place o, and whether
// it lies inside the input.
func (w *window) at(d, o, k int) (int, bool) {
	i := o*w.stride[d] - w.before[d] + k*w.dilation[d]
	return i, 0 <= i && i < w.in[d]
}

// inside returns the places lo ≤ o < hi along axis d at which the k-th tap lies
// inside the input.
func (w *window) inside(d, k int) (lo, hi int) {
	shift, s := w.before[d]-k*w.dilation[d], w.stride[d] // o*s - shift in [0, in)
	lo = max((shift+s-1)/s, 0)
	if shift <= 0 {
		lo = 0
	}
	last := w.in[d] - 1 + shift
	if last < 0 {
		return 0, 0
	}
	return lo, max(min(last/s+1, w.out[d]), lo)
}

// flat reports whether the kernel is a single tap at every input place.
func (w *window) flat() bool {
	none, ones := [3]int{}, [3]int{1, 1, 1}
	return w.kernel == ones && w.stride == ones && w.before == none && w.after == none
}
