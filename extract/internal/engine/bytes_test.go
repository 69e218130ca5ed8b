package engine

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
)

// eachQuantized runs a test for every network of 8-bit numbers.
func eachQuantized(t *testing.T, f func(t *testing.T, m *zoo.Model, g *graph.Graph)) {
	for _, v := range zoo.Variants() {
		m := v.Small()
		if m.Quantum == 0 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
			if err != nil {
				t.Fatal(err)
			}
			f(t, m, g)
		})
	}
}

// TestQuantizedZoo runs the networks of 8-bit numbers on bytes in every kernel set,
// against plain interpretation: hardly any value may differ, and none by more than a
// step.
func TestQuantizedZoo(t *testing.T) {
	eachQuantized(t, func(t *testing.T, m *zoo.Model, g *graph.Graph) {
		in, pixels := zooInput(m.Shape)
		res, err := op.Interpret(g, map[string]*tensor.Tensor{m.Input: in}, m.Tap)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range kernel.Sets() {
			p, err := compileVerified(g, Options{Input: m.Shape, ChannelsLast: fedChannelsLast(m.Shape), Tap: m.Tap, Pool: "none", Kernels: s.Name})
			if err != nil {
				t.Fatal(err)
			}
			compareSteps(t, p, pixels, tensor.Values[float32](res[m.Tap]), m.Quantum)
			if onBytes, onFloats := convolutions(p); onBytes < 15 || onFloats > 0 {
				t.Errorf("%s: %d convolutions on bytes, %d on floats", s.Name, onBytes, onFloats)
			}
		}
	})
}

func compareSteps(t *testing.T, p *Program, in, want []float32, step float64) {
	t.Helper()
	for _, cores := range []int{1, 3} {
		got := make([]float32, p.Dim())
		if err := p.NewParallelRunner(cores).Run(t.Context(), in, got); err != nil {
			t.Fatal(err)
		}
		differ := 0
		for i := range got {
			d := math.Abs(float64(got[i] - want[i]))
			if d > 1e-4*step {
				differ++
			}
			if !(d <= 1.01*step) {
				t.Fatalf("%s kernels: value %d is %v, not %v", p.Stats().Kernels, i, got[i], want[i])
			}
		}
		if differ > len(got)/100 {
			t.Errorf("%s kernels: %d of %d values differ", p.Stats().Kernels, differ, len(got))
		}
	}
}

// convolutions counts a program's convolutions.
func convolutions(p *Program) (onBytes, onFloats int) {
	for _, s := range p.plan.Steps {
		switch s.(type) {
		case *exec.ByteConv, *exec.ByteDepthwise:
			onBytes++
		case *exec.Conv, *exec.Depthwise, *exec.Block, *exec.Winograd:
			onFloats++
		}
	}
	return onBytes, onFloats
}

// A quantized value of a random network: its name as 8-bit numbers, and as floats.
type numbered struct {
	q, x    string
	c, h, w int
}

// numbers quantises x by a power of two, for sums to be exact.
func (b *builder) numbers(x string, c, h, w, exponent int, zero uint8) numbered {
	s, z := b.scale(exponent), b.zero(zero)
	q := b.add("QuantizeLinear", nil, x, s, z)
	return numbered{q, b.add("DequantizeLinear", nil, q, s, z), c, h, w}
}

