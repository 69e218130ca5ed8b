package train

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"featstore/store"
)

// calibratedScores draws scores whose softmax at temperature 1 is right: labels are
// drawn from it. They are then multiplied by factor.
func calibratedScores(n, labels int, factor float64) (scores []float64, truth []int) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range n {
		z := make([]float64, labels)
		for c := range z {
			z[c] = 2 * rng.NormFloat64()
			scores = append(scores, factor*z[c])
		}
		softmax64(z)
		u, y := rng.Float64(), 0
		for u >= z[y] && y < labels-1 {
			u -= z[y]
			y++
		}
		truth = append(truth, y)
	}
	return scores, truth
}

func TestTemperatureUndoesAFactor(t *testing.T) {
	for _, factor := range []float64{0.05, 1, 30} {
		scores, truth := calibratedScores(4000, 4, factor)
		if got := fitTemperature(scores, truth, nil) / factor; math.Abs(got-1) > 0.06 {
			t.Errorf("factor %v: temperature is %.3f times that", factor, got)
		}
	}
}

// A few images that are all right do not make the head certain.
func TestTemperatureOfPerfection(t *testing.T) {
	scores, truth := make([]float64, 0), make([]int, 0)
	for i := range 40 {
		scores = append(scores, 0, 0)
		scores[2*i+i%2] = 5
		truth = append(truth, i%2)
	}
	p := []float64{5, 0}
	h := Head{Temperature: fitTemperature(scores, truth, nil)}
	h.probabilities(p)
	if !near(p[0], 41./42, 0.001) {
		t.Errorf("probability %v after 40 right answers, want (40+1)/(40+2)", p[0])
	}
}

func TestTemperatureChangesNoDecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := rapid.SliceOfN(rapid.Float64Range(-30, 30), 2, 8).Draw(t, "scores")
		shift := rapid.SliceOfN(rapid.Float64Range(-5, 5), len(z), len(z)).Draw(t, "shift")
		cold, hot := append([]float64{}, z...), append([]float64{}, z...)
		(&Head{Temperature: 0.2, Shift: shift}).probabilities(cold)
		(&Head{Temperature: 9, Shift: shift}).probabilities(hot)
		if a, b := argmax64(cold), argmax64(hot); hot[a] < hot[b]-1e-9 {
			t.Fatalf("cold %v, hot %v", cold, hot)
		}
	})
}

func TestPriorShift(t *testing.T) {
	counts := []int{10, 30, 0}
	for _, c := range []struct {
		balance, prior string
		want           []float64
	}{
		{BalanceSampler, PriorTraining, []float64{math.Log(0.5), math.Log(1.5), 0}},
		{BalanceWeights, PriorTraining, []float64{math.Log(0.5), math.Log(1.5), 0}},
		{BalanceNone, PriorUniform, []float64{math.Log(2), -math.Log(1.5), 0}},
		{BalanceNone, PriorTraining, nil},
		{BalanceSampler, PriorUniform, nil},
	} {
		got := priorShift(Config{Balance: c.balance, Prior: c.prior}, counts)
		if len(got) != len(c.want) {
			t.Errorf("%s, %s: %v", c.balance, c.prior, got)
			continue
		}
		for i := range got {
			if !near(got[i], c.want[i], 1e-12) {
				t.Errorf("%s, %s: %v, want %v", c.balance, c.prior, got, c.want)
			}
		}
	}
}

// With one label nine times as common as the other and features that overlap, the
// heads that are trained in balance say after the correction what the others say.
func TestBalancesAgreeAfterTheCorrection(t *testing.T) {
	db := unequalStore(t)
	share := map[string]float64{}
	for _, c := range []struct{ kind, balance, prior string }{
		{KindSoftmax, BalanceSampler, PriorTraining}, {KindSoftmax, BalanceWeights, PriorTraining}, {KindSoftmax, BalanceNone, PriorTraining},
		{KindLogistic, BalanceWeights, PriorTraining}, {KindLogistic, BalanceNone, PriorTraining},
		{KindSoftmax, BalanceSampler, PriorUniform}, {KindLogistic, BalanceNone, PriorUniform},
	} {
		cfg := DefaultConfig()
		cfg.Kind, cfg.Balance, cfg.Prior, cfg.Scaling, cfg.Rate, cfg.Steps = c.kind, c.balance, c.prior, ScaleStandard, 0.2, 1000
		h := mustFit(t, db, cfg)
		p := make([]float64, 2)
		h.scores(p, [][]float32{{0, 0}}) // between the two
		h.Temperature = 1
		h.probabilities(p)
		share[c.kind+" "+c.balance+" "+c.prior] = p[0]
		want := 0.9
		if c.prior == PriorUniform {
			want = 0.5
		}
		if math.Abs(p[0]-want) > 0.06 {
			t.Errorf("%+v: probability of the common label between the two is %.3f, want %.1f", c, p[0], want)
		}
	}
}

// unequalStore has 900 images of a label around (-1, 0) and 100 of one around
// (1, 0), of deviation 1.
func unequalStore(t *testing.T) *store.DB {
	rng := rand.New(rand.NewPCG(8, 8))
	return oddStore(t, []int{1800, 200}, 2, func(l, i int) []float32 {
		return []float32{float32(2*l-1) + float32(rng.NormFloat64()), float32(rng.NormFloat64())}
	})
}

func TestScalingByBlocks(t *testing.T) {
	tb := &table{labels: 2, dims: []int{2, 3}, truth: []int{0, 1}, rows: [][]float32{{3, 4, 100, 0, 0}, {0, 5, 0, 0, 100}}}
	dst := make([]float32, 5)
	fitScaling(ScaleNone, tb).apply(dst, tb.rows[0])
	if !sameBits(dst, []float32{3, 4, 5, 0, 0}) {
		t.Errorf("blocks of one mean square: %v", dst)
	}
	fitScaling(ScaleL2, tb).apply(dst, tb.rows[0])
	if !sameBits(dst, []float32{0.6, 0.8, 1, 0, 0}) {
		t.Errorf("blocks of length 1: %v", dst)
	}
	fitScaling(ScaleStandard, tb).apply(dst, tb.rows[0])
	if !sameBits(dst, []float32{1, -1, 1, 0, -1}) {
		t.Errorf("standardised: %v", dst)
	}
	if !fitScaling(ScaleNone, &table{labels: 2, dims: []int{5}, rows: tb.rows}).identity() {
		t.Error("one network's features are scaled without need")
	}
}

func TestLBFGSFindsRosenbrocksMinimum(t *testing.T) {
	f := func(x, g []float64) float64 {
		a, b := 1-x[0], x[1]-x[0]*x[0]
		g[0], g[1] = -2*a-400*x[0]*b, 200*b
		return a*a + 100*b*b
	}
	x := []float64{-1.2, 1}
	m := &lbfgs{f: f, tolerance: 1e-9, iterations: 200}
	v, err := m.minimise(context.Background(), x)
	if err != nil || v > 1e-16 || !near(x[0], 1, 1e-7) || !near(x[1], 1, 1e-7) {
		t.Errorf("%v at %v, %v", v, x, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.minimise(ctx, []float64{0, 0}); err == nil {
		t.Error("went on after the context had ended")
	}
}
