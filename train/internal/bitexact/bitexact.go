// Package bitexact computes exponentials and logarithms whose every bit is the
// same on every machine.
//
// math.Exp and math.Log are assembly on some architectures and Go on others, and
// a Go compiler may fuse x*y + z into one rounding where the machine can (arm64,
// GOAMD64=v3). Either would make a trained head differ by machine. Here each
// product is rounded by an explicit conversion, which the language forbids to
// fuse, and only operations that IEEE 754 rounds exactly are used.
package bitexact

import "math"

const (
	log2e = 1 / math.Ln2
	// ln 2 in two parts: the first has 21 trailing zero bits, so that k·ln2Hi is
	// exact for every exponent k.
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10

	expMax = 709.78 // e^expMax is just below the largest float64
	expMin = -708.3 // e^expMin is just above the smallest normal float64
)

// expTaylor holds 1/n! for n = 2…13: on |r| ≤ ln2/2 the first term left out is
// below 1e-17.
var expTaylor = [...]float64{
	1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
	1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
}

// Exp returns e^x to within two units in the last place. Results that would be
// subnormal are 0; those too large are +Inf.
func Exp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > expMax:
		return math.Inf(1)
	case x < expMin:
		return 0
	}
	// x = k·ln2 + r with |r| ≤ ln2/2, so e^x = 2^k · e^r.
	k := math.Floor(float64(x*log2e) + 0.5)
	r := x - float64(k*ln2Hi)
	r -= float64(k * ln2Lo)
	// The tail beyond 1 + r, by Horner's rule.
	p := expTaylor[len(expTaylor)-1]
	for i := len(expTaylor) - 2; i >= 0; i-- {
		p = float64(p*r) + expTaylor[i]
	}
	p = 1 + (r + float64(float64(r*r)*p))
	if k > 1023 { // 2^k alone would overflow
		return float64(p*2) * math.Float64frombits(uint64(k-1+1023)<<52)
	}
	return p * math.Float64frombits(uint64(k+1023)<<52)
}

// Log returns the natural logarithm of x to within two units in the last place:
// NaN for x < 0, -Inf for 0.
func Log(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	m, e := math.Frexp(x) // x = m·2^e, ½ ≤ m < 1
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	// ln m = 2·atanh(s) with s = (m-1)/(m+1), |s| ≤ 0.172.
	s := (m - 1) / (m + 1)
	q := float64(s * s)
	p := 0.0
	for n := 21.0; n >= 3; n -= 2 { // q^11/23 is below 1e-17
		p = float64((p + 1/n) * q)
	}
	k := float64(e)
	return float64(k*ln2Hi) + (float64(k*ln2Lo) + 2*(s+float64(s*p)))
}
