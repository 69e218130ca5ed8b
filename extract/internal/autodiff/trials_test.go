package autodiff

import (
	"maps"

	"pgregory.net/rapid"

	"featstore/extract/internal/tensor"
)

// trials draw inputs and attributes for every operator that has a rule.
var trials = map[string]func(t *trial){
	"Add": broadcasting, "Sub": broadcasting, "Mul": broadcasting, "Max": broadcasting, "Min": broadcasting, "Sum": broadcasting,
	"Div": func(t *trial) { a, b := t.pair(); t.input(a...); t.positive(b...) },
	"Pow": func(t *trial) { a, b := t.pair(); t.positive(a...); t.input(b...) },
	"PRelu": func(t *trial) {
		shape := t.shape(2, 4)
		t.input(shape...)
		t.input(shape[1:]...)
	},

	"Log": aboveZero, "Sqrt": aboveZero, "Reciprocal": aboveZero,
	"Clip": func(t *trial) {
		t.input(t.shape(1, 4)...)
		if t.int(0, 1, "attributes") == 1 {
			t.opset = 10
			t.set("min", float32(-0.5))
			t.set("max", float32(1))
			return
		}
		t.in = append(t.in, tensor.New([]float64{-1}), tensor.New([]float64{0.7}))
		t.freeze(1)
		t.freeze(2)
	},
	"Gelu": func(t *trial) {
		t.opset = 20
		t.input(t.shape(1, 4)...)
		t.set("approximate", rapid.SampledFrom([]string{"none", "tanh"}).Draw(t.T, "approximate"))
	},
	"Swish":     func(t *trial) { t.opset = 24; t.parameter("alpha", 1.7) },
	"LeakyRelu": func(t *trial) { t.parameter("alpha", 0.2) },
	"Elu":       func(t *trial) { t.parameter("alpha", 0.7) },
	"HardSigmoid": func(t *trial) {
		t.parameter("alpha", 0.3)
		t.set("beta", float32(0.4))
	},

	"Conv": drawConv, "AveragePool": drawAveragePool, "MaxPool": drawMaxPool,
	"GlobalAveragePool": image, "GlobalMaxPool": image, "ReduceMean": drawReduce, "ReduceSum": drawReduce,

	"Gemm": drawGemm, "MatMul": drawMatMul, "Einsum": drawEinsum, "Attention": drawAttention,

	"Softmax": func(t *trial) {
		shape := t.shape(1, 4)
		t.input(shape...)
		t.opset = int64(t.int(12, 13, "opset"))
		if t.int(0, 1, "say the axis") == 1 || len(shape) == 1 {
			t.set("axis", int64(t.int(-len(shape), len(shape)-1, "axis")))
		}
	},
	"LayerNormalization": func(t *trial) {
		shape := append(t.shape(1, 2), t.int(2, 5, "width"))
		from := t.int(0, len(shape)-1, "axis")
		t.input(shape...)
		t.input(shape[from:]...)
		if t.int(0, 1, "bias") == 1 {
			t.input(shape[from:]...)
		}
		t.set("axis", int64(from-len(shape)*t.int(0, 1, "from the end")))
	},
	"BatchNormalization": func(t *trial) {
		shape := t.shape(2, 4)
		c := shape[1]
		t.input(shape...)
		t.input(c)
		t.input(c)
		t.input(c)
		t.positive(c)
		t.freeze(3)
		t.freeze(4)
		t.set("epsilon", float32(0.01))
	},
	"InstanceNormalization": func(t *trial) {
		x := t.input(t.int(1, 2, "batch"), t.int(1, 3, "channels"), t.int(2, 4, "height"), t.int(1, 3, "width"))
		t.input(x.Shape[1])
		t.input(x.Shape[1])
	},
	"GroupNormalization": func(t *trial) {
		groups, each := t.int(1, 3, "groups"), t.int(1, 3, "each")
		t.input(t.int(1, 2, "batch"), groups*each, t.int(2, 4, "height"), t.int(1, 3, "width"))
		t.opset = rapid.SampledFrom([]int64{18, 21}).Draw(t.T, "opset")
		n := groups
		if t.opset == 21 {
			n *= each
		}
		t.input(n)
		t.input(n)
		t.set("num_groups", int64(groups))
	},
	"LRN": func(t *trial) {
		t.input(t.int(1, 2, "batch"), t.int(1, 7, "channels"), t.int(1, 3, "height"), 2)
		t.set("size", int64(t.int(1, 6, "size")))
		t.set("alpha", float32(0.3))
		t.set("bias", float32(t.int(1, 2, "bias")))
	},
}

func init() {
	for name := range derivatives {
		if trials[name] == nil {
			trials[name] = func(t *trial) { t.input(t.shape(1, 4)...) }
		}
	}
	trials["Mish"] = func(t *trial) { t.input(t.shape(1, 4)...) }
	maps.Copy(trials, moverTrials)
}

func aboveZero(t *trial) { t.positive(t.shape(1, 4)...) }

func image(t *trial) {
	t.input(t.int(1, 2, "batch"), t.int(1, 3, "channels"), t.int(1, 5, "height"), t.int(1, 5, "width"))
}

// parameter adds an input, and an attribute that may be left out.
func (t *trial) parameter(name string, value float32) {
	t.input(t.shape(1, 4)...)
	if t.int(0, 1, name) == 1 {
		t.set(name, value)
	}
}

// pair draws two shapes that broadcast.
func (t *trial) pair() (a, b []int) {
	for _, d := range t.shape(1, 4) {
		switch t.int(0, 3, "stretch") {
		case 0:
			a, b = append(a, 1), append(b, d)
		case 1:
			a, b = append(a, d), append(b, 1)
		default:
			a, b = append(a, d), append(b, d)
		}
	}
	if k := t.int(0, len(b), "shorter"); t.int(0, 1, "which") == 0 {
		return a, b[k:]
	}
	return a[t.int(0, len(a), "shorter"):], b
}

func broadcasting(t *trial) {
	a, b := t.pair()
	t.input(a...)
	t.scaled(4.1, 0.0023, b...)
}
