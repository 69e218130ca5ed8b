package optimize

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// groupOf returns a group of copies of the values.
func groupOf(values, gradient []float32, decay bool) Group {
	return Group{Values: append([]float32(nil), values...), Gradient: append([]float32(nil), gradient...), Rate: 1, Decay: decay}
}

func TestAdamWAgainstFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "weights")
		values := rapid.SliceOfN(rapid.Float32Range(-2, 2), n, n).Draw(t, "values")
		decay := rapid.Float64Range(0, 0.1).Draw(t, "decay")
		g := groupOf(values, make([]float32, n), decay > 0)
		o := NewAdamW([]Group{g}, decay, nil)
		want, m, v := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range want {
			want[i] = float64(values[i])
		}
		for step := 1; step <= 10; step++ {
			rate := 0.01 / float64(step)
			for i := range n {
				g.Gradient[i] = rapid.Float32Range(-1, 1).Draw(t, "gradient")
				d := float64(g.Gradient[i])
				m[i], v[i] = Beta1*m[i]+(1-Beta1)*d, Beta2*v[i]+(1-Beta2)*d*d
				mean, square := m[i]/(1-math.Pow(Beta1, float64(step))), v[i]/(1-math.Pow(Beta2, float64(step)))
				want[i] = want[i]*(1-rate*decay) - rate*mean/(math.Sqrt(square)+Epsilon)
			}
			o.Step(rate)
		}
		for i := range want {
			if math.Abs(float64(g.Values[i])-want[i]) > 1e-4 {
				t.Fatalf("weight %d is %v, not %v", i, g.Values[i], want[i])
			}
		}
	})
}

func TestSGDAgainstFormula(t *testing.T) {
	g := groupOf([]float32{1, -2}, []float32{0.5, 0.25}, true)
	o := NewSGD([]Group{g}, 0.9, 0.1, nil)
	o.Step(0.1)
	o.Step(0.1)
	// w ← 0.99·w − 0.1·v with v = g, then 1.9·g
	want := []float64{(1*0.99-0.05)*0.99 - 0.095, (-2*0.99-0.025)*0.99 - 0.0475}
	for i := range want {
		if math.Abs(float64(g.Values[i])-want[i]) > 1e-6 {
			t.Errorf("weight %d is %v, not %v", i, g.Values[i], want[i])
		}
	}
}

// TestWorkersDoNotMatter: the same bits in one piece and in many.
func TestWorkersDoNotMatter(t *testing.T) {
	pieces := func(n int, f func(from, to int)) {
		for from := 0; from < n; from += 3 {
			f(from, min(from+3, n))
		}
	}
	values := make([]float32, 100)
	gradient := make([]float32, 100)
	for i := range values {
		values[i], gradient[i] = float32(i)/7-3, float32(i%13)/5-1
	}
	for name, open := range map[string]func(g []Group, run Runner) Optimizer{
		"adamw": func(g []Group, run Runner) Optimizer { return NewAdamW(g, 0.05, run) },
		"sgd":   func(g []Group, run Runner) Optimizer { return NewSGD(g, 0.9, 0.05, run) },
	} {
		whole, parts := groupOf(values, gradient, true), groupOf(values, gradient, true)
		a, b := open([]Group{whole}, nil), open([]Group{parts}, pieces)
		for step := range 5 {
			a.Step(0.01 * float64(step+1))
			b.Step(0.01 * float64(step+1))
		}
		for i := range values {
			if whole.Values[i] != parts.Values[i] {
				t.Fatalf("%s: weight %d is %v in one piece and %v in several", name, i, whole.Values[i], parts.Values[i])
			}
		}
	}
}

