package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// An outerCase is one sum of outer products with everything that a caller can vary.
type outerCase struct {
	rows, cols, segments, k int
	gapA, gapB, gapC        int
}

func TestOuterAgainstReference(t *testing.T) {
	cases := []outerCase{{1, 1, 1, 1, 0, 0, 0}, {14, 32, 1, 9, 0, 0, 0}, {15, 33, 2, 3, 1, 2, 3}, {28, 112, 4, 20, 0, 16, 0}}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 150 {
		cases = append(cases, outerCase{1 + rng.IntN(40), 1 + rng.IntN(150), 1 + rng.IntN(4), 1 + rng.IntN(30), rng.IntN(20), rng.IntN(20), rng.IntN(20)})
	}
	eachSet(t, func(t *testing.T, s *Set) {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%dx%dx%dx%d", c.rows, c.cols, c.segments, c.k), func(t *testing.T) { c.run(t, s, rng) })
		}
	})
}

func (c outerCase) run(t *testing.T, s *Set, rng *rand.Rand) {
	o := &Outer{StepA: c.rows + c.gapA, StepB: c.cols + c.gapB, K: c.k, LDC: c.cols + c.gapC, Cols: c.cols}
	for i := range c.segments { // from the last one to the first, to see that offsets count
		o.OffsA = append(o.OffsA, (c.segments-1-i)*c.k*o.StepA)
		o.OffsB = append(o.OffsB, i*c.k*o.StepB)
	}
	steps := c.segments * c.k
	o.A, o.B = random(rng, (steps-1)*o.StepA+c.rows), random(rng, (steps-1)*o.StepB+c.cols)
	got, intact := guarded((c.rows-1)*o.LDC + c.cols)
	start := random(rng, len(got))
	copy(got, start)
	o.C = got
	s.AddOuter(o, c.rows)
	intact(t)
	for i := range c.rows {
		for j := range o.LDC {
			at := i*o.LDC + j
			if at >= len(got) {
				break
			}
			want, scale := float64(start[at]), math.Abs(float64(start[at]))
			for seg := range c.segments {
				for k := 0; k < c.k && j < c.cols; k++ {
					x := float64(o.A[o.OffsA[seg]+k*o.StepA+i]) * float64(o.B[o.OffsB[seg]+k*o.StepB+j])
					want, scale = want+x, scale+math.Abs(x)
				}
			}
			if !near(float64(got[at]), want, scale) {
				t.Fatalf("row %d, column %d: %v, not %v", i, j, got[at], want)
			}
		}
	}
}

func TestDepthwiseGradientAgainstReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	eachSet(t, func(t *testing.T, s *Set) {
		for _, width := range []int{1, 2, 3, 4, 5, 7, 9} {
			for _, stride := range []int{1, 2, 3} {
				for _, c := range []int{1, 7, 8, 16, 33, 96} {
					n, gap, rows := 1+rng.IntN(23), rng.IntN(9), 1+rng.IntN(3)
					d := &DepthwiseGradient{KW: width, Tap: c + gap, Step: stride * (c + gap), LDO: c + 3, N: n, LDW: c + 1, C: c,
						Rows: rows, RowIn: n*stride*(c+gap) + rng.IntN(20), RowOut: n*(c+3) + rng.IntN(20)}
					d.In, d.Out = random(rng, (rows-1)*d.RowIn+(n-1)*d.Step+(width-1)*d.Tap+c), random(rng, (rows-1)*d.RowOut+(n-1)*d.LDO+c)
					got, intact := guarded((width-1)*d.LDW + c)
					start := random(rng, len(got))
					copy(got, start)
					want := *d
					want.W = append([]float32(nil), start...)
					depthwiseGradientRows(&want)
					d.W = got
					s.AddDepthwiseGradient(d)
					intact(t)
					for i := range got {
						if !near(float64(got[i]), float64(want.W[i]), float64(n*rows)) {
							t.Fatalf("%d taps, stride %d, %d channels, %d rows of %d pixels: element %d is %v, not %v", width, stride, c, rows, n, i, got[i], want.W[i])
						}
					}
				}
			}
		}
	})
}

func TestPointwiseGradientsAgainstReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	eachSet(t, func(t *testing.T, s *Set) {
		for n := range 100 {
			src, start := random(rng, n), random(rng, n)
			if n > 3 {
				src[0], src[1], src[2] = -1, 0.5, float32(math.NaN()) // both bounds, and neither
			}
			for name, f := range map[string][2]func(dst []float32){
				"clip":   {func(dst []float32) { s.ClipGradient(dst, src, -1, 0.5) }, func(dst []float32) { clipGradient(dst, src, -1, 0.5) }},
				"scaled": {func(dst []float32) { s.AddScaled(dst, src, 0.3) }, func(dst []float32) { addScaled(dst, src, 0.3) }},
			} {
				got, intact := guarded(n)
				copy(got, start)
				want := append([]float32(nil), start...)
				f[0](got)
				f[1](want)
				intact(t)
				for i := range got {
					if !near(float64(got[i]), float64(want[i]), 1) && !(math.IsNaN(float64(got[i])) && math.IsNaN(float64(want[i]))) {
						t.Fatalf("%s of %d: element %d is %v, not %v", name, n, i, got[i], want[i])
					}
				}
			}
		}
	})
}

