package kernel

import "math"

// ApplyExactly is Portable().Apply with the same bits on every machine: package math has
// assembly for some processors, and a compiler may fuse a product and a sum. It is for a
// few values, of which tables are made.
func ApplyExactly(a Activation, x []float32) {
	switch a.Func {
	case Linear, Clip, FakeQuantize:
		portable.Apply(a, x)
	case Affine:
		fusedAffine(x, x, a.A, a.B)
	default:
		for i, v := range x {
			x[i] = float32(a.exactAt(float64(v)))
		}
	}
}

// exactAt is at by additions, explicitly rounded products and divisions, and square roots.
func (a Activation) exactAt(x float64) float64 {
	p, q := float64(a.A), float64(a.B)
	switch a.Func {
	case Leaky:
		if x < 0 {
			return p * x
		}
		return x
	case Sigmoid:
		return exactSigmoid(x)
	case HardSigmoid:
		return min(max(float64(p*x)+q, 0), 1)
	case SiLU:
		return x * exactSigmoid(float64(p*x))
	case HardSwish:
		return x * min(max(float64(p*x)+q, 0), 1)
	case GELU:
		return x / 2 * (1 + exactErf(x/math.Sqrt2))
	case GELUTanh:
		return x / 2 * (1 + exactTanh(float64(math.Sqrt(2/math.Pi)*(x+float64(0.044715*x*x*x)))))
	case ELU:
		if x < 0 {
			return p * (exactExp(x) - 1)
		}
		return x
	case Mish:
		return x * exactTanh(exactSoftplus(x))
	case Tanh:
		return exactTanh(x)
	case Softplus:
		return exactSoftplus(x)
	case Exp:
		return exactExp(x)
	case Erf:
		return exactErf(x)
	}
	return a.plain(x) // square roots and signs are exact everywhere
}

// exactExp is e^x: 2^n times the Taylor series of the rest.
func exactExp(x float64) float64 {
	if x > 709 {
		return math.Inf(1)
	}
	if x < -745 {
		return 0
	}
	const ln2High, ln2Low = 6.93147180369123816490e-01, 1.90821492927058770002e-10 // FreeBSD's e_exp.c
	n := math.RoundToEven(x / math.Ln2)
	r := x - float64(n*ln2High) - float64(n*ln2Low)
	sum, term := 1.0, 1.0
	for k := 1.0; k <= 20; k++ {
		term = float64(term*r) / k
		sum += term
	}
	return math.Ldexp(sum, int(n))
}

func exactSigmoid(x float64) float64 {
	if x < 0 {
		e := exactExp(x)
		return e / (1 + e)
	}
	return 1 / (1 + exactExp(-x))
}

func exactTanh(x float64) float64 {
	e := exactExp(-2 * math.Abs(x))
	return math.Copysign((1-e)/(1+e), x)
}

// exactSoftplus is ln(1 + e^x), by the series of the inverse hyperbolic tangent.
func exactSoftplus(x float64) float64 {
	e := exactExp(-math.Abs(x))
	z := e / (2 + e)
	sum, power := 0.0, z
	for k := 1.0; k < 60; k += 2 {
		sum += power / k
		power = float64(power * z * z)
	}
	return max(x, 0) + float64(2*sum)
}

// exactErf is erf x by 2/√π·e^(−x²)·Σ 2^k·x^(2k+1)/(1·3·…·(2k+1)) (Abramowitz and Stegun, 7.1.6).
func exactErf(x float64) float64 {
	if math.Abs(x) > 6 {
		return math.Copysign(1, x)
	}
	sum, term := x, x
	for k := 1.0; k < 200; k++ {
		term = float64(float64(term*2)*float64(x*x)) / float64(2*k+1)
		sum += term
	}
	return float64(2 / math.Sqrt(math.Pi) * float64(exactExp(-float64(x*x))*sum))
}