// TestRestoredOptimizersGoOn: a checkpoint's moments and steps are all there is to know.
func TestRestoredOptimizersGoOn(t *testing.T) {
	for name, open := range map[string]func(g []Group) Optimizer{
		"adamw": func(g []Group) Optimizer { return NewAdamW(g, 0.05, nil) },
		"sgd":   func(g []Group) Optimizer { return NewSGD(g, 0.9, 0.05, nil) },
	} {
		one := groupOf([]float32{1, 2, 3}, []float32{0.1, -0.2, 0.3}, true)
		a := open([]Group{one})
		a.Step(0.1)
		a.Step(0.1)
		other := groupOf(one.Values, one.Gradient, true)
		b := open([]Group{other})
		steps, moments := a.State()
		_, mine := b.State()
		for i := range moments {
			copy(mine[i], moments[i])
		}
		b.Restore(steps)
		a.Step(0.05)
		b.Step(0.05)
		for i := range one.Values {
			if one.Values[i] != other.Values[i] {
				t.Errorf("%s: weight %d is %v, after a checkpoint %v", name, i, one.Values[i], other.Values[i])
			}
		}
	}
}

func TestClipNorm(t *testing.T) {
	a, b := groupOf([]float32{0, 0}, []float32{3, 0}, false), groupOf([]float32{0}, []float32{4}, false)
	if norm := ClipNorm([]Group{a, b}, 10); norm != 5 || a.Gradient[0] != 3 {
		t.Errorf("norm %v, gradient %v: nothing was to be clipped", norm, a.Gradient[0])
	}
	if norm := ClipNorm([]Group{a, b}, 1); norm != 5 || math.Abs(float64(a.Gradient[0])-0.6) > 1e-6 || math.Abs(float64(b.Gradient[0])-0.8) > 1e-6 {
		t.Errorf("norm %v, gradients %v and %v, not 0.6 and 0.8", norm, a.Gradient[0], b.Gradient[0])
	}
	a.Gradient[1] = float32(math.Inf(1))
	if norm := ClipNorm([]Group{a, b}, 1); !math.IsInf(norm, 1) || b.Gradient[0] == 0 {
		t.Errorf("norm %v, gradient %v: an infinite norm scales nothing", norm, b.Gradient[0])
	}
}

func TestOneCycle(t *testing.T) {
	const steps = 100
	best := 0
	for step := range steps {
		r := OneCycle(step, steps, 0.2)
		if r <= 0 || r > 1 {
			t.Fatalf("step %d: %v", step, r)
		}
		if r > OneCycle(best, steps, 0.2) {
			best = step
		}
	}
	if best != 20 || OneCycle(0, steps, 0.2) > 0.05 || OneCycle(steps-1, steps, 0.2) > 0.001 {
		t.Errorf("the highest rate is at step %d, the first %v, the last %v", best, OneCycle(0, steps, 0.2), OneCycle(steps-1, steps, 0.2))
	}
	for _, steps := range []int{1, 2, 3} { // short ones are finite too
		for step := range steps {
			if r := OneCycle(step, steps, 0.5); !(r > 0 && r <= 1) {
				t.Errorf("step %d of %d: %v", step, steps, r)
			}
		}
	}
	for i := range 101 {
		if x := float64(i) / 100; math.Abs(cosine(x)-math.Cos(math.Pi*x)) > 1e-14 {
			t.Errorf("cosine(%v) = %v, not %v", x, cosine(x), math.Cos(math.Pi*x))
		}
	}
}

func TestAverage(t *testing.T) {
	g := groupOf([]float32{0}, []float32{0}, false)
	a := NewAverage([]Group{g}, 0.9)
	for range 200 {
		g.Values[0] = 1
		a.Add()
	}
	a.Swap()
	if math.Abs(float64(g.Values[0])-1) > 1e-3 {
		t.Errorf("the average of ones is %v", g.Values[0])
	}
	averaged := g.Values[0]
	a.Swap()
	if g.Values[0] != 1 {
		t.Errorf("swapped twice: %v, and the average %v", g.Values[0], averaged)
	}
	if d := AverageDecay(1000); math.Abs(math.Pow(d, 100)-0.5) > 1e-9 {
		t.Errorf("after a tenth of the steps %v of the average is left, not half", math.Pow(d, 100))
	}
}

func BenchmarkAdamW(b *testing.B) {
	const n = 1 << 20
	g := groupOf(make([]float32, n), make([]float32, n), true)
	for i := range g.Gradient {
		g.Gradient[i] = float32(i%100)/1000 - 0.05
	}
	o := NewAdamW([]Group{g}, 0.05, nil)
	for b.Loop() {
		o.Step(1e-4)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/n*1e9, "ns/weight")
}