// byteConv adds a convolution with 8-bit weights of random shape.
func (b *builder) byteConv(v numbered) numbered {
	pick := b.rng.IntN
	k, stride, dilation := 1+pick(3), 1+pick(2), 1+pick(2)
	out, group := 1+pick(24), 1
	switch pick(3) {
	case 0:
		out, group = v.c, v.c
	case 1:
		if v.c%4 == 0 {
			out, group = 4*(1+pick(6)), 4
		}
	}
	pad := pick(k)
	oh, ow := (v.h+2*pad-dilation*(k-1)-1)/stride+1, (v.w+2*pad-dilation*(k-1)-1)/stride+1
	if oh < 1 || ow < 1 || min(v.h, v.w)+2*pad < dilation*(k-1)+1 {
		return v
	}
	scales := make([]float32, out)
	for i := range scales {
		scales[i] = 1 / float32(int(64)<<pick(3))
	}
	w, axis := b.constant(b.randomWeights(pick(2) == 0, out, v.c/group, k, k)), map[string]graph.Attr{"axis": int64(0)}
	s, zero := b.constant(tensor.New(scales, out)), tensor.New(make([]int8, out), out)
	if b.Initializers[w].DType == tensor.Uint8 {
		z := make([]uint8, out)
		for i := range z {
			z[i] = []uint8{128, 128, 100, uint8(pick(256))}[pick(4)]
		}
		zero = tensor.New(z, out)
	}
	weights := b.add("DequantizeLinear", axis, w, s, b.constant(zero))
	bias := make([]float32, out)
	for i := range bias {
		bias[i] = float32(pick(512)-256) / 64
		if pick(4) == 0 {
			bias[i] += 1.0 / (1 << 14) // lies between the sums
		}
	}
	pads, strides, dilations := ints(int64(pad), int64(pad), int64(pad), int64(pad)), ints(int64(stride), int64(stride)), ints(int64(dilation), int64(dilation))
	y := b.add("Conv", map[string]graph.Attr{"group": int64(group), "pads": pads, "strides": strides, "dilations": dilations},
		v.x, weights, b.constant(tensor.New(bias, out)))
	if pick(2) == 0 {
		y = b.add("Relu", nil, y)
	}
	return b.numbers(y, out, oh, ow, -3+pick(3), uint8(pick(256)))
}

func (b *builder) randomWeights(signed bool, shape ...int) *tensor.Tensor {
	w := make([]uint8, tensor.Len(shape))
	for i := range w {
		w[i] = uint8(b.rng.IntN(256))
	}
	if !signed {
		return tensor.New(w, shape...)
	}
	return tensor.New(converted8(w), shape...)
}

func converted8(x []uint8) []int8 {
	y := make([]int8, len(x))
	for i, v := range x {
		y[i] = int8(v)
	}
	return y
}

// TestRandomByteNetworks: convolutions of all shapes, sums, joined and pooled values,
// with readers on bytes and on floats.
func TestRandomByteNetworks(t *testing.T) {
	for seed := range 150 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c, h, w := 1+seed%9, 4+seed%7, 3+seed%11
			b := newBuilder(uint64(seed), 1, c, h, w)
			v := b.numbers("x", c, h, w, -5, uint8(100+seed))
			for range 5 {
				v = b.byteLayer(v)
			}
			b.check(t, v.x)
		})
	}
}

// TestMeansOfBytes: of several images, without the reduced axes, and where the reader
// wants a border.
func TestMeansOfBytes(t *testing.T) {
	means := map[string]func(b *builder, x string) string{
		"with a border": func(b *builder, x string) string {
			v := b.numbers(b.add("GlobalAveragePool", nil, x), 5, 1, 1, -5, 120)
			return b.conv(v.x, 5, 5, 3, 5, nil)
		},
		"axes gone": func(b *builder, x string) string {
			return b.add("ReduceMean", map[string]graph.Attr{"axes": ints(2, 3), "keepdims": int64(0)}, x)
		},
	}
	for name, mean := range means {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(9, 2, 5, 4, 6)
			y := mean(b, b.numbers("x", 5, 4, 6, -4, 100).x)
			b.check(t, y)
			p, err := compileVerified(b.Graph, Options{Input: []int{2, 5, 4, 6}, Tap: y})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(p.plan.Steps, func(s exec.Step) bool { _, ok := s.(*exec.ByteMean); return ok }) {
				t.Error("no mean of bytes")
			}
		})
	}
}

