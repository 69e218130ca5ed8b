package engine

import (
	"math"

	"featstore/extract/internal/graph"
)

func sqrt(x float64) float64 { return math.Sqrt(x) }

// A window is how a convolution or pooling moves over an image: pairs for height
// and width. A one-dimensional one has height 1.
type window struct {
	kernel, stride, dilation [2]int
	pad                      borders
}

// windowOf reads the attributes of a node whose input is N×C×L or N×C×H×W.
func windowOf(src *graph.Node, shape, kernelShape []int) window {
	w := window{kernel: [2]int{1, 1}, stride: [2]int{1, 1}, dilation: [2]int{1, 1}}
	spatial := len(shape) - 2
	first := 2 - spatial // one-dimensional windows fill the second of each pair
	strides, dilations, pads := src.Ints("strides"), src.Ints("dilations"), src.Ints("pads")
	var begin, end [2]int
	for i := range spatial {
		p := first + i
		w.kernel[p] = kernelShape[i]
		if i < len(strides) {
			w.stride[p] = strides[i]
		}
		if i < len(dilations) {
			w.dilation[p] = dilations[i]
		}
		switch auto := src.Text("auto_pad", "NOTSET"); auto {
		case "SAME_UPPER", "SAME_LOWER":
			begin[p], end[p] = samePadding(shape[2+i], w.kernel[p], w.stride[p], w.dilation[p], auto == "SAME_LOWER")
		case "NOTSET", "":
			if len(pads) == 2*spatial {
				begin[p], end[p] = pads[i], pads[spatial+i]
			}
		}
	}
	w.pad = borders{top: begin[0], left: begin[1], bottom: end[0], right: end[1]}
	return w
}

// samePadding pads so that the output has ⌈size/stride⌉ pixels.
func samePadding(size, kernel, stride, dilation int, lower bool) (begin, end int) {
	out := (size + stride - 1) / stride
	total := max((out-1)*stride+(kernel-1)*dilation+1-size, 0)
	if lower {
		return total - total/2, total / 2
	}
	return total / 2, total - total/2
}
