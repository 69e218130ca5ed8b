package kernel

import (
	"fmt"
	"math"
)

// A Function is a kind of activation.
type Function int

// The activations. A and B are the fields of Activation.
const (
	Linear       Function = iota // x
	Clip                         // min(max(x, A), B): ReLU is Clip from 0 to infinity
	Leaky                        // x, or A·x when x < 0
	Sigmoid                      // 1 / (1 + e^-x)
	HardSigmoid                  // min(max(A·x + B, 0), 1)
	SiLU                         // x · sigmoid(A·x)
	HardSwish                    // x · min(max(A·x + B, 0), 1)
	Tanh                         // tanh x
	GELU                         // x/2 · (1 + erf(x/√2))
	GELUTanh                     // GELU by its tanh approximation
	ELU                          // x, or A·(e^x − 1) when x < 0
	Softplus                     // ln(1 + e^x)
	Mish                         // x · tanh(ln(1 + e^x))
	Exp                          // e^x
	Sqrt                         // √x
	Erf                          // erf x
	Abs                          // |x|
	Affine                       // A·x + B
	FakeQuantize                 // min(max(x/Scale rounded to even, A), B)·Unit + Shift
)

// An Activation is a pointwise function with its parameters.
type Activation struct {
	Func Function
	A, B float32

	Scale, Unit, Shift float32 // of FakeQuantize; Scale is at least MinScale
}

// ReLU is the activation max(x, 0).
var ReLU = Activation{Func: Clip, A: 0, B: float32(math.Inf(1))}

// Bounds returns the bounds that a kernel's epilogue applies for the activation,
// and whether the activation is no more than that: otherwise Apply must follow.
func (a Activation) Bounds() (lo, hi float32, done bool) {
	inf := float32(math.Inf(1))
	switch a.Func {
	case Linear:
		return -inf, inf, true
	case Clip:
		return a.A, a.B, true
	}
	return -inf, inf, false
}

// Apply replaces every x[i] by the activation's value.
func (s *Set) Apply(a Activation, x []float32) {
	switch a.Func {
	case Linear:
	case Clip:
		s.clip(x, a.A, a.B)
	case Affine:
		s.affine(x, x, a.A, a.B)
	case FakeQuantize:
		s.fakeQuantize(x, a.Scale, 1/a.Scale, a.A, a.B, a.Unit, a.Shift)
	default:
		s.curve(a, x)
	}
}

// curve applies a function by the set's own code where it has any.
func (s *Set) curve(a Activation, x []float32) {
	if f := s.curves[a.Func]; f != nil {
		f(x, a.A, a.B)
		return
	}
	for i, v := range x {
		x[i] = float32(a.at(float64(v)))
	}
}

// at is the reference for all activations that are not just bounds, in float64.
func (a Activation) at(x float64) float64 {
	p, q := float64(a.A), float64(a.B)
	switch a.Func {
	case Leaky:
		if x < 0 {
			return p * x
		}
		return x
	case Sigmoid:
		return sigmoid(x)
	case HardSigmoid:
		return min(max(p*x+q, 0), 1)
	case SiLU:
		return x * sigmoid(p*x)
	case HardSwish:
		return x * min(max(p*x+q, 0), 1)
	case GELU:
		return x / 2 * (1 + math.Erf(x/math.Sqrt2))
	case GELUTanh:
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case ELU:
		if x < 0 {
			return p * math.Expm1(x)
		}
		return x
	case Mish:
		return x * math.Tanh(softplus(x))
	}
	return a.plain(x)
}

func (a Activation) plain(x float64) float64 {
	switch a.Func {
	case Tanh:
		return math.Tanh(x)
	case Softplus:
		return softplus(x)
	case Exp:
		return math.Exp(x)
	case Sqrt:
		return math.Sqrt(x)
	case Erf:
		return math.Erf(x)
	case Abs:
		return math.Abs(x)
	}
	panic(fmt.Sprintf("kernel: no such activation: %d", a.Func))
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}
