package kernel

import "math"

// ApplyGradient multiplies every d[i] by the derivative of the activation at x[i]. For
// Clip, x may hold the results in the place of the arguments. scratch has twice as many
// elements.
func (s *Set) ApplyGradient(a Activation, d, x, scratch []float32) {
	x, all, scratch := x[:len(d)], scratch, scratch[:len(d)]
	switch a.Func {
	case Linear:
	case Clip:
		s.ClipGradient(d, x, a.A, a.B)
	case Affine:
		s.affine(d, d, a.A, 0)
	case Sigmoid, Tanh, Exp:
		copy(scratch, x)
		s.Apply(a, scratch)
		multiplyByOwnSlope(a.Func, d, scratch)
	case SiLU:
		s.Affine(scratch, x, a.A, 0)
		s.Apply(Activation{Func: Sigmoid}, scratch)
		for i, p := range scratch {
			d[i] *= p * (1 + a.A*x[i]*(1-p))
		}
	case GELU:
		s.geluGradient(d, x, scratch, all[len(d):2*len(d)])
	default:
		for i, v := range x {
			d[i] *= float32(a.slope(float64(v)))
		}
	}
}

// multiplyByOwnSlope is for functions whose derivative follows from their value y.
func multiplyByOwnSlope(f Function, d, y []float32) {
	switch f {
	case Sigmoid:
		for i, v := range y {
			d[i] *= v * (1 - v)
		}
	case Tanh:
		for i, v := range y {
			d[i] *= 1 - v*v
		}
	case Exp:
		for i, v := range y {
			d[i] *= v
		}
	}
}

// geluGradient: the derivative is Φ(x) + x·φ(x), with the normal distribution's
// function and density.
func (s *Set) geluGradient(d, x, cumulated, density []float32) {
	s.Affine(cumulated, x, 1/math.Sqrt2, 0)
	copy(density, cumulated)
	s.Apply(Activation{Func: Erf}, cumulated)
	s.MulInto(density, density)
	s.Affine(density, density, -1, 0)
	s.Apply(Activation{Func: Exp}, density)
	const norm = 0.3989422804014327 // 1/√2π
	for i, v := range x {
		d[i] *= 0.5 + 0.5*cumulated[i] + v*norm*density[i]
	}
}

// slope is the derivative of every activation in float64: the reference. Where there
// is none it is that of one side, as PyTorch has it.
func (a Activation) slope(x float64) float64 {
	p, q := float64(a.A), float64(a.B)
	inside := func(v float64) float64 { // the slope of bounding to 0…1
		if v > 0 && v < 1 {
			return 1
		}
		return 0
	}
	switch a.Func {
	case Linear:
		return 1
	case Affine:
		return p
	case Clip:
		if p < x && x < q {
			return 1
		}
		return 0
	case Leaky:
		if x < 0 {
			return p
		}
		return 1
	case HardSigmoid:
		return p * inside(p*x+q)
	case HardSwish:
		return min(max(p*x+q, 0), 1) + x*p*inside(p*x+q)
	case ELU:
		if x < 0 {
			return p * math.Exp(x)
		}
		return 1
	case Sigmoid:
		return sigmoid(x) * (1 - sigmoid(x))
	case SiLU:
		s := sigmoid(p * x)
		return s * (1 + p*x*(1-s))
	}
	return a.smoothSlope(x)
}

func (a Activation) smoothSlope(x float64) float64 {
	switch a.Func {
	case Tanh:
		t := math.Tanh(x)
		return 1 - t*t
	case GELU:
		return 0.5*(1+math.Erf(x/math.Sqrt2)) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	case GELUTanh:
		k := math.Sqrt(2 / math.Pi)
		t := math.Tanh(k * (x + 0.044715*x*x*x))
		return 0.5*(1+t) + 0.5*x*(1-t*t)*k*(1+3*0.044715*x*x)
	case Softplus:
		return sigmoid(x)
	case Mish:
		t, s := math.Tanh(softplus(x)), sigmoid(x)
		return t + x*(1-t*t)*s
	case Exp:
		return math.Exp(x)
	case Sqrt:
		return 0.5 / math.Sqrt(x)
	case Erf:
		return 2 / math.Sqrt(math.Pi) * math.Exp(-x*x)
	case Abs:
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
	}
	return 0 // of steps, as of FakeQuantize
}
