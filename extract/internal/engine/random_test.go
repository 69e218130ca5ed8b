package engine

import (
	"math/rand/v2"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// FuzzRandomGraphs builds small networks from bytes and compares every kernel
// set's program with plain interpretation.
func FuzzRandomGraphs(f *testing.F) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 120 {
		seed := make([]byte, 60)
		for i := range seed {
			seed[i] = byte(rng.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) < 4 || len(choices) > 200 {
			return
		}
		newGrower(choices).grow(t)
	})
}

// A feature is a value of a random network with its channels and size.
type feature struct {
	name    string
	c, h, w int
}

// A grower reads choices from bytes and adds nodes to a network.
type grower struct {
	*builder
	choices  []byte
	features []feature
	values   map[string]*tensor.Tensor // those computed so far, of the input x
	plain    bool                      // no 8-bit numbers
}

func newGrower(choices []byte) *grower {
	g := &grower{choices: choices}
	c, h, w := 1+g.pick(5), 3+g.pick(12), 3+g.pick(12)
	seed, batch := g.pick(256), 1
	if seed >= 208 {
		batch = 2
	}
	g.builder = newBuilder(uint64(seed), batch, c, h, w)
	g.features = []feature{{"x", c, h, w}}
	g.values = map[string]*tensor.Tensor{"x": g.image()}
	return g
}

// pick takes the next choice, a number below n; 0 when they have run out.
func (g *grower) pick(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

// feature picks one of the values so far, rather a recent one.
func (g *grower) feature() feature {
	back := min(g.pick(4), len(g.features)-1)
	return g.features[len(g.features)-1-back]
}

func (g *grower) grow(t *testing.T) {
	if last := g.growAll(); last != "x" {
		g.checkWith(t, last, g.values["x"])
	}
}

// growAll adds nodes until the choices have run out, and returns the last value.
func (g *grower) growAll() string {
	for len(g.choices) > 0 && len(g.Nodes) < 40 {
		if f := g.next()(g, g.feature()); f.name != "" {
			g.features = append(g.features, f)
		}
	}
	return g.features[len(g.features)-1].name
}

// next picks what to add: a byte below 128 still means what it meant to old seeds.
func (g *grower) next() func(g *grower, f feature) feature {
	if c := int(g.choices[0]); c >= 128 {
		g.choices = g.choices[1:]
		return moreGrowers[c%len(moreGrowers)]
	}
	return growers[g.pick(len(growers))]
}

// growers add nodes behind a feature; they answer an empty one when they cannot.
var growers = []func(g *grower, f feature) feature{
	growConv, growConv, growDepthwise, growDepthwise, growPool, growActivation, growActivation, growNorm, growAdd, growAdd,
	growConcat, growGate, growDetour, growPad, growInverted, growInverted, growSplit, growShuffle, growTokens,
}

func growConv(g *grower, f feature) feature {
	out, k := 1+g.pick(40), []int{1, 1, 3, 5}[g.pick(4)]
	group := 1
	if f.c%2 == 0 && g.pick(4) == 0 {
		group, out = 2, (out+1)/2*2
	}
	return g.window(f, k, out, group)
}

func growDepthwise(g *grower, f feature) feature {
	return g.window(f, []int{3, 5}[g.pick(2)], f.c, f.c)
}

// window adds a convolution with random stride, padding and dilation.
func (g *grower) window(f feature, k, out, group int) feature {
	stride, dilation := 1+g.pick(2), 1+g.pick(2)
	attrs := map[string]graph.Attr{"strides": ints(int64(stride), int64(stride)), "dilations": ints(int64(dilation), int64(dilation))}
	reach := (k-1)*dilation + 1
	var h, w int
	switch g.pick(3) {
	case 0:
		attrs["auto_pad"] = []string{"SAME_UPPER", "SAME_LOWER"}[g.pick(2)]
		h, w = (f.h+stride-1)/stride, (f.w+stride-1)/stride
	default:
		p := [4]int{g.pick(3), g.pick(3), g.pick(3), g.pick(3)}
		attrs["pads"] = ints(int64(p[0]), int64(p[1]), int64(p[2]), int64(p[3]))
		h, w = (f.h+p[0]+p[2]-reach)/stride+1, (f.w+p[1]+p[3]-reach)/stride+1
		if f.h+p[0]+p[2] < reach || f.w+p[1]+p[3] < reach {
			return feature{}
		}
	}
	return feature{g.conv(f.name, f.c, out, k, group, attrs), out, h, w}
}

func growPool(g *grower, f feature) feature {
	if f.h < 3 || f.w < 3 {
		return feature{}
	}
	op := []string{"MaxPool", "AveragePool"}[g.pick(2)]
	attrs := map[string]graph.Attr{"kernel_shape": ints(3, 3), "strides": ints(2, 2)}
	h, w := (f.h-3)/2+1, (f.w-3)/2+1
	if g.pick(2) == 0 {
		attrs["pads"], attrs["strides"] = ints(1, 1, 1, 1), ints(1, 1)
		h, w = f.h, f.w
	}
	if op == "AveragePool" && g.pick(2) == 0 {
		attrs["count_include_pad"] = int64(1)
	}
	return feature{g.add(op, attrs, f.name), f.c, h, w}
}

func growActivation(g *grower, f feature) feature {
	op := []string{"Relu", "LeakyRelu", "Sigmoid", "HardSwish", "Tanh", "Identity"}[g.pick(6)]
	return feature{g.add(op, nil, f.name), f.c, f.h, f.w}
}

func growNorm(g *grower, f feature) feature {
	if g.pick(2) == 0 {
		return feature{g.add("Mul", nil, f.name, g.positive(f.c, 1, 1)), f.c, f.h, f.w}
	}
	return feature{g.batchNorm(f.name, f.c), f.c, f.h, f.w}
}

func growAdd(g *grower, f feature) feature {
	for i := len(g.features) - 1; i >= 0; i-- {
		o := g.features[i]
		if o.name != f.name && o.c == f.c && o.h == f.h && o.w == f.w {
			op := []string{"Add", "Add", "Sub", "Mul"}[g.pick(4)]
			return feature{g.add(op, nil, f.name, o.name), f.c, f.h, f.w}
		}
	}
	return feature{}
}

func growConcat(g *grower, f feature) feature {
	names, c := []string{f.name}, f.c
	for _, o := range g.features {
		if len(names) < 4 && o.h == f.h && o.w == f.w && g.pick(2) == 0 {
			names, c = append(names, o.name), c+o.c
		}
	}
	return feature{g.add("Concat", map[string]graph.Attr{"axis": int64(1)}, names...), c, f.h, f.w}
}

func growGate(g *grower, f feature) feature {
	s := g.add("Sigmoid", nil, g.conv(g.add("GlobalAveragePool", nil, f.name), f.c, f.c, 1, 1, nil))
	return feature{g.add("Mul", nil, f.name, s), f.c, f.h, f.w}
}

// growDetour goes through channels-last and back, with something on the way.
func growDetour(g *grower, f feature) feature {
	x := g.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 3, 1)}, f.name)
	switch g.pick(3) {
	case 0:
		x = g.add("Add", nil, x, g.weights(f.c))
	case 1:
		x = g.add("Relu", nil, g.add("MatMul", nil, x, g.weights(f.c, f.c)))
	}
	return feature{g.add("Transpose", map[string]graph.Attr{"perm": ints(0, 3, 1, 2)}, x), f.c, f.h, f.w}
}

