package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// Networks of 8-bit numbers are expressed in float32, which holds the numbers exactly:
// to quantise is to round, and what only moves numbers moves floats. What of this runs
// on bytes after all is for useBytes to find.

// numberMovers are the operators that do the same to 8-bit numbers and to floats of
// their values.
var numberMovers = []string{"QuantizeLinear", "MaxPool", "Concat", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Identity", "Pad"}

// keepsNumbers reports whether a node may be lowered although it reads or computes
// 8-bit numbers.
func keepsNumbers(n *node, src *graph.Node) bool {
	for _, v := range append(slices.Clone(n.in), n.out...) {
		if v != nil && v.integer != 0 {
			return slices.Contains(numberMovers, src.Op)
		}
	}
	return true
}

// quantization reads a scale and a zero point that are the same for all values.
func quantization(scale, zero *value) (step, at float32, ok bool) {
	s, ok := floats(scale)
	if !ok || len(s) != 1 || !(s[0] >= kernel.MinScale) || s[0] > 1/kernel.MinScale {
		return 0, 0, false
	}
	if zero == nil {
		return s[0], 0, true
	}
	if zero.constant == nil || tensor.Len(zero.shape) != 1 {
		return 0, 0, false
	}
	z, ok := exec.WholeNumbers(zero.constant)
	if !ok {
		return 0, 0, false
	}
	return s[0], z[0], true
}

// lowerQuantize makes rounding of QuantizeLinear to 8 bits.
func lowerQuantize(n *node, src *graph.Node, _ int64) operation {
	var zero *value
	if len(n.in) > 2 {
		zero = n.in[2]
	}
	x, out := n.in[0], n.out[0]
	step, at, ok := quantization(n.in[1], zero)
	if !ok || !dynamic(x) || x.integer != 0 || out.integer == 0 {
		return nil
	}
	lo, hi := float32(0), float32(255)
	if out.integer == tensor.Int8 {
		lo, hi = -128, 127
	}
	n.keep(x)
	return &activate{Activation: kernel.Activation{Func: kernel.FakeQuantize, Scale: step, A: lo - at, B: hi - at, Unit: 1, Shift: at}}
}

// dequantize makes a difference and a product of DequantizeLinear. Rounded one after
// the other they give what the operator gives.
func (l *lowerer) dequantize(src *graph.Node) bool {
	x, out := l.value(src.Input(0)), l.value(src.Outputs[0])
	step, at, ok := quantization(l.value(src.Input(1)), l.value(src.Input(2)))
	if !ok || !dynamic(x) || x.integer == 0 || !isFloat(out) {
		return false
	}
	if at != 0 {
		centred := &value{name: x.name, dtype: tensor.Float32, shape: x.shape}
		l.append(&node{label: src.Label(), op: &activate{Activation: affineActivation(1, -at)}, out: []*value{centred}}, x)
		x = centred
	}
	l.append(&node{label: src.Label(), op: &activate{Activation: affineActivation(step, 0)}, out: []*value{out}}, x)
	return true
}

func affineActivation(scale, shift float32) kernel.Activation {
	return kernel.Activation{Func: kernel.Affine, A: scale, B: shift}
}