// BenchmarkOuter measures the gradient of the weights of pointwise convolutions:
// input channels × output channels × pixels.
func BenchmarkOuter(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range Sets() {
		for _, c := range []struct{ rows, cols, pixels int }{{112, 672, 400}, {672, 112, 400}, {1152, 192, 100}, {320, 1280, 100}, {512, 512, 196}} {
			o := &Outer{A: random(rng, c.rows*c.pixels), B: random(rng, c.cols*c.pixels), C: Aligned(c.rows * c.cols), OffsA: []int{0}, OffsB: []int{0},
				StepA: c.rows, StepB: c.cols, K: c.pixels, LDC: c.cols, Cols: c.cols}
			b.Run(fmt.Sprintf("%s/%dx%dx%d", s.Name, c.rows, c.cols, c.pixels), func(b *testing.B) {
				report(b, 2*c.rows*c.cols*c.pixels, func() { s.AddOuter(o, c.rows) })
			})
		}
	}
}

// BenchmarkDepthwiseGradient measures one row of taps over the rows of an image.
func BenchmarkDepthwiseGradient(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range Sets() {
		for _, shape := range [][4]int{{80, 144, 3, 1}, {80, 144, 5, 2}, {20, 480, 3, 1}, {20, 672, 5, 1}, {10, 1152, 5, 1}} {
			w, c, k, stride := shape[0], shape[1], shape[2], shape[3]
			d := DepthwiseGradient{KW: k, Tap: c, Step: stride * c, LDO: c, N: w / stride, LDW: c, C: c, In: random(rng, w*(w+4)*c), Out: random(rng, w*w*c),
				W:    Aligned(k * c),
				Rows: w / stride, RowIn: stride * (w + 4) * c, RowOut: w * c}
			b.Run(fmt.Sprintf("%s/%dx%d/%d/s%d", s.Name, w, c, k, stride), func(b *testing.B) {
				report(b, 2*d.Rows*d.N*c*k, func() { s.AddDepthwiseGradient(&d) })
			})
		}
	}
}

// TestSlopesAgainstDifferences: every activation's derivative is that of its value, and
// every set computes it.
func TestSlopesAgainstDifferences(t *testing.T) {
	activations := []Activation{{}, {Func: Clip, A: -0.5, B: 1}, {Func: Leaky, A: 0.1}, {Func: Sigmoid}, {Func: HardSigmoid, A: 0.2, B: 0.5}, {Func: SiLU, A: 1},
		{Func: SiLU, A: 1.702}, {Func: HardSwish, A: 1.0 / 6, B: 0.5}, {Func: Tanh}, {Func: GELU}, {Func: GELUTanh}, {Func: ELU, A: 1}, {Func: Softplus},
		{Func: Mish},
		{Func: Exp}, {Func: Sqrt}, {Func: Erf}, {Func: Abs}, {Func: Affine, A: 3, B: 1}}
	value := func(a Activation, x float64) float64 {
		switch a.Func {
		case Linear:
			return x
		case Clip:
			return min(max(x, float64(a.A)), float64(a.B))
		case Affine:
			return float64(a.A)*x + float64(a.B)
		}
		return a.at(x)
	}
	eachSet(t, func(t *testing.T, s *Set) {
		for _, a := range activations {
			var x, d, scratch []float32
			for i := range 77 {
				v := float32(i)/9 - 4.03
				if a.Func == Sqrt {
					v = float32(i)/9 + 0.1
				}
				x, d, scratch = append(x, v), append(d, float32(i%5)-1.5), append(scratch, 0, 0)
			}
			start := append([]float32(nil), d...)
			s.ApplyGradient(a, d, x, scratch)
			for i, v := range x {
				const h = 1e-5
				slope := (value(a, float64(v)+h) - value(a, float64(v)-h)) / (2 * h)
				if want := slope * float64(start[i]); math.Abs(float64(d[i])-want) > 2e-4*(1+math.Abs(want)) {
					t.Fatalf("function %d at %v: %v, not %v", a.Func, v, d[i], want)
				}
			}
		}
	})
}

// TestRowGradientsAgainstDifferences: softmax and layer normalisation.
func TestRowGradientsAgainstDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const h = 1e-2
	eachSet(t, func(t *testing.T, s *Set) {
		for _, n := range []int{1, 3, 16, 50} {
			x, dy, scale := random(rng, n), random(rng, n), random(rng, n)
			loss := func(f func(dst, src []float32)) func(i int, by float32) float64 {
				return func(i int, by float32) float64 {
					moved := append([]float32(nil), x...)
					moved[i] += by
					out := make([]float32, n)
					f(out, moved)
					sum := 0.0
					for k, v := range out {
						sum += float64(v) * float64(dy[k])
					}
					return sum
				}
			}
			norm := loss(func(dst, src []float32) { s.LayerNorm(dst, src, scale, nil, 1e-1) })
			soft := loss(func(dst, src []float32) { copy(dst, src); s.Softmax(dst, 0.7) })
			y, dx := append([]float32(nil), x...), make([]float32, n)
			s.Softmax(y, 0.7)
			s.SoftmaxGradient(dx, dy, y, 0.7)
			for i := range x {
				if want := (soft(i, h) - soft(i, -h)) / (2 * h); math.Abs(float64(dx[i])-want) > 1e-3 {
					t.Fatalf("softmax of %d: element %d is %v, not %v", n, i, dx[i], want)
				}
			}
			s.LayerNormGradient(dx, dy, x, scale, 1e-1, make([]float32, 2*n))
			for i := range x {
				if want := (norm(i, h) - norm(i, -h)) / (2 * h); math.Abs(float64(dx[i])-want) > 3e-3*(1+math.Abs(want)) {
					t.Fatalf("layer normalisation of %d: element %d is %v, not %v", n, i, dx[i], want)
				}
			}
		}
	})
}