func growPad(g *grower, f feature) feature {
	if f.h > 20 || f.w > 20 {
		return feature{}
	}
	return feature{g.add("Pad", nil, f.name, g.ints(0, 0, 1, 0, 0, 0, 2, 1)), f.c, f.h + 3, f.w + 1}
}

// growInverted adds an inverted residual block.
func growInverted(g *grower, f feature) feature {
	wide := []int{8, 100, 150, 200}[g.pick(4)]
	x := g.conv(f.name, f.c, wide, 1, 1, nil)
	if g.pick(3) > 0 {
		x = g.add([]string{"Relu", "HardSwish"}[g.pick(2)], nil, x)
	}
	d := g.window(feature{x, wide, f.h, f.w}, []int{3, 5}[g.pick(2)], wide, wide)
	if d.name == "" {
		return d
	}
	if g.pick(3) > 0 {
		d.name = g.add([]string{"Relu", "HardSwish"}[g.pick(2)], nil, d.name)
	}
	if g.pick(4) == 0 {
		return d
	}
	out := feature{g.conv(d.name, wide, f.c, 1, 1, nil), f.c, d.h, d.w}
	if d.h == f.h && d.w == f.w && g.pick(2) == 0 {
		out.name = g.add("Add", nil, f.name, out.name)
	}
	return out
}

// growSplit takes some of the channels, and sometimes brings them to another order.
func growSplit(g *grower, f feature) feature {
	if f.c < 2 {
		return feature{}
	}
	from := g.pick(f.c - 1)
	n := 1 + g.pick(f.c-from)
	return feature{g.add("Slice", nil, f.name, g.ints(int64(from)), g.ints(int64(from+n)), g.ints(1)), n, f.h, f.w}
}

// growShuffle exchanges groups of channels by reshapes.
func growShuffle(g *grower, f feature) feature {
	groups := []int{2, 3}[g.pick(2)]
	if f.c%groups != 0 {
		return feature{}
	}
	h, w := int64(f.h), int64(f.w)
	x := g.add("Reshape", nil, f.name, g.ints(0, int64(groups), int64(f.c/groups), h, w))
	x = g.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 1, 3, 4)}, x)
	return feature{g.add("Reshape", nil, x, g.ints(0, int64(f.c), h, w)), f.c, f.h, f.w}
}

// growTokens multiplies pixels with each other, as attention does.
func growTokens(g *grower, f feature) feature {
	if f.h*f.w > 150 {
		return feature{}
	}
	x := g.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 1)}, g.add("Reshape", nil, f.name, g.ints(0, int64(f.c), -1)))
	q, k := x, g.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 1)}, x)
	if f.c%2 == 0 && g.pick(2) == 0 {
		q = g.add("Slice", nil, x, g.ints(0), g.ints(int64(f.c/2)), g.ints(2))
		k = g.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 1)}, g.add("Slice", nil, x, g.ints(int64(f.c/2)), g.ints(int64(f.c)), g.ints(2)))
	}
	scores := g.add("Mul", nil, g.add("MatMul", nil, q, k), g.constant(tensor.New([]float32{0.2})))
	y := g.add("MatMul", nil, g.add("Softmax", map[string]graph.Attr{"axis": int64(-1)}, scores), x)
	y = g.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 1)}, y)
	return feature{g.add("Reshape", nil, y, g.ints(0, int64(f.c), int64(f.h), int64(f.w))), f.c, f.h, f.w}
}
