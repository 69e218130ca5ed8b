package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// eachSet runs f for every set that this machine has.
func eachSet(t *testing.T, f func(t *testing.T, s *Set)) {
	for _, s := range Sets() {
		t.Run(s.Name, func(t *testing.T) { f(t, s) })
	}
}

const guard = 64 // floats before and after everything that a kernel writes

// guarded returns n floats inside a larger slice full of a canary, and a check
// that the canary still stands.
func guarded(n int) ([]float32, func(t *testing.T)) {
	all := make([]float32, n+2*guard)
	for i := range all {
		all[i] = canary
	}
	return all[guard : guard+n], func(t *testing.T) {
		t.Helper()
		for i, v := range all {
			if (i < guard || i >= guard+n) && v != canary {
				t.Fatalf("float %d of %d was overwritten", i-guard, n)
			}
		}
	}
}

const canary = -12345.678

func random(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func near(got, want, scale float64) bool { return math.Abs(got-want) <= 1e-5*(scale+1) }

// A productCase is one product with everything that a caller can vary.
type productCase struct {
	m, n, segments, k int
	gapA, gapC        int // floats between rows
	residual          bool
	lo, hi            float32
}

func TestProductAgainstReference(t *testing.T) {
	inf := float32(math.Inf(1))
	cases := []productCase{
		{m: 1, n: 1, segments: 1, k: 1, lo: -inf, hi: inf},
		{m: 7, n: 24, segments: 3, k: 9, gapA: 5, lo: 0, hi: 6},
		{m: 33, n: 100, segments: 2, k: 31, gapC: 3, residual: true, lo: 0, hi: inf},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		cases = append(cases, productCase{
			m: 1 + rng.IntN(70), n: 1 + rng.IntN(150), segments: 1 + rng.IntN(4), k: 1 + rng.IntN(40),
			gapA: rng.IntN(20), gapC: rng.IntN(20), residual: rng.IntN(2) == 0, lo: -1, hi: 1.5,
		})
	}
	eachSet(t, func(t *testing.T, s *Set) {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%dx%dx%dx%d", c.m, c.n, c.segments, c.k), func(t *testing.T) { c.run(t, s, rng) })
		}
	})
}

func (c productCase) run(t *testing.T, s *Set, rng *rand.Rand) {
	k := c.segments * c.k
	weights, bias := random(rng, c.n*k), random(rng, c.n)
	offs := make([]int, c.segments) // segments overlap partly and run backwards
	for i := range offs {
		offs[i] = (c.segments - 1 - i) * (c.k/2 + 1)
	}
	lda := c.k + c.gapA
	a := random(rng, (c.m-1)*lda+(c.segments-1)*(c.k/2+1)+c.k)
	ldc := c.n + c.gapC
	out, check := guarded((c.m-1)*ldc + c.n)
	var res []float32
	if c.residual {
		res = random(rng, len(out))
	}
	for _, q := range s.Pack(c.n, k, weights, bias).Panels {
		tile := Tile{A: a, Offs: offs, K: c.k, LDA: lda, C: out[q.Col:], LDC: ldc, Lo: c.lo, Hi: c.hi, LDR: ldc}
		if c.residual {
			tile.R = res[q.Col:]
		}
		q.Multiply(&tile, c.m)
	}
	check(t)
	for i := range c.m {
		for j := range ldc {
			if i*ldc+j >= len(out) {
				break
			}
			got := float64(out[i*ldc+j])
			if j >= c.n {
				if got != float64(float32(canary)) {
					t.Fatalf("row %d: wrote behind column %d", i, c.n)
				}
				continue
			}
			sum, scale := float64(bias[j]), 0.0
			for x := range k {
				p := float64(a[i*lda+offs[x/c.k]+x%c.k]) * float64(weights[j*k+x])
				sum, scale = sum+p, scale+math.Abs(p)
			}
			if c.residual {
				sum += float64(res[i*ldc+j])
			}
			want := min(max(sum, float64(c.lo)), float64(c.hi))
			if !near(got, want, scale) {
				t.Fatalf("row %d column %d: got %v, want %v", i, j, got, want)
			}
		}
	}
}

