package zoo

import (
	"math"

	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
)

// quantization is how a model of 8-bit numbers is written.
type quantization int

const (
	floats  quantization = iota
	around               // QuantizeLinear and DequantizeLinear around operators on floats
	integer              // QLinearConv on the numbers themselves
)

// A quant says what an 8-bit number q stands for: (q − zero)·scale.
type quant struct {
	scale float32
	zero  uint8
}

func quantOf(lo, hi float64) quant {
	scale := (hi - lo) / 255
	return quant{float32(scale), uint8(math.Round(-lo / scale))}
}

// The ranges of bottleneck and scores: tight, for a step of rounding to be small.
var pooledRange, scoresRange = quantOf(0, 2.5), quantOf(-1, 1)

// quantAfter is the quantization of values behind an activation.
func quantAfter(act string) quant {
	switch act {
	case "relu6":
		return quantOf(0, 6)
	case "relu":
		return quantOf(0, 8)
	}
	return quantOf(-6, 6)
}

// parameters adds a quantization's scale and zero as constants.
func (b *builder) parameters(q quant) (scale, zero string) {
	return b.scalar(float64(q.scale)), b.constant(tensor.New([]uint8{q.zero}))
}

// requantize rounds x to 8 bits and back where the model is quantised so.
func (b *builder) requantize(x string, q quant) string {
	if b.quantized != around {
		return x
	}
	scale, zero := b.parameters(q)
	y := b.op("DequantizeLinear", b.op("QuantizeLinear", x, scale, zero), scale, zero)
	b.quants[y] = q
	return y
}

// quantWeights are 8-bit weights with one scale for each output.
type quantWeights struct {
	name, scale, zero string
	scales            []float32
}

func (b *builder) quantWeights(name string, std float64, dims ...int) quantWeights {
	values, scales := make([]int8, tensor.Len(dims)), make([]float32, dims[0])
	for i := range values {
		values[i] = int8(max(-127, min(127, math.Round(40*b.rng.NormFloat64()))))
	}
	for i := range scales {
		scales[i] = float32(std / 40 * (0.8 + 0.4*b.rng.Float64()))
	}
	return quantWeights{b.Init(name+"_quantized", tensor.New(values, dims...)), b.Init(name+"_scale", tensor.New(scales, dims[0])),
		b.Init(name+"_zero_point", tensor.New(make([]int8, dims[0]), dims[0])), scales}
}

// quantBias is a bias in the unit of the products: the scale of the input times
// that of the weights.
func (b *builder) quantBias(name string, input quant, w quantWeights) (values, scale, zero string) {
	n := len(w.scales)
	v, s := make([]int32, n), make([]float32, n)
	for i := range v {
		s[i] = input.scale * w.scales[i]
		v[i] = int32(0.1 * b.rng.NormFloat64() / float64(s[i]))
	}
	return b.Init(name+"_quantized", tensor.New(v, n)), b.Init(name+"_scale", tensor.New(s, n)),
		b.Init(name+"_zero_point", tensor.New(make([]int32, n), n))
}

// convWeights are the inputs of a convolution of x behind its first: floats, or
// 8-bit numbers made floats.
func (b *builder) convWeights(x fmap, c conv) []string {
	name := b.layer("conv")
	std := c.gain * gains[c.act] / sqrt(x.c/c.groups*c.k*c.kw)
	dims := []int{c.out, x.c / c.groups, c.k, c.kw}
	input, ok := b.quants[x.name]
	if b.quantized == around && ok {
		w := b.quantWeights(name+".weight", std, dims...)
		bias, scale, zero := b.quantBias(name+".bias", input, w)
		return []string{
			b.Op("DequantizeLinear", []string{w.name, w.scale, w.zero}, onnxtest.Attrs{"axis": 0}),
			b.Op("DequantizeLinear", []string{bias, scale, zero}, onnxtest.Attrs{"axis": 0}),
		}
	}
	in := []string{b.normal(name+".weight", 0, std, dims...)}
	if c.plain || !b.norms && !c.bare {
		in = append(in, b.normal(name+".bias", 0, 0.1, c.out))
	}
	return in
}

// qlinearConv is conv on 8-bit numbers. The activation is in what the result can
// stand for.
func (b *builder) qlinearConv(x fmap, c conv) fmap {
	c.complete(x)
	name := b.layer("conv")
	in, out := b.quants[x.name], quantAfter(c.act)
	w := b.quantWeights(name+".weight", c.gain*gains[c.act]/sqrt(x.c/c.groups*c.k*c.kw), c.out, x.c/c.groups, c.k, c.kw)
	bias, _, _ := b.quantBias(name+".bias", in, w)
	inScale, inZero := b.parameters(in)
	outScale, outZero := b.parameters(out)
	x, attrs := b.padded(x, c.k, c.kw, c.stride, c.pad)
	attrs["group"] = c.groups
	y := b.window(x, attrs, c.out, func(s string) string {
		return b.Op("QLinearConv", []string{s, inScale, inZero, w.name, w.scale, w.zero, outScale, outZero, bias}, attrs)
	})
	b.quants[y.name] = out
	return y
}

// quantDense is a dense layer of 8-bit weights, its result rounded to 8 bits.
func (b *builder) quantDense(x string, in, out int, act string) string {
	name := b.layer("fc")
	w := b.quantWeights(name+".weight", gains[act]/sqrt(in), out, in)
	weights := b.Op("DequantizeLinear", []string{w.name, w.scale, w.zero}, onnxtest.Attrs{"axis": 0})
	bias := b.normal(name+".bias", 0, 0.1, out)
	var y string
	if b.matMul {
		y = b.op("Add", b.op("MatMul", x, b.permute(weights, 1, 0)), bias)
	} else {
		y = b.Op("Gemm", []string{x, weights, bias}, onnxtest.Attrs{"transB": 1})
	}
	return b.requantize(b.activate(act, y), scoresRange)
}

// qlinearDense is a dense layer on 8-bit numbers.
func (b *builder) qlinearDense(x string, in, out int, act string) string {
	name := b.layer("fc")
	weights := make([]int8, in*out)
	for i := range weights {
		weights[i] = int8(max(-127, min(127, math.Round(40*b.rng.NormFloat64()))))
	}
	from, to := pooledRange, scoresRange
	xScale, xZero := b.parameters(from)
	yScale, yZero := b.parameters(to)
	wScale, wZero := b.scalar(gains[act]/sqrt(in)/40), b.constant(tensor.New([]int8{0}))
	w := b.Init(name+".weight_quantized", tensor.New(weights, in, out))
	y := b.op("QLinearMatMul", b.op("QuantizeLinear", x, xScale, xZero), xScale, xZero, w, wScale, wZero, yScale, yZero)
	b.model.Quantum = float64(from.scale)
	return b.activate(act, b.op("Add", b.op("DequantizeLinear", y, yScale, yZero), b.normal(name+".bias", 0, 0.1, out)))
}
