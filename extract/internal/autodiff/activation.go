package autodiff

import (
	"math"

	"featstore/extract/internal/tensor"
)

// A derivative of a function of one number, from its argument x and result y.
type derivative func(x, y float64) float64

// derivatives are those of the operators that apply a function to every element, from
// the node's attributes. A bound that is an input gets no gradient.
var derivatives = map[string]func(s *step) derivative{
	"Abs":     plain(func(x, _ float64) float64 { return math.Copysign(1, x) }),
	"Erf":     plain(func(x, _ float64) float64 { return 2 / math.Sqrt(math.Pi) * math.Exp(-x*x) }),
	"Exp":     plain(func(_, y float64) float64 { return y }),
	"Log":     plain(func(x, _ float64) float64 { return 1 / x }),
	"Neg":     plain(func(_, _ float64) float64 { return -1 }),
	"Sqrt":    plain(func(_, y float64) float64 { return 1 / (2 * y) }),
	"Sigmoid": plain(func(_, y float64) float64 { return y * (1 - y) }),
	"Tanh":    plain(func(_, y float64) float64 { return 1 - y*y }),

	"Relu":        plain(func(x, _ float64) float64 { return between(x, 0, math.Inf(1)) }),
	"Clip":        clip,
	"LeakyRelu":   leaky,
	"Elu":         elu,
	"HardSigmoid": hardSigmoid,
	"HardSwish":   plain(hardSwish),

	"Reciprocal": plain(func(_, y float64) float64 { return -y * y }),
	"Softplus":   plain(func(x, _ float64) float64 { return logistic(x) }),
	"Swish":      swish,
	"Mish":       plain(mish),
	"Gelu":       gelu,
}

func plain(d derivative) func(*step) derivative { return func(*step) derivative { return d } }

// elementwise: dx = dy·f′(x).
func elementwise(s *step) error {
	d := derivatives[s.Op](s)
	if d == nil {
		return ErrNoRule
	}
	x, y := s.x(0), s.y()
	s.dx[0] = make([]float64, len(x))
	for i, dy := range s.dy[0] {
		s.dx[0][i] = dy * d(x[i], y[i])
	}
	return nil
}

// between is 1 where lo < x < hi and 0 elsewhere: the derivative of a bounded x.
func between(x, lo, hi float64) float64 {
	if lo < x && x < hi {
		return 1
	}
	return 0
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// clip: 1 between the bounds, which are attributes before opset 11 and inputs since.
func clip(s *step) derivative {
	lo, hi := math.Inf(-1), math.Inf(1)
	if s.opset < 11 {
		lo, hi = float64(s.Float("min", -math.MaxFloat32)), float64(s.Float("max", math.MaxFloat32))
	}
	for i, bound := range []*float64{&lo, &hi} {
		if s.real(i + 1) {
			*bound = tensor.Values[float64](s.in[i+1])[0]
		}
	}
	return func(x, _ float64) float64 { return between(x, lo, hi) }
}

// leaky: 1 for positive x, α else.
func leaky(s *step) derivative {
	alpha := float64(s.Float("alpha", 0.01))
	return func(x, _ float64) float64 {
		if x < 0 {
			return alpha
		}
		return 1
	}
}

// elu: of α(eˣ−1) for negative x, αeˣ.
func elu(s *step) derivative {
	alpha := float64(s.Float("alpha", 1))
	return func(x, _ float64) float64 {
		if x < 0 {
			return alpha * math.Exp(x)
		}
		return 1
	}
}

// hardSigmoid: of αx+β between 0 and 1, α.
func hardSigmoid(s *step) derivative {
	alpha := float64(s.Float("alpha", 0.2))
	return func(_, y float64) float64 { return alpha * between(y, 0, 1) }
}

// hardSwish: of x(x+3)/6 between −3 and 3, (2x+3)/6; 1 above and 0 below.
func hardSwish(x, _ float64) float64 {
	switch {
	case x <= -3:
		return 0
	case x >= 3:
		return 1
	}
	return (2*x + 3) / 6
}

// swish: of x·σ(αx), with σ the logistic function, σ + αx·σ(1−σ).
func swish(s *step) derivative {
	alpha := float64(s.Float("alpha", 1))
	return func(x, _ float64) float64 {
		l := logistic(alpha * x)
		return l + alpha*x*l*(1-l)
	}
}

// mish: of x·t with t = tanh(ln(1+eˣ)), t + x(1−t²)σ(x).
func mish(x, _ float64) float64 {
	t := math.Tanh(math.Log1p(math.Exp(x)))
	return t + x*(1-t*t)*logistic(x)
}

// gelu: of x·Φ(x), Φ + x·φ with the normal density φ; of its approximation
// x(1+t)/2 with t = tanh u and u = √(2/π)(x + 0.044715x³), (1+t)/2 + x(1−t²)u′/2.
func gelu(s *step) derivative {
	if s.Text("approximate", "none") == "none" {
		return func(x, _ float64) float64 {
			return (1+math.Erf(x/math.Sqrt2))/2 + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
		}
	}
	root := math.Sqrt(2 / math.Pi)
	return func(x, _ float64) float64 {
		t := math.Tanh(root * (x + 0.044715*x*x*x))
		return (1+t)/2 + x*(1-t*t)*root*(1+3*0.044715*x*x)/2
	}
}