func TestDepthwiseAgainstReference(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		rng := rand.New(rand.NewPCG(3, 4))
		for range 200 {
			kernel := []int{1, 2, 3, 3, 3, 4, 5, 5, 5, 7}[rng.IntN(10)]
			d := &Depthwise{KW: kernel, C: 1 + rng.IntN(80), N: 1 + rng.IntN(23), Lo: -1, Hi: 2}
			rows, stride := kernel, 1+rng.IntN(3)
			d.Tap = d.C + rng.IntN(2)*rng.IntN(9)
			d.Step = stride * d.Tap
			width := (d.N-1)*d.Step + (kernel-1)*d.Tap + d.C
			for y := range rows {
				d.Rows = append(d.Rows, y*(width+3))
			}
			d.In = random(rng, (rows-1)*(width+3)+width)
			d.W, d.Bias = random(rng, rows*kernel*d.C), random(rng, d.C)
			d.LDW = d.C
			d.LDO = d.C + rng.IntN(2)*rng.IntN(9)
			testDepthwise(t, s, d)
		}
	})
}

func testDepthwise(t *testing.T, s *Set, d *Depthwise) {
	t.Helper()
	out, check := guarded((d.N-1)*d.LDO + d.C)
	d.Out = out
	s.Depthwise(d)
	check(t)
	for i, v := range out {
		p, c := i/d.LDO, i%d.LDO
		if c >= d.C {
			if v != canary {
				t.Fatalf("pixel %d: wrote behind channel %d", p, d.C)
			}
			continue
		}
		sum, scale := float64(d.Bias[c]), 0.0
		for y, row := range d.Rows {
			for x := range d.KW {
				q := float64(d.In[p*d.Step+row+x*d.Tap+c]) * float64(d.W[(y*d.KW+x)*d.C+c])
				sum, scale = sum+q, scale+math.Abs(q)
			}
		}
		if want := min(max(sum, float64(d.Lo)), float64(d.Hi)); !near(float64(v), want, scale) {
			t.Fatalf("%d×%d step %d, %d channels: pixel %d channel %d: got %v, want %v",
				len(d.Rows), d.KW, d.Step/d.Tap, d.C, p, c, v, want)
		}
	}
}

func TestTransformAgainstReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	eachSet(t, func(t *testing.T, s *Set) {
		for range 150 {
			x := Transform{NIn: 1 + rng.IntN(12), NOut: 1 + rng.IntN(MaxOutputs), Lines: 1 + rng.IntN(5), C: 1 + rng.IntN(70), Lo: -1, Hi: 1.5}
			x.LDM = x.NOut + rng.IntN(3)
			x.M = random(rng, x.NIn*x.LDM)
			if rng.IntN(2) == 0 {
				x.Bias = random(rng, x.C)
			}
			checkTransform(t, rng, s, x)
		}
	})
}

// checkTransform lays out x at random, with something to add or not.
func checkTransform(t *testing.T, rng *rand.Rand, s *Set, x Transform) {
	t.Helper()
	x.InStep, x.OutStep, x.RStep = x.C+rng.IntN(5), x.C+rng.IntN(5), x.C+rng.IntN(5)
	x.InLine, x.OutLine, x.RLine = x.InStep*x.NIn, x.OutStep*x.NOut, x.RStep*x.NOut
	x.In = random(rng, (x.Lines-1)*x.InLine+(x.NIn-1)*x.InStep+x.C)
	if rng.IntN(2) == 0 {
		x.R = random(rng, (x.Lines-1)*x.RLine+(x.NOut-1)*x.RStep+x.C)
	}
	n := (x.Lines-1)*x.OutLine + (x.NOut-1)*x.OutStep + x.C
	want, check := guarded(n)
	x.Out = want
	transform(&x)
	check(t)
	got, check := guarded(n)
	y := x
	y.Out = got
	if x.R != nil && rng.IntN(2) == 0 { // what is added may lie where the results go
		for l := range x.Lines {
			for o := range x.NOut {
				copy(got[l*x.OutLine+o*x.OutStep:][:x.C], x.R[l*x.RLine+o*x.RStep:])
			}
		}
		y.R, y.RStep, y.RLine = got, x.OutStep, x.OutLine
	}
	s.Transform(&y)
	check(t)
	for i := range got {
		if !near(float64(got[i]), float64(want[i]), 20) {
			t.Fatalf("%d → %d, %d channels: float %d: got %v, want %v", x.NIn, x.NOut, x.C, i, got[i], want[i])
		}
	}
}

