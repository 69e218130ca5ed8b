package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// fusedByBig returns a·b + c, rounded once.
func fusedByBig(a, b, c float32) float32 {
	exact := func(x float32) *big.Float { return new(big.Float).SetPrec(600).SetFloat64(float64(x)) }
	v, _ := new(big.Float).SetPrec(600).Add(exact(a).Mul(exact(a), exact(b)), exact(c)).Float32()
	return v
}

// TestFMA: also where a product is just beside the middle between two float32, by less
// than a float64 can tell.
func TestFMA(t *testing.T) {
	check := func(a, b, c float32) {
		t.Helper()
		if got, want := fma(a, b, c), fusedByBig(a, b, c); got != want {
			t.Fatalf("%v·%v + %v = %v, not %v", a, b, c, got, want)
		}
	}
	for _, tiny := range []float32{1e-20, -1e-20, math.SmallestNonzeroFloat32, 0} {
		for _, m := range []float32{1, -1} {
			check(1<<12+1, m*(1<<12), tiny*m)       // 25 bits
			check(1<<13+1, m*(1<<12-1), tiny)       // 26 bits
			check(m*(1+1.0/(1<<12)), 1<<12+1, tiny) // ends in the middle
			check(1<<24+2, m, 1+tiny)
		}
	}
	rng := rand.New(rand.NewPCG(41, 42))
	for range 200_000 {
		a, b, c := float32(rng.IntN(1<<26)-1<<25), rng.Float32(), rng.Float32()-0.5
		switch rng.IntN(3) {
		case 0:
			c *= float32(math.Exp2(float64(rng.IntN(80) - 60)))
		case 1:
			b = float32(rng.IntN(64)) / 64
			c = float32(math.Exp2(float64(-rng.IntN(100))))
		}
		check(a, b, c)
	}
	for _, x := range []float32{float32(math.Inf(1)), math.MaxFloat32} {
		if got := fma(x, 2, -1); !math.IsInf(float64(got), 1) {
			t.Errorf("%v·2 − 1 = %v", x, got)
		}
	}
	if got := fma(float32(math.Inf(1)), 0, 1); got == got {
		t.Errorf("∞·0 + 1 = %v", got)
	}
}

// TestExactSetsGiveTheSameBits: products, depthwise convolutions, and what scales and shifts.
func TestExactSetsGiveTheSameBits(t *testing.T) {
	for _, s := range Sets() {
		t.Run(s.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(43, 44))
			for range 100 {
				exactProduct(t, s.Exact(), rng)
				exactDepthwise(t, s.Exact(), rng)
				x, scale, shift := random(rng, rng.IntN(70)), rng.Float32(), rng.Float32()
				got := make([]float32, len(x))
				s.Exact().Affine(got, x, scale, shift)
				for i, v := range x {
					if want := fma(v, scale, shift); got[i] != want {
						t.Fatalf("%v·%v + %v = %v, not %v", v, scale, shift, got[i], want)
					}
				}
			}
		})
	}
}

func exactProduct(t *testing.T, s *Set, rng *rand.Rand) {
	t.Helper()
	m, n, k := 1+rng.IntN(20), 1+rng.IntN(100), 1+rng.IntN(60)
	a, w, bias, res := random(rng, m*k), random(rng, n*k), random(rng, n), random(rng, m*n)
	got := make([]float32, m*n)
	for _, q := range s.Pack(n, k, w, bias).Panels {
		q.Multiply(&Tile{A: a, Offs: []int{0}, K: k, LDA: k, C: got[q.Col:], LDC: n, R: res[q.Col:], LDR: n, Lo: -2, Hi: 3}, m)
	}
	for i := range got {
		want := bias[i%n]
		for x := range k {
			want = fma(a[i/n*k+x], w[i%n*k+x], want)
		}
		if want = clip(want+res[i], -2, 3); got[i] != want {
			t.Fatalf("%d×%d×%d: value %d is %v, not %v", m, n, k, i, got[i], want)
		}
	}
}

func exactDepthwise(t *testing.T, s *Set, rng *rand.Rand) {
	t.Helper()
	size, step, c, n := 1+rng.IntN(7), 1+rng.IntN(3), 1+rng.IntN(60), 1+rng.IntN(20)
	row := ((n-1)*step + size) * c
	d := &Depthwise{In: random(rng, size*row), KW: size, Tap: c, Step: step * c, W: random(rng, size*size*c), LDW: c, Bias: random(rng, c), C: c,
		Out: make([]float32, n*c), LDO: c, N: n, Lo: -4, Hi: 4}
	for y := range size {
		d.Rows = append(d.Rows, y*row)
	}
	all := *d
	s.Depthwise(d)
	for i, got := range all.Out {
		p, channel := i/c, i%c
		want := all.Bias[channel]
		for tap := range size * size {
			want = fma(all.In[p*all.Step+tap/size*row+tap%size*c+channel], all.W[tap*c+channel], want)
		}
		if want = clip(want, -4, 4); got != want {
			t.Fatalf("%d×%d, step %d, %d channels: pixel %d channel %d is %v, not %v", size, size, step, c, p, channel, got, want)
		}
	}
}
