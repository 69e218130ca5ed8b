package zoo

import (
	"math"

	"featstore/extract/internal/onnx/onnxtest"
)

// linear adds a dense layer along the last axis of x, of any rank: MatMul and Add.
func (b *builder) linear(x string, in, out int, act string, gain float64) string {
	name := b.layer("linear")
	w := b.normal(name+".weight", 0, gain*gains[act]/math.Sqrt(float64(in)), in, out)
	bias := b.normal(name+".bias", 0, 0.1, out)
	return b.activate(act, b.op("Add", bias, b.op("MatMul", x, w)))
}

// layerNorm normalises along the last axis, which has d values.
func (b *builder) layerNorm(x string, d int) string {
	scale, bias := b.sharable("ln.weight", 0.8, 1.2, d), b.sharable("ln.bias", -0.2, 0.2, d)
	if b.newOps && b.opset >= 17 {
		return b.Op("LayerNormalization", []string{x, scale, bias}, onnxtest.Attrs{"axis": -1, "epsilon": 1e-6})
	}
	centred := b.op("Sub", x, b.reduceMean(x, 1, -1))
	variance := b.reduceMean(b.op("Pow", centred, b.scalar(2)), 1, -1)
	deviation := b.op("Sqrt", b.op("Add", variance, b.scalar(1e-6)))
	return b.op("Add", b.op("Mul", b.op("Div", centred, deviation), scale), bias)
}

// mlp is two dense layers with a Gelu between them, the second that of a residual
// branch.
func (b *builder) mlp(x string, d, inner int, gelu string) string {
	return b.linear(b.linear(x, d, inner, gelu, 1), inner, d, "", branch)
}

// patches cuts an image into squares of k×k pixels and maps each to d values:
// tokens × values, in the model's order.
func (b *builder) patches(x fmap, k, d int) (tokens string, n int) {
	y := b.conv(x, conv{out: d, k: k, stride: k, pad: valid, plain: true})
	n = y.h * y.w
	if b.nhwc {
		return b.reshape(y.name, -1, n, d), n
	}
	var flat string
	if b.dims {
		flat = b.reshape(y.name, b.batchOf(y.name), d, -1)
	} else {
		flat = b.reshape(y.name, -1, d, n)
	}
	return b.permute(flat, 0, 2, 1), n
}