// TestWinogradAgainstReference runs every Winograd kernel as it is used: for all of its
// outputs or only the first ones, with and without an epilogue.
func TestWinogradAgainstReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	eachSet(t, func(t *testing.T, s *Set) {
		for i := range s.winograd {
			c := &s.winograd[i]
			for range 60 {
				x := Transform{NIn: c.nIn, NOut: c.nOut - rng.IntN(2), M: c.m, LDM: c.nOut, Lines: 1 + rng.IntN(5), C: 1 + rng.IntN(70),
					Lo: float32(math.Inf(-1)), Hi: float32(math.Inf(1)), Winograd: s.Winograd(c.nIn, c.nOut, slices.Clone(c.m))}
				if x.Winograd != c {
					t.Fatalf("the kernel for the matrix of %d → %d is not found", c.nIn, c.nOut)
				}
				if rng.IntN(2) == 0 {
					x.Lo, x.Hi, x.Bias = -1, 1.5, random(rng, x.C)
				}
				checkTransform(t, rng, s, x)
			}
		}
	})
}

func TestPointwiseAgainstReference(t *testing.T) {
	ops := map[string]struct {
		run  func(s *Set, dst, src []float32)
		want func(d, s float32) float32
	}{
		"max":    {(*Set).MaxInto, func(d, s float32) float32 { return max(d, s) }},
		"add":    {(*Set).AddInto, func(d, s float32) float32 { return d + s }},
		"mul":    {(*Set).MulInto, func(d, s float32) float32 { return d * s }},
		"affine": {func(s *Set, d, x []float32) { s.Affine(d, x, 2, 1) }, func(_, s float32) float32 { return 2*s + 1 }},
		"clip": {func(s *Set, d, _ []float32) { s.Apply(Activation{Func: Clip, A: -0.5, B: 0.25}, d) },
			func(d, _ float32) float32 { return min(max(d, -0.5), 0.25) }},
	}
	eachSet(t, func(t *testing.T, s *Set) {
		rng := rand.New(rand.NewPCG(5, 6))
		for name, op := range ops {
			for n := range 70 {
				dst, check := guarded(n)
				before, src := random(rng, n), random(rng, n)
				copy(dst, before)
				op.run(s, dst, src)
				check(t)
				for i := range dst {
					if want := op.want(before[i], src[i]); !near(float64(dst[i]), float64(want), 1) {
						t.Fatalf("%s: float %d of %d: got %v, want %v", name, i, n, dst[i], want)
					}
				}
			}
		}
	})
}

func TestInverseRootsAgainstReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	eachSet(t, func(t *testing.T, s *Set) {
		for n := range 70 {
			x, check := guarded(n)
			for i := range x {
				x[i] = float32(math.Exp(10 * rng.NormFloat64()))
			}
			before := slices.Clone(x)
			s.InverseRoots(x)
			check(t)
			for i, v := range before {
				if want := math.Pow(float64(v), -0.75); math.Abs(float64(x[i])-want) > 1e-6*want {
					t.Fatalf("float %d of %d: got %v for %v, want %v", i, n, x[i], v, want)
				}
			}
		}
	})
}

