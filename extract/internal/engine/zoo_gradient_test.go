package engine

import (
	"math"
	"math/rand/v2"
	"testing"

	"featstore/extract/internal/autodiff"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// TestZooGradientsAgainstReference holds the gradient of every weight of every family of
// networks, on every kernel set, within 1e-3 of the float64 reference, relative to its
// norm.
func TestZooGradientsAgainstReference(t *testing.T) {
	for i, v := range trainable() {
		if testing.Short() && i%3 != 0 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			m := v.Small()
			checkGradients(t, foldedGraph(t, m, m.Shape), Options{Input: m.Shape, ChannelsLast: fedChannelsLast(m.Shape), Tap: m.Tap}, 1e-3)
		})
	}
}

// checkGradients compares the gradient of every parameter, of a random loss for a random
// input, with the reference. In short tests it does so for the fastest kernel set.
func checkGradients(t *testing.T, g *graph.Graph, opt Options, tolerance float64) {
	t.Helper()
	in, pixels := zooInput(opt.Input)
	want, loss := referenceGradients(t, g, in, opt.Tap)
	opt.Pool = "none"
	for i, set := range kernel.Sets() {
		if i > 0 && testing.Short() {
			break
		}
		opt.Kernels = set.Name
		tr, err := compileTrainingVerified(g, opt, 1)
		if err != nil {
			t.Fatal(err)
		}
		backwardOnce(t, tr, pixels, loss)
		compareGradients(t, set.Name, tr.Parameters(), want, tolerance)
	}
}

// backwardOnce runs both passes for the gradient of a loss by the tap.
func backwardOnce(t *testing.T, tr *Training, pixels, loss []float32) {
	t.Helper()
	if err := tr.Forward(t.Context(), pixels, make([]float32, tr.OutputLen())); err != nil {
		t.Fatal(err)
	}
	if err := tr.Backward(t.Context(), loss); err != nil {
		t.Fatal(err)
	}
}

// referenceGradients are those of Σ loss·tap, for a random loss.
func referenceGradients(t *testing.T, g *graph.Graph, in *tensor.Tensor, tap string) (gradients map[string][]float64, loss []float32) {
	t.Helper()
	tape, err := autodiff.Record(g, map[string]*tensor.Tensor{g.Inputs[0].Name: in})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	loss = make([]float32, tensor.Len(tape.Value(tap).Shape))
	wide := make([]float64, len(loss))
	for i := range loss {
		loss[i] = float32(rng.NormFloat64())
		wide[i] = float64(loss[i])
	}
	gradients, err = tape.Backward(tap, wide)
	if err != nil {
		t.Fatal(err)
	}
	return gradients, loss
}

// compareGradients holds the distance of each gradient from the reference against the
// reference's norm. A gradient that is 0 in truth, as that of a bias of keys is, which
// softmax takes out again, may be off by rounding: 1e-6 of the largest norm of all.
func compareGradients(t *testing.T, set string, params []*Parameter, want map[string][]float64, tolerance float64) {
	t.Helper()
	largest := 0.0
	for _, p := range params {
		largest = math.Max(largest, norm(want[p.Name]))
	}
	for _, p := range params {
		reference := want[p.Name]
		if len(reference) != len(p.Gradient) {
			t.Fatalf("%s: %s has %d values, in the reference %d", set, p.Name, len(p.Gradient), len(reference))
		}
		distance := 0.0
		for i, v := range tensor.Values[float32](p.GradientTensor()) {
			d := float64(v) - reference[i]
			distance += d * d
		}
		if distance = math.Sqrt(distance); !(distance <= tolerance*norm(reference)+1e-6*largest) {
			t.Errorf("%s: the gradient of %s %v is off by %.2g of its norm %.2g", set, p.Name, p.Tensor().Shape, distance/norm(reference), norm(reference))
		}
	}
}

func norm(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}
