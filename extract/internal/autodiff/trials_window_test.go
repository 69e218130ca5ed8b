package autodiff

import (
	"fmt"

	"pgregory.net/rapid"
)

// window draws strides, padding and dilations for the kernel, and returns a size of the
// image that suits.
func (t *trial) window(rank int, dilations bool) (spatial, kernel []int) {
	var strides, dilated, before, after []int64
	for d := range rank {
		k, s, dil := t.int(1, 3, fmt.Sprint("kernel", d)), t.int(1, 3, "stride"), 1
		if dilations {
			dil = t.int(1, 2, "dilation")
		}
		kernel, strides, dilated = append(kernel, k), append(strides, int64(s)), append(dilated, int64(dil))
		before, after = append(before, int64(t.int(0, k-1, "before"))), append(after, int64(t.int(0, k-1, "after")))
		spatial = append(spatial, (k-1)*dil+t.int(1, 4, "room"))
	}
	t.set("strides", strides)
	if dilations {
		t.set("dilations", dilated)
	}
	switch mode := rapid.SampledFrom([]string{"", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}).Draw(t.T, "auto_pad"); mode {
	case "", "NOTSET":
		t.set("pads", append(before, after...))
	default:
		t.set("auto_pad", mode)
	}
	return spatial, kernel
}

func drawConv(t *trial) {
	spatial, kernel := t.window(t.int(1, 3, "rank"), true)
	groups, in, out := t.int(1, 3, "groups"), t.int(1, 2, "channels"), t.int(1, 2, "filters")
	t.input(append([]int{t.int(1, 2, "batch"), groups * in}, spatial...)...)
	t.input(append([]int{groups * out, in}, kernel...)...)
	if t.int(0, 1, "bias") == 1 {
		t.input(groups * out)
	}
	t.set("group", int64(groups))
}

func (t *trial) pool(dilations bool) {
	spatial, kernel := t.window(t.int(1, 3, "rank"), dilations)
	var k []int64
	for _, d := range kernel {
		k = append(k, int64(d))
	}
	t.input(append([]int{t.int(1, 2, "batch"), t.int(1, 2, "channels")}, spatial...)...)
	t.set("kernel_shape", k)
	if _, auto := t.node.Attrs["auto_pad"]; !auto {
		t.set("ceil_mode", int64(t.int(0, 1, "ceil")))
	}
}

func drawAveragePool(t *trial) {
	t.opset = 19
	t.pool(true)
	t.set("count_include_pad", int64(t.int(0, 1, "count the padding")))
}

func drawMaxPool(t *trial) { t.pool(true) }

func drawReduce(t *trial) {
	t.opset = rapid.SampledFrom([]int64{11, 18}).Draw(t.T, "opset")
	shape := t.shape(1, 4)
	t.input(shape...)
	var axes []int64
	for d := range shape {
		if t.int(0, 1, "reduce") == 1 {
			axes = append(axes, int64(d-len(shape)*t.int(0, 1, "from the end")))
		}
	}
	t.set("keepdims", int64(t.int(0, 1, "keep")))
	switch {
	case len(axes) == 0:
	case t.opset == 11 && t.node.Op == "ReduceMean":
		t.set("axes", axes)
	default:
		t.opset = 18
		t.ints(axes...)
	}
}