func (b *builder) byteLayer(v numbered) numbered {
	switch pick := b.rng.IntN; pick(14) {
	case 0: // a sum with itself, other numbers of it
		u := b.numbers(v.x, v.c, v.h, v.w, -2, 77)
		return b.numbers(b.add("Add", nil, v.x, u.x), v.c, v.h, v.w, -2+pick(2), uint8(pick(256)))
	case 1:
		y := b.add("MaxPool", map[string]graph.Attr{"kernel_shape": ints(3, 2), "pads": ints(1, 0, 1, 1)}, v.q)
		s, z := b.scale(-4), b.zero(uint8(pick(256))) // of another unit than they were
		return numbered{y, b.add("DequantizeLinear", nil, y, s, z), v.c, v.h, v.w}
	case 2:
		joined := b.add("Concat", map[string]graph.Attr{"axis": int64(1)}, v.x, v.x)
		return b.numbers(joined, 2*v.c, v.h, v.w, -3, 128)
	case 3:
		u := b.numbers(v.x, v.c, v.h, v.w, -3, 77)
		fn := []string{"Mul", "Sub"}[pick(2)] // the second one through floats
		return b.numbers(b.add(fn, nil, v.x, u.x), v.c, v.h, v.w, -1, 30)
	case 4: // one pixel for all
		gate := b.numbers(b.add("GlobalMaxPool", nil, v.x), v.c, 1, 1, -3, 10)
		return b.numbers(b.add("Mul", nil, v.x, gate.x), v.c, v.h, v.w, -1, 100)
	case 5: // a function by table
		y := b.add("LeakyRelu", map[string]graph.Attr{"alpha": float32(0.25)}, v.x)
		return b.numbers(y, v.c, v.h, v.w, -3, 64)
	case 6: // parts of two scales
		u := b.numbers(v.x, v.c, v.h, v.w, -2, 77)
		return b.numbers(b.add("Concat", map[string]graph.Attr{"axis": int64(1)}, u.x, v.x), 2*v.c, v.h, v.w, -2, 128)
	}
	return b.byteConv(v)
}

// TestDeepByteProduct: a product that is cut in parts on floats is not cut on bytes,
// where parts would not be whole words.
func TestDeepByteProduct(t *testing.T) {
	const deepest = 1536 // what package exec sums at a time
	b := newBuilder(3, 1, 2*(deepest-1), 2, 1)
	v := b.numbers("x", 2*(deepest-1), 2, 1, -5, 100)
	w := make([]int8, 3*v.c)
	for i := range w {
		w[i] = int8(b.rng.IntN(7) - 3)
	}
	weights := b.add("DequantizeLinear", nil, b.constant(tensor.New(w, 3, v.c, 1, 1)), b.scale(-6), b.constant(tensor.New([]int8{0})))
	y := b.numbers(b.add("Conv", nil, v.x, weights), 3, 2, 1, -3, 128)
	b.check(t, y.x)
}

// TestWorkersShareBytePanels: several workers share a product of bytes with large weights
// by these, and compute what one does.
func TestWorkersShareBytePanels(t *testing.T) {
	b := newBuilder(4, 1, 16, 9, 7)
	v := b.numbers("x", 16, 9, 7, -5, 120)
	weights := b.add("DequantizeLinear", nil, b.constant(b.randomWeights(true, 800, 16, 3, 3)), b.scale(-8), b.constant(tensor.New([]int8{0})))
	conv := b.add("Conv", map[string]graph.Attr{"strides": ints(3, 3)}, v.x, weights)
	y := b.numbers(conv, 800, 3, 2, -3, 128)
	in := make([]float32, 16*9*7)
	for i := range in {
		in[i] = float32(b.rng.NormFloat64())
	}
	for _, s := range kernel.Sets() {
		p, err := compileVerified(b.Graph, Options{Input: []int{1, 16, 9, 7}, Tap: y.x, Pool: "none", Kernels: s.Name})
		if err != nil {
			t.Fatal(err)
		}
		r, want, got := p.NewParallelRunner(3), make([]float32, p.Dim()), make([]float32, p.Dim())
		if err := p.NewRunner().Run(t.Context(), in, want); err != nil {
			t.Fatal(err)
		}
		if err := r.Run(t.Context(), in, got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: three cores compute something else than one", s.Name)
		}
		if !slices.ContainsFunc(p.plan.Steps, func(s exec.Step) bool { c, ok := s.(*exec.ByteConv); return ok && c.Shares(3) }) {
			t.Errorf("%s: shared by lines", s.Name)
		}
	}
}
