package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"featstore/split"
)

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

// Values of scipy.stats.binomtest(k, n).proportion_ci(0.95, 'wilson').
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 1, 0, 0.7934506856227626}, {1, 1, 0.20654931437723745, 1}, {0, 10, 0, 0.2775327998628892}, {5, 10, 0.236593090512564, 0.7634069094874361},
		{318, 353, 0.8652271427493371, 0.927842140554434}, {353, 353, 0.9892348304107108, 1}, {100, 100, 0.9630065017930143, 1}, {0, 0, 0, 1},
	} {
		if low, high := Wilson(c.k, c.n, Z95); !near(low, c.low, 1e-14) || !near(high, c.high, 1e-14) {
			t.Errorf("Wilson(%d, %d) = %v, %v, want %v, %v", c.k, c.n, low, high, c.low, c.high)
		}
	}
}

func TestWilsonProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		p := NewProportion(k, n)
		if !(0 <= p.Low && p.Low <= p.Share && p.Share <= p.High && p.High <= 1) {
			t.Fatalf("%+v: not in order", p)
		}
		if q := NewProportion(n-k, n); !near(p.Low, 1-q.High, 1e-12) {
			t.Fatalf("%+v and %+v: not mirror images", p, q)
		}
		if q := NewProportion(10*k, 10*n); q.High-q.Low >= p.High-p.Low {
			t.Fatalf("%+v and %+v: ten times the images, but no narrower", p, q)
		}
	})
}

func TestSoftmaxProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := rapid.SliceOfN(rapid.Float64Range(-1e4, 1e4), 1, 30).Draw(t, "scores")
		shift := rapid.Float64Range(-1e3, 1e3).Draw(t, "shift")
		p, q := append([]float64(nil), z...), append([]float64(nil), z...)
		for c := range q {
			q[c] += shift
		}
		softmax64(p)
		softmax64(q)
		sum := 0.0
		for c := range p {
			sum += p[c]
			if p[c] < 0 || !near(p[c], q[c], 1e-9) {
				t.Fatalf("probabilities %v, shifted %v", p, q)
			}
		}
		if !near(sum, 1, 1e-12) || p[argmax64(p)] > p[argmax64(z)]+1e-12 {
			t.Fatalf("probabilities %v sum up to %v", p, sum)
		}
	})
}

// The first weights are within two deviations, and have the mean 0 and standard
// deviation 0.8796 σ of the truncated distribution.
func TestTruncatedNormal(t *testing.T) {
	l := newLayer(50, 2000)
	l.initialise(rand.New(source(7, streamWeights)), 0.001)
	var sum, squares float64
	for _, w := range l.weights {
		v := float64(w) / 0.001
		if math.Abs(v) > 2.0001 {
			t.Fatalf("weight %v is beyond two deviations", w)
		}
		sum += v
		squares += v * v
	}
	n := float64(len(l.weights))
	if mean, deviation := sum/n, math.Sqrt(squares/n); !near(mean, 0, 0.01) || !near(deviation, 0.87962566, 0.006) {
		t.Errorf("mean %v, deviation %v", mean, deviation)
	}
}

func TestConfusion(t *testing.T) {
	c := NewConfusion([]string{"a", "b", "c", "d"})
	for _, p := range [][2]int{{0, 0}, {0, 0}, {0, 1}, {1, 1}, {1, 2}, {1, 2}, {2, 2}, {2, 0}} {
		c.Add(p[0], p[1])
	}
	if a := c.Accuracy(); a.Correct != 4 || a.Total != 8 {
		t.Errorf("accuracy %+v", a)
	}
	want := []LabelScore{
		{"a", 2. / 3, 2. / 3, 2. / 3, 3, 3}, {"b", 1. / 2, 1. / 3, 2. / 5, 3, 2}, {"c", 1. / 3, 1. / 2, 2. / 5, 2, 3}, {"d", 0, 0, 0, 0, 0},
	}
	for i, s := range c.LabelScores() {
		if s != want[i] {
			t.Errorf("got %+v, want %+v", s, want[i])
		}
	}
	if m := c.Macro(); !near(m.Precision, 0.5, 1e-15) || !near(m.Recall, 0.5, 1e-15) || !near(m.F1, (2./3+4./5)/3, 1e-15) {
		t.Errorf("macro %+v: label d has no images and is not in it", m)
	}
	if w := c.Worst(2); len(w) != 2 || w[0] != (Mixup{"b", "c", 2, 3}) || len(c.Worst(-1)) != 3 {
		t.Errorf("worst %+v", w)
	}
}

func TestTally(t *testing.T) {
	tl := newTally([]string{"a", "b", "stranger"}, 2)
	tl.add(split.Digest{1}, 0, []float64{0.9, 0.1})
	tl.add(split.Digest{2}, 1, []float64{0.6, 0.4})
	tl.add(split.Digest{3}, 2, []float64{0.3, 0.7})
	tl.add(split.Digest{4}, 0, []float64{1, 0})
	r := tl.report(split.Testing)
	if r.Accuracy.Correct != 2 || r.Accuracy.Total != 4 || len(r.TopK) != 1 {
		t.Errorf("report %+v", r)
	}
	if want := -(math.Log(0.9) + math.Log(0.4) + math.Log(0x1p-52)) / 4; !near(r.LogLoss, want, 1e-12) {
		t.Errorf("log loss %v, want %v", r.LogLoss, want)
	}
	if want := (0.02 + 0.72 + (0.09 + 0.49 + 1)) / 4; !near(r.Brier, want, 1e-12) {
		t.Errorf("Brier score %v, want %v", r.Brier, want)
	}
	if want := (0.1 + 0.6 + 0.7) / 4; !near(r.ECE, want, 1e-12) {
		t.Errorf("calibration error %v, want %v", r.ECE, want)
	}
	if len(r.Misses) != 2 || r.Misses[0].Digest != (split.Digest{3}) || r.Misses[0].TruthProbability != 0 || r.Misses[1].TruthProbability != 0.4 {
		t.Errorf("misses %+v", r.Misses)
	}
}
