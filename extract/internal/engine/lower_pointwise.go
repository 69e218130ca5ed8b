package engine

import (
	"math"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// An activate applies a function to every element.
type activate struct{ kernel.Activation }

// A binary combines two values element by element. The second one may be
// narrower: the same for all pixels of an image (N×C×1×1), or a constant.
type binary struct {
	fn  byte // '+', '*', '-' or '/'
	act kernel.Activation
}

// activations makes the activation of each operator from its attributes; ok is
// false when its parameters are not constants.
var activations = map[string]func(n *node, src *graph.Node) (kernel.Activation, bool){
	"Relu": func(*node, *graph.Node) (kernel.Activation, bool) { return kernel.ReLU, true },
	"Clip": clipOf,
	"LeakyRelu": func(_ *node, s *graph.Node) (kernel.Activation, bool) {
		return kernel.Activation{Func: kernel.Leaky, A: s.Float("alpha", 0.01)}, true
	},
	"Sigmoid":  plainActivation(kernel.Sigmoid),
	"Tanh":     plainActivation(kernel.Tanh),
	"Softplus": plainActivation(kernel.Softplus),
	"Exp":      plainActivation(kernel.Exp),
	"Sqrt":     plainActivation(kernel.Sqrt),
	"Erf":      plainActivation(kernel.Erf),
	"Abs":      plainActivation(kernel.Abs),
	"Mish":     plainActivation(kernel.Mish),
	"HardSigmoid": func(_ *node, s *graph.Node) (kernel.Activation, bool) {
		return kernel.Activation{Func: kernel.HardSigmoid, A: s.Float("alpha", 0.2), B: s.Float("beta", 0.5)}, true
	},
	"HardSwish": func(*node, *graph.Node) (kernel.Activation, bool) {
		return kernel.Activation{Func: kernel.HardSwish, A: 1.0 / 6, B: 0.5}, true
	},
	"Elu": func(_ *node, s *graph.Node) (kernel.Activation, bool) {
		return kernel.Activation{Func: kernel.ELU, A: s.Float("alpha", 1)}, true
	},
	"Gelu": func(_ *node, s *graph.Node) (kernel.Activation, bool) {
		if s.Text("approximate", "none") == "tanh" {
			return kernel.Activation{Func: kernel.GELUTanh}, true
		}
		return kernel.Activation{Func: kernel.GELU}, true
	},
}

func plainActivation(f kernel.Function) func(*node, *graph.Node) (kernel.Activation, bool) {
	return func(*node, *graph.Node) (kernel.Activation, bool) { return kernel.Activation{Func: f}, true }
}

func lowerActivation(n *node, src *graph.Node, _ int64) operation {
	a, ok := activations[src.Op](n, src)
	if !ok || !dynamic(n.in[0]) {
		return nil
	}
	n.keep(n.in[0])
	return &activate{a}
}

// clipOf reads the bounds from inputs (opset 11 and later) or attributes.
func clipOf(n *node, src *graph.Node) (kernel.Activation, bool) {
	inf := float32(math.Inf(1))
	a := kernel.Activation{Func: kernel.Clip, A: src.Float("min", -inf), B: src.Float("max", inf)}
	for i, bound := range []*float32{&a.A, &a.B} {
		if i+1 >= len(n.in) || n.in[i+1] == nil {
			continue
		}
		v, ok := floats(n.in[i+1])
		if !ok || len(v) != 1 {
			return a, false
		}
		*bound = v[0]
	}
	return a, a.A <= a.B
}

var binaryFunctions = map[string]byte{"Add": '+', "Mul": '*', "Sub": '-', "Div": '/'}

// lowerBinary makes scale-and-shift of operations with a constant by channel,
// and a binary of those between two values of which one has the result's shape.
func lowerBinary(n *node, src *graph.Node, opset int64) operation {
	fn := binaryFunctions[src.Op]
	x, y := n.in[0], n.in[1]
	if !isFloat(y) || opset < 7 || hasZero(n.out[0].shape) {
		return nil
	}
	swapped := false
	if !slices.Equal(x.shape, n.out[0].shape) || x.constant != nil {
		x, y, swapped = y, x, true
	}
	if !dynamic(x) || !slices.Equal(x.shape, n.out[0].shape) {
		return nil
	}
	if op := affineWith(x, y, fn, swapped); op != nil {
		n.keep(x)
		return op
	}
	if swapped && (fn == '-' || fn == '/') || (y.constant == nil && !repeats(y.shape, x.shape)) {
		return nil
	}
	if k := y.constant; k != nil {
		y = broadcast(y, x.shape)
	}
	n.keep(x, y)
	return &binary{fn: fn}
}

// lowerPow makes a product of a square, and a buffer of the power of a half.
func lowerPow(n *node, _ *graph.Node, _ int64) operation {
	x, e := n.in[0], n.in[1]
	p, ok := floats(e)
	if !ok || len(p) != 1 || !dynamic(x) || !slices.Equal(x.shape, n.out[0].shape) {
		return nil
	}
	switch p[0] {
	case 2:
		n.keep(x, x)
		return &binary{fn: '*'}
	case 0.5:
		n.keep(x)
		return &activate{kernel.Activation{Func: kernel.Sqrt}}
	}
	return nil
}

// An lrn is local response normalisation over neighbouring channels.
type lrn struct {
	size              int
	alpha, beta, bias float32
}

func lowerLRN(n *node, src *graph.Node, _ int64) operation {
	if !dynamic(n.in[0]) || len(n.in[0].shape) < 3 || hasZero(n.in[0].shape) {
		return nil
	}
	return &lrn{size: src.Int("size", 1), alpha: src.Float("alpha", 1e-4), beta: src.Float("beta", 0.75), bias: src.Float("bias", 1)}
}

// repeats reports whether a value of shape s covers one of shape full by being
// the same for all pixels: N×C×1×1 over N×C×H×W, or equal shapes.
func repeats(s, full []int) bool {
	if slices.Equal(s, full) {
		return true
	}
	return len(s) == len(full) && len(s) > 2 && s[0] == full[0] && s[1] == full[1] && tensor.Len(s[2:]) == 1
}

// affineWith expresses x fn y, or y fn x, with a constant y as scale and shift by
// channel, or answers nil.
func affineWith(x, y *value, fn byte, swapped bool) operation {
	k, ok := floats(y)
	axis := channelAxis(y, len(x.shape))
	if !ok || axis < 0 || len(x.shape) < 2 {
		return nil
	}
	single := axis == anyAxis
	if single {
		axis = guessAxis(x)
	}
	c := x.shape[axis]
	if single {
		k = slices.Repeat(k[:1], c)
	}
	scale, shift := slices.Repeat([]float32{1}, c), make([]float32, c)
	for i, v := range k {
		switch {
		case fn == '+':
			shift[i] = v
		case fn == '*':
			scale[i] = v
		case fn == '-' && swapped:
			scale[i], shift[i] = -1, v
		case fn == '-':
			shift[i] = -v
		case fn == '/' && !swapped:
			scale[i] = 1 / v
		default:
			return nil
		}
	}
	if single && (x.def == nil || !foldable(x.def.op)) {
		return &activate{kernel.Activation{Func: kernel.Affine, A: scale[0], B: shift[0]}}
	}
	return scaleShift(axis, scale, shift)
}

// foldable reports whether a scale after the operation can become part of it.
func foldable(op operation) bool {
	_, ok := op.(*conv)
	return ok
}

const anyAxis = 1 << 20

// channelAxis returns the only axis along which the constant y varies when it is
// broadcast to the given rank: -1 for none, anyAxis for a single value.
func channelAxis(y *value, rank int) int {
	if tensor.Len(y.shape) == 1 && len(y.shape) <= rank {
		return anyAxis
	}
	axis := -1
	for i, d := range y.shape {
		if d == 1 {
			continue
		}
		if axis >= 0 {
			return -1
		}
		axis = rank - len(y.shape) + i
	}
	return axis
}

// guessAxis picks the axis of channels for a scale that is the same for all:
// that of the convolution before it, so that it can be folded, or the usual one.
func guessAxis(x *value) int {
	if x.def != nil {
		if c, ok := x.def.op.(*conv); ok {
			return c.axis
		}
	}
	if len(x.shape) == 4 {
		return 1
	}
	return len(x.shape) - 1
}

// broadcast repeats the values of a constant to fill shape.
func broadcast(v *value, shape []int) *value {
	if slices.Equal(v.shape, shape) {
		return v
	}
	src := tensor.Values[float32](v.constant)
	full := make([]float32, tensor.Len(shape))
	index := make([]int, len(shape))
	for i := range full {
		at := 0
		for d, size := range v.shape {
			at *= size
			if size != 1 {
				at += index[len(shape)-len(v.shape)+d]
			}
		}
		full[i] = src[at]
		advance(index, shape)
	}
	return &value{name: v.name, dtype: tensor.Float32, shape: shape, constant: tensor.New(full, shape...)}
}

// advance moves index to the next element of shape in row-major order.
func advance(index, shape []int) {
	for d := len(shape) - 1; d >= 0; d-- {
		index[d]++
		if index[d] < shape[d] {
			return
		}
		index[d] = 0
	}
}
