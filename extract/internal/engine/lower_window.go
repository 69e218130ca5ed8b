package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/graph"
)

// windowOf reads the attributes of a node whose input is N×C×L or N×C×H×W.
func windowOf(src *graph.Node, shape, kernelShape []int) exec.Window {
	w := exec.Window{Kernel: [2]int{1, 1}, Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}}
	spatial := len(shape) - 2
	first := 2 - spatial // one-dimensional windows fill the second of each pair
	strides, dilations, pads := src.Ints("strides"), src.Ints("dilations"), src.Ints("pads")
	var begin, end [2]int
	for i := range spatial {
		p := first + i
		w.Kernel[p] = kernelShape[i]
		if i < len(strides) {
			w.Stride[p] = strides[i]
		}
		if i < len(dilations) {
			w.Dilation[p] = dilations[i]
		}
		switch auto := src.Text("auto_pad", "NOTSET"); auto {
		case "SAME_UPPER", "SAME_LOWER":
			begin[p], end[p] = samePadding(shape[2+i], w.Kernel[p], w.Stride[p], w.Dilation[p], auto == "SAME_LOWER")
		case "NOTSET", "":
			if len(pads) == 2*spatial {
				begin[p], end[p] = pads[i], pads[spatial+i]
			}
		}
	}
	w.Pad = memory.Borders{Top: begin[0], Left: begin[1], Bottom: end[0], Right: end[1]}
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
