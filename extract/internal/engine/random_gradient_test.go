package engine

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// FuzzRandomGradients builds small networks from bytes as FuzzRandomGraphs does, and
// compares the gradient by every weight, on every kernel set, with the float64 reference.
func FuzzRandomGradients(f *testing.F) {
	rng := rand.New(rand.NewPCG(13, 14))
	seeds := 120
	if testing.Short() {
		seeds = 40
	}
	for range seeds {
		seed := make([]byte, 40)
		for i := range seed {
			seed[i] = byte(rng.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) < 4 || len(choices) > 120 {
			return
		}
		g := newGrower(choices)
		g.plain = true
		if tap := g.growAll(); tap != "x" {
			g.checkGradients(t, tap)
		}
	})
}

// checkGradients compares the gradients on every kernel set. Functions have kinks, at
// which rounding decides the derivative: it fails if two inputs give other gradients.
func (g *grower) checkGradients(t *testing.T, tap string) {
	x := g.values["x"]
	for i, set := range kernel.Sets() {
		if i > 0 && testing.Short() {
			break
		}
		opt := Options{Input: x.Shape, ChannelsLast: fedChannelsLast(x.Shape), Tap: tap, Pool: "none", Kernels: set.Name}
		tr, err := CompileTraining(g.Graph, opt, 2)
		switch {
		case errors.Is(err, ErrNoGradient):
			if p, e := Compile(g.Graph, opt); e != nil || len(p.Stats().References) == 0 {
				t.Errorf("%v, but no operator runs by reference (%v)", err, e)
			}
			return
		case errors.Is(err, errNothing):
			return
		case err != nil:
			t.Fatal(err)
		}
		off := ""
		for range 2 {
			if off = g.gradientsOff(t, tr, tap, x); off == "" {
				break
			}
			x = g.image()
		}
		if off != "" {
			t.Errorf("%s: the gradient of %s is off", set.Name, off)
		}
	}
}

// gradientsOff names a parameter whose gradient is not that of the reference, "" for
// none.
func (g *grower) gradientsOff(t *testing.T, tr *Training, tap string, x *tensor.Tensor) string {
	want, loss := referenceGradients(t, g.Graph, x, tap)
	for _, p := range tr.Parameters() {
		clear(p.Gradient)
	}
	backwardOnce(t, tr, imageOf(x), loss)
	largest := 1e-3 // all gradients may be 0 in truth
	for _, p := range tr.Parameters() {
		largest = math.Max(largest, norm(want[p.Name]))
	}
	if math.IsNaN(largest) || largest > 1e12 {
		return "" // the network's values are beyond float32's
	}
	for _, p := range tr.Parameters() {
		difference := make([]float64, len(p.Gradient))
		for i, v := range tensor.Values[float32](p.GradientTensor()) {
			difference[i] = float64(v) - want[p.Name][i]
		}
		if !(norm(difference) <= 1e-2*norm(want[p.Name])+1e-5*largest) {
			return p.Name
		}
	}
	return ""
}
