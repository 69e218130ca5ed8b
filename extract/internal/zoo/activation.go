package zoo

import (
	"math"

	"featstore/extract/internal/onnx/onnxtest"
)

// gains keep the second moment of what an activation makes of a normal
// distribution: the deviation of weights is gain/√(inputs of an output).
var gains = map[string]float64{
	"": 1, "relu": math.Sqrt2, "relu6": math.Sqrt2, "silu": 1.68, "hardswish": 1.6, "gelu": 1.53,
	"gelu-tanh": 1.53, "sigmoid": 1, "hardsigmoid": 1,
}

// activate applies an activation, "" being none.
func (b *builder) activate(kind, x string) string {
	switch kind {
	case "":
		return x
	case "relu":
		return b.op("Relu", x)
	case "relu6":
		return b.clip(x, 0, 6)
	case "sigmoid":
		return b.op("Sigmoid", x)
	case "silu":
		return b.op("Mul", x, b.op("Sigmoid", x))
	case "hardsigmoid":
		return b.hardSigmoid(x)
	case "hardswish":
		if b.newOps {
			return b.op("HardSwish", x)
		}
		return b.op("Mul", x, b.hardSigmoid(x))
	case "gelu":
		return b.gelu(x)
	case "gelu-tanh":
		return b.geluTanh(x)
	}
	panic("zoo: no activation " + kind)
}

// clip bounds x, by attributes before opset 11.
func (b *builder) clip(x string, lo, hi float64) string {
	if b.opset < 11 {
		return b.with("Clip", x, onnxtest.Attrs{"min": lo, "max": hi})
	}
	return b.op("Clip", x, b.scalar(lo), b.scalar(hi))
}

// hardSigmoid is min(max(x+3, 0), 6)/6, which PyTorch's exporter knows as an
// operator and others write out.
func (b *builder) hardSigmoid(x string) string {
	if b.producer == "pytorch" {
		return b.with("HardSigmoid", x, onnxtest.Attrs{"alpha": 1.0 / 6})
	}
	return b.op("Mul", b.clip(b.op("Add", x, b.scalar(3)), 0, 6), b.scalar(1.0/6))
}

// gelu is x·Φ(x), through Erf where there is no Gelu.
func (b *builder) gelu(x string) string {
	if b.newOps && b.opset >= 20 {
		return b.op("Gelu", x)
	}
	erf := b.op("Erf", b.op("Div", x, b.scalar(math.Sqrt2)))
	return b.op("Mul", b.op("Mul", x, b.op("Add", erf, b.scalar(1))), b.scalar(0.5))
}

// geluTanh is the approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
func (b *builder) geluTanh(x string) string {
	if b.newOps && b.opset >= 20 {
		return b.with("Gelu", x, onnxtest.Attrs{"approximate": "tanh"})
	}
	cubed := b.op("Mul", b.op("Pow", x, b.scalar(3)), b.scalar(0.044715))
	t := b.op("Tanh", b.op("Mul", b.op("Add", x, cubed), b.scalar(math.Sqrt(2/math.Pi))))
	return b.op("Mul", b.op("Mul", b.scalar(0.5), x), b.op("Add", t, b.scalar(1)))
}
