package op

import (
	"math"
	"slices"

	"featstore/extract/internal/tensor"
)

func relu(v float64) float64     { return max(v, 0) }
func reluInt(v int64) int64      { return max(v, 0) }
func sigmoid(v float64) float64  { return 1 / (1 + math.Exp(-v)) }
func softsign(v float64) float64 { return v / (1 + math.Abs(v)) }
func mish(v float64) float64     { return v * math.Tanh(softplus(v)) }
func geluErf(v float64) float64  { return 0.5 * v * (1 + math.Erf(v/math.Sqrt2)) }

// softplus is ln(1+eˣ), written so that large x does not overflow.
func softplus(v float64) float64 { return max(v, 0) + math.Log1p(math.Exp(-math.Abs(v))) }

// geluTanh is the approximation by tanh, https://arxiv.org/abs/1606.08415.
func geluTanh(v float64) float64 {
	return 0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
}

// hardSwish is x·HardSigmoid(x) with α = 1/6 and β = 0.5.
func hardSwish(v float64) float64 { return v * min(max(v/6+0.5, 0), 1) }

// scaled makes a unary operator with the parameter "alpha".
func scaled(def float32, f func(v, alpha float64) float64) impl {
	return func(c *call) []*tensor.Tensor {
		alpha := c.real("alpha", def)
		return one(c.each(c.float(0), func(v float64) float64 { return f(v, alpha) }))
	}
}

func leakyRelu(v, alpha float64) float64 {
	if v < 0 {
		return alpha * v
	}
	return v
}

func thresholdedRelu(v, alpha float64) float64 {
	if v > alpha {
		return v
	}
	return 0
}

func elu(v, alpha float64) float64 {
	if v < 0 {
		return alpha * math.Expm1(v)
	}
	return v
}

func celu(v, alpha float64) float64 { return max(v, 0) + min(0, alpha*math.Expm1(v/alpha)) }

// swish is x·sigmoid(αx): SiLU with α = 1.
func swish(v, alpha float64) float64 { return v * sigmoid(alpha*v) }

func selu(c *call) []*tensor.Tensor {
	alpha, gamma := float32(1.67326319217681884765625), float32(1.05070102214813232421875)
	if c.opset < 6 {
		alpha, gamma = 1.6732, 1.0507
	}
	a, g := c.real("alpha", alpha), c.real("gamma", gamma)
	return one(c.each(c.float(0), func(v float64) float64 { return g * elu(v, a) }))
}

func hardSigmoid(c *call) []*tensor.Tensor {
	a, b := c.real("alpha", 0.2), c.real("beta", 0.5)
	return one(c.each(c.float(0), func(v float64) float64 { return min(max(a*v+b, 0), 1) }))
}

func shrink(c *call) []*tensor.Tensor {
	bias, lambda := c.real("bias", 0), c.real("lambd", 0.5)
	f := func(v float64) float64 {
		switch {
		case v < -lambda:
			return v + bias
		case v > lambda:
			return v - bias
		}
		return 0
	}
	x := c.input(0)
	if isFloat(x.DType) {
		return one(c.each(x, f))
	}
	return one(c.integers(x.DType, x.Shape, func(out []int64) {
		for i, v := range numbersOf(x) {
			out[i] = toInt(f(v))
		}
	}))
}

func gelu(c *call) []*tensor.Tensor {
	switch a := attr(c, "approximate", "none"); a {
	case "none":
		return one(c.each(c.float(0), geluErf))
	case "tanh":
		return one(c.each(c.float(0), geluTanh))
	default:
		unsupported("approximate=%q", a)
	}
	return nil
}

// prelu is the leaky rectifier with a slope for each element, broadcast to x.
func prelu(c *call) []*tensor.Tensor {
	x, slope := c.input(0), c.input(1)
	require(x.DType == slope.DType, "inputs of types %v and %v", x.DType, slope.DType)
	if n := len(x.Shape); c.opset < 7 && len(slope.Shape) == 1 && n > 1 { // one slope a channel
		shape := make([]int, n-1)
		for i := range shape {
			shape[i] = 1
		}
		shape[0] = slope.Shape[0]
		slope = c.reshaped(slope, shape)
	}
	stretchedStrides(slope.Shape, x.Shape) // only the slope may stretch
	return one(c.combine(x, slope, leakyRelu, func(v, a int64) int64 {
		if v < 0 {
			return a * v
		}
		return v
	}, func(v, _ uint64) uint64 { return v }))
}

// swiGLU is swish of the first input times the second, of the same shape.
func swiGLU(c *call) []*tensor.Tensor {
	a, b := c.float(0), c.float(1)
	require(a.DType == b.DType && slices.Equal(a.Shape, b.Shape), "inputs %v and %v", a, b)
	alpha := c.real("alpha", 1)
	return one(c.combine(a, b, func(x, y float64) float64 { return swish(x, alpha) * y }, nil, nil))
}
