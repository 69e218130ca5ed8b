package engine

import (
	"math"
	"slices"
	"strings"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// A value that lies just between two steps may be rounded to either, and a network
// of 8-bit numbers can make much of the difference. So random graphs leave no doubt:
// they quantise values that are the same in every way of computing but for some last
// bits, with scales such that none of them comes near the middle of two steps.

// doubt is how near, in steps, a value may come to the middle.
const doubt = 1e-4

// numbers are a quantised value of a random network with its parameters.
type numbers struct {
	feature
	scale, zero string
}

// growNumbers adds some layers of 8-bit numbers: as operators between
// DequantizeLinear and QuantizeLinear, or as those that take the numbers.
func growNumbers(g *grower, _ feature) feature {
	if g.plain {
		return feature{}
	}
	i := len(g.features) - 1
	for !g.exact(g.features[i].name) {
		i-- // the input is
	}
	s := &island{grower: g, signed: g.pick(2) == 0, operators: g.pick(2) == 0}
	n, ok := s.quantise(g.features[i])
	if !ok {
		return feature{}
	}
	s.all = append(s.all, n)
	for range 1 + g.pick(3) {
		layer := islandLayers[g.pick(len(islandLayers))]
		if m, ok := layer(s, n); ok {
			n = m
			s.all = append(s.all, n)
		}
	}
	return feature{s.dequantise(n), n.c, n.h, n.w}
}

var islandLayers = []func(*island, numbers) (numbers, bool){
	(*island).conv, (*island).conv, (*island).product, (*island).sum, (*island).join, (*island).average, (*island).move,
}

// exact reports whether a value does not depend on the order of sums.
func (g *grower) exact(name string) bool {
	if name == "x" || g.Initializers[name] != nil {
		return true
	}
	n := g.Nodes[slices.IndexFunc(g.Nodes, func(n *graph.Node) bool { return n.Outputs[0] == name })]
	switch n.Op {
	case "DequantizeLinear", "MaxPool", "Concat", "Slice", "Transpose", "Reshape", "Relu", "Identity", "Pad":
		return !slices.ContainsFunc(n.Inputs, func(in string) bool { return !g.exact(in) })
	}
	return n.Op == "QuantizeLinear" || strings.HasPrefix(n.Op, "QLinear")
}

// value computes a value of the network so far.
func (g *grower) value(name string) *tensor.Tensor {
	if g.values[name] == nil {
		res, err := op.Interpret(g.Graph, g.values, name)
		if err != nil {
			panic(err) // a grower's mistake
		}
		g.values[name] = res[name]
	}
	return g.values[name]
}

// An island is a part of a network that computes in 8-bit numbers.
type island struct {
	*grower
	signed    bool
	operators bool // by QLinearConv and the like
	all       []numbers
}

// parameters chooses a scale and a zero point for a value.
func (s *island) parameters(y string) (scale, zero string, ok bool) {
	v := tensor.Values[float32](s.value(y))
	top := max(slices.Max(v), -slices.Min(v), 1e-3)
	lo, hi, at := 0, 255, 108+s.rng.IntN(40)
	switch {
	case s.signed:
		lo, hi, at = -128, 127, s.rng.IntN(40)-20
	case slices.Min(v) >= 0:
		at, top = s.rng.IntN(10), top/2
	}
	for range 30 {
		step := top / 127 * (0.7 + 0.5*s.rng.Float32())
		if !slices.ContainsFunc(v, func(x float32) bool { return doubtful(float64(x)/float64(step), lo-at, hi-at) }) {
			return s.constant(tensor.New([]float32{step}, []int{}...)), s.point(at), true
		}
	}
	return "", "", false
}

func doubtful(u float64, lo, hi int) bool {
	return u > float64(lo)-1 && u < float64(hi)+1 && math.Abs(u-math.Floor(u)-0.5) < doubt
}

// point returns a constant zero point.
func (s *island) point(at int) string {
	if s.signed {
		return s.constant(tensor.New([]int8{int8(at)}, []int{}...))
	}
	return s.constant(tensor.New([]uint8{uint8(at)}, []int{}...))
}

func (s *island) quantise(f feature) (numbers, bool) {
	scale, zero, ok := s.parameters(f.name)
	if !ok {
		return numbers{}, false
	}
	f.name = s.add("QuantizeLinear", nil, f.name, scale, zero)
	return numbers{f, scale, zero}, true
}

func (s *island) dequantise(n numbers) string {
	return s.add("DequantizeLinear", nil, n.name, n.scale, n.zero)
}

// finish quantises what was computed of dequantised numbers since mark. As an operator
// it takes the place of all that: op makes it with a result's scale and zero point.
func (s *island) finish(mark int, y feature, op func(scale, zero string) string) (numbers, bool) {
	if !s.operators && s.pick(3) == 0 {
		y.name = s.add("Relu", nil, y.name)
	}
	scale, zero, ok := s.parameters(y.name)
	if !ok {
		return numbers{}, false
	}
	if s.operators {
		s.Nodes = s.Nodes[:mark]
		y.name = op(scale, zero)
	} else {
		y.name = s.add("QuantizeLinear", nil, y.name, scale, zero)
	}
	return numbers{y, scale, zero}, true
}

// weights8 returns 8-bit weights with their scales, one or one for each of out, and zero
// points.
func (s *island) weights8(fan, out int, shape ...int) (w, scale, zero string) {
	n := out
	if s.pick(2) == 0 {
		n = 1
	}
	steps, unsigned := make([]float32, n), s.pick(3) == 0
	for i := range steps {
		steps[i] = (0.5 + s.rng.Float32()) / 70 / float32(math.Sqrt(float64(fan)))
	}
	points := make([]int8, n)
	if s.pick(3) == 0 {
		points[0] = int8(s.rng.IntN(20) - 10)
	}
	if n == 1 && s.pick(2) == 0 {
		scale = s.constant(tensor.New(steps, []int{}...))
	} else {
		scale = s.constant(tensor.New(steps, n))
	}
	like := s.Initializers[scale].Shape
	if !unsigned {
		return s.builder.signed(shape...), scale, s.constant(tensor.New(points, like...))
	}
	raw := tensor.Values[int8](s.Initializers[s.builder.signed(shape...)])
	w = s.constant(tensor.New(shifted(raw), shape...))
	return w, scale, s.constant(tensor.New(shifted(points), like...))
}

// shifted makes unsigned numbers around 128 of those around 0.
func shifted(v []int8) []uint8 {
	u := make([]uint8, len(v))
	for i, x := range v {
		u[i] = uint8(int(x) + 128)
	}
	return u
}

func (s *island) conv(n numbers) (numbers, bool) {
	k, group, out, stride := []int{1, 3}[s.pick(2)], 1, 1+s.pick(24), 1+s.pick(2)
	if s.pick(3) == 0 {
		group, out = n.c, n.c
	}
	pad := int64(k / 2)
	attrs := map[string]graph.Attr{"group": int64(group), "strides": ints(int64(stride), int64(stride)), "pads": ints(pad, pad, pad, pad)}
	w, scale, zero := s.weights8(n.c/group*k*k, out, out, n.c/group, k, k)
	bias := ""
	if s.pick(2) == 0 {
		bias = s.bias(out)
	}
	mark := len(s.Nodes)
	in := []string{s.dequantise(n), s.add("DequantizeLinear", map[string]graph.Attr{"axis": int64(0)}, w, scale, zero)}
	if bias != "" {
		in = append(in, s.add("DequantizeLinear", map[string]graph.Attr{"axis": int64(0)}, bias, s.add("Mul", nil, n.scale, scale)))
	}
	y := feature{s.add("Conv", attrs, in...), out, (n.h-1)/stride + 1, (n.w-1)/stride + 1}
	return s.finish(mark, y, func(ys, yz string) string {
		in := []string{n.name, n.scale, n.zero, w, scale, zero, ys, yz}
		if bias != "" {
			in = append(in, bias)
		}
		return s.add("QLinearConv", attrs, in...)
	})
}

func (s *island) bias(n int) string {
	b := make([]int32, n)
	for i := range b {
		b[i] = int32(s.rng.IntN(8000) - 4000)
	}
	return s.constant(tensor.New(b, n))
}

// product multiplies the channels of every pixel by a matrix.
func (s *island) product(n numbers) (numbers, bool) {
	out := 1 + s.pick(30)
	w, scale, zero := s.weights8(n.c, out, n.c, out)
	x := n
	x.name = s.transpose(n.name, 0, 2, 3, 1)
	mark := len(s.Nodes)
	y := s.add("MatMul", nil, s.dequantise(x), s.add("DequantizeLinear", map[string]graph.Attr{"axis": int64(1)}, w, scale, zero))
	m, ok := s.finish(mark, feature{y, out, n.h, n.w}, func(ys, yz string) string {
		return s.add("QLinearMatMul", nil, x.name, n.scale, n.zero, w, scale, zero, ys, yz)
	})
	if ok {
		m.name = s.transpose(m.name, 0, 3, 1, 2)
	}
	return m, ok
}

// sum adds or multiplies two values of one size.
func (s *island) sum(n numbers) (numbers, bool) {
	o := n
	for _, m := range s.all[:len(s.all)-1] {
		if m.c == n.c && m.h == n.h && m.w == n.w {
			o = m
		}
	}
	fn := []string{"Add", "Mul"}[s.pick(2)]
	mark := len(s.Nodes)
	y := n.feature
	y.name = s.add(fn, nil, s.dequantise(n), s.dequantise(o))
	return s.finish(mark, y, func(ys, yz string) string {
		return s.microsoft("QLinear"+fn, nil, n.name, n.scale, n.zero, o.name, o.scale, o.zero, ys, yz)
	})
}

// join concatenates the channels of values with scales of their own.
func (s *island) join(n numbers) (numbers, bool) {
	var names, flat []string
	mark, y := len(s.Nodes), n.feature
	y.c = 0
	for _, m := range s.all {
		if m.h == n.h && m.w == n.w && (m.name == n.name || s.pick(2) == 0) {
			names, flat = append(names, m.name, m.scale, m.zero), append(flat, s.dequantise(m))
			y.c += m.c
		}
	}
	channels := map[string]graph.Attr{"axis": int64(1)}
	y.name = s.add("Concat", channels, flat...)
	return s.finish(mark, y, func(ys, yz string) string {
		return s.microsoft("QLinearConcat", channels, append([]string{ys, yz}, names...)...)
	})
}

// average takes the mean of windows or of all pixels.
func (s *island) average(n numbers) (numbers, bool) {
	fn, attrs, y := "GlobalAveragePool", map[string]graph.Attr(nil), feature{"", n.c, 1, 1}
	if n.h > 1 && n.w > 1 && s.pick(3) > 0 {
		fn, attrs, y = "AveragePool", map[string]graph.Attr{"kernel_shape": ints(2, 2)}, feature{"", n.c, n.h - 1, n.w - 1}
	}
	mark := len(s.Nodes)
	y.name = s.add(fn, attrs, s.dequantise(n))
	return s.finish(mark, y, func(ys, yz string) string {
		return s.microsoft("QLinear"+fn, attrs, n.name, n.scale, n.zero, ys, yz)
	})
}

// move does what leaves numbers as they are.
func (s *island) move(n numbers) (numbers, bool) {
	x := n.name
	plain := s.operators || s.pick(2) == 0
	if !plain {
		x = s.dequantise(n)
	}
	switch s.pick(4) {
	case 0:
		x = s.add("MaxPool", map[string]graph.Attr{"kernel_shape": ints(3, 3), "pads": ints(1, 1, 1, 1)}, x)
	case 1:
		from := s.pick(n.c)
		n.c -= from
		x = s.add("Slice", nil, x, s.ints(int64(from)), s.ints(int64(from+n.c)), s.ints(1))
	case 2:
		n.h, n.w = n.w, n.h
		x = s.transpose(x, 0, 1, 3, 2)
	default:
		n.c *= 2
		x = s.add("Concat", map[string]graph.Attr{"axis": int64(1)}, x, x)
	}
	if !plain {
		x = s.add("QuantizeLinear", nil, x, n.scale, n.zero)
	}
	n.name = x
	return n, true
}
