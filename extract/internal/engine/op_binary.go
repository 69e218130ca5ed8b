package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// A binary combines two values element by element. The second one may be
// narrower: the same for all pixels of an image (N×C×1×1), or a constant.
type binary struct {
	fn  byte // '+', '*', '-' or '/'
	act kernel.Activation

	noHalo
	overwritesFirst
	ownResult
	neverView
	noCost
	noParameters
}

func (b *binary) name() string {
	return map[byte]string{'+': "addition", '*': "multiplication", '-': "subtraction", '/': "division"}[b.fn]
}

func (b *binary) assignOrders(a *orders, n *node) { a.pair(n) }

func (b *binary) constantOrder(n *node) []int { return n.in[0].order }

func (b *binary) beforeTranspose(n *node, _ []int) operation {
	if !slices.Equal(n.in[0].shape, n.in[1].shape) {
		return nil
	}
	return b
}

func (b *binary) epilogue() (kernel.Activation, bool) { return b.act, true }

func (b *binary) withEpilogue(a kernel.Activation) operation { return &binary{fn: b.fn, act: a} }

func (b *binary) byteForm(_ *byteForms, n *node) (operation, *quantParams) {
	x, y, out := n.in[0].quant, n.in[1].quant, quantParamsOf(b.act)
	if x == nil || y == nil || out == nil {
		return nil, nil
	}
	r := rounding(b.act)
	largest := float32(x.largest()) + float32(y.largest())
	switch b.fn {
	case '+':
	case '*':
		largest = x.largest() * y.largest()
	default:
		return nil, nil
	}
	if largest > kernel.MaxSum/2*r.Scale {
		return nil, nil
	}
	return &byteBinary{fn: b.fn, ByteBinary: kernel.ByteBinary{
		ZeroPointA: float32(x.zeroPoint), ScaleA: x.scale, ZeroPointB: float32(y.zeroPoint), ScaleB: y.scale,
		Scale: r.Scale, ZeroPoint: r.ZeroPoint, Max: r.Max}}, out
}

func (b *binary) wantsBytes(*byteForms, *node) bool {
	return (b.fn == '+' || b.fn == '*') && b.act.Func == kernel.FakeQuantize
}

func (*binary) readsBytes(*node) bool { return false }

func (b *binary) emit(p *planner, n *node) {
	x, y, out := n.in[0].view, n.in[1].view, n.out[0].view
	p.emit(n.label, &exec.Binary{Fn: b.fn, Act: b.act, A: x, B: y, Out: out}, x, y, out)
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
		return &activate{Activation: kernel.Activation{Func: kernel.Sqrt}}
	}
	return nil
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
	if single && convOf(x) == nil { // a convolution could take it
		return &activate{Activation: kernel.Activation{Func: kernel.Affine, A: scale[0], B: shift[0]}}
	}
	return scaleShift(axis, scale, shift)
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
	if c := convOf(x); c != nil {
		return c.axis
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
	return &value{name: v.name, dtype: tensor.Float32, shape: shape, constant: tensor.New(full, shape...), trained: v.trained.repeated(v.shape, shape)}
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

// gradient: of a sum both operands get dz, of a product each gets dz times the other, of
// a quotient x/y = z the operands get dz/y and −dz·z/y. An operand that is the same for
// all pixels gets the sum over them.
func (b *binary) gradient(w *backward, n *node, dy *value) error {
	x, y := n.in[0], n.in[1]
	if b.act.Func != kernel.Linear && b.fn == '/' {
		return ErrNoGradient // no rewrite makes such a one
	}
	dz := w.activation(b.act, n.out[0], dy)
	dx, second := dz, dz
	switch b.fn {
	case '*':
		dx, second = w.add(&binary{fn: '*'}, x.shape, dz, y), w.add(&binary{fn: '*'}, x.shape, dz, x)
	case '-':
		second = w.scaled(dz, -1)
	case '/':
		dx = w.add(&binary{fn: '/'}, x.shape, dz, y)
		second = w.scaled(w.add(&binary{fn: '*'}, x.shape, dx, n.out[0]), -1)
	}
	if w.wanted(x) {
		w.bring(x, dx)
	}
	if w.wanted(y) {
		w.bring(y, w.reduced(y, second))
	}
	return nil
}