func TestActivationsAgainstReference(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for f := Leaky; f <= Abs; f++ {
			a := Activation{Func: f, A: 0.75, B: 0.5}
			for n := range 40 {
				x, check := guarded(n)
				for i := range x {
					x[i] = float32(i*n%61) - 30 + float32(n)/50
					if f == Sqrt {
						x[i] = max(x[i], -x[i])
					}
				}
				want := make([]float64, n)
				for i := range x {
					want[i] = a.at(float64(x[i]))
				}
				s.Apply(a, x)
				check(t)
				for i := range x {
					if math.Abs(float64(x[i])-want[i]) > 2e-6*max(1, math.Abs(want[i])) {
						t.Fatalf("function %d: float %d of %d: got %v, want %v", f, i, n, x[i], want[i])
					}
				}
			}
		}
	})
}

func TestRowsAgainstReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	eachSet(t, func(t *testing.T, s *Set) {
		for n := 1; n < 150; n++ {
			src, scale, shift := random(rng, n), random(rng, n), random(rng, n)
			soft, check := guarded(n)
			copy(soft, src)
			s.Softmax(soft, 1)
			check(t)
			norm, check := guarded(n)
			s.LayerNorm(norm, src, scale, shift, 1e-5)
			check(t)
			var sum, mean, variance float64
			for _, v := range src {
				sum, mean = sum+math.Exp(float64(v)), mean+float64(v)/float64(n)
			}
			for _, v := range src {
				variance += (float64(v) - mean) * (float64(v) - mean) / float64(n)
			}
			for i, v := range src {
				if want := math.Exp(float64(v)) / sum; !near(float64(soft[i]), want, 0) {
					t.Fatalf("softmax: float %d of %d: got %v, want %v", i, n, soft[i], want)
				}
				want := (float64(v)-mean)/math.Sqrt(variance+1e-5)*float64(scale[i]) + float64(shift[i])
				if !near(float64(norm[i]), want, 10) {
					t.Fatalf("layer norm: float %d of %d: got %v, want %v", i, n, norm[i], want)
				}
			}
		}
	})
}

func TestNaNPassesThroughEpilogues(t *testing.T) {
	nan := float32(math.NaN())
	eachSet(t, func(t *testing.T, s *Set) {
		x := []float32{nan, 9, -9}
		s.Apply(Activation{Func: Clip, A: 0, B: 6}, x)
		if x[0] == x[0] || x[1] != 6 || x[2] != 0 {
			t.Errorf("clip: %v", x)
		}
		c := make([]float32, 2)
		tile := Tile{A: []float32{nan, 1}, Offs: []int{0}, K: 1, LDA: 1, C: c, LDC: 1, Lo: 0, Hi: 6}
		p := s.Pack(1, 1, []float32{1}, nil)
		p.Panels[0].Multiply(&tile, 2)
		if c[0] == c[0] || c[1] != 1 {
			t.Errorf("product: %v", c)
		}
	})
}

func TestUnknownSetNamesTheOthers(t *testing.T) {
	if _, err := ByName("neon9"); err == nil {
		t.Fatal("no error")
	}
	if s, err := ByName("portable"); err != nil || s.Name != "portable" {
		t.Fatal(s, err)
	}
}

func same(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// TestCurvesDoNotDependOnTheLength checks that a value becomes the same bits wherever it
// lies: several cores may cut a row elsewhere than one.
func TestCurvesDoNotDependOnTheLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	x := random(rng, 96)
	for i := range x {
		x[i] *= 4
	}
	eachSet(t, func(t *testing.T, s *Set) {
		for f := Clip; f <= FakeQuantize; f++ {
			a := Activation{Func: f, A: 0.5, B: 1, Scale: 0.1, Unit: 1, Shift: 0.5}
			want := slices.Clone(x)
			s.Apply(a, want)
			for n := 1; n < 40; n++ {
				got := slices.Clone(x[:n])
				if s.Apply(a, got); !slices.EqualFunc(got, want[:n], same) {
					t.Errorf("function %d: %d values are not those of %d", f, n, len(x))
					break
				}
			}
		}
	})
}
