package cli

import (
	"bytes"
	"image/png"
	"math"
	"testing"

	"featstore/cmd/featstore/internal/drawn"
	"featstore/extract"
	"featstore/extract/photo"
	"featstore/store/cutcache"
)

// What float16 does to a tuning: with activations as the cache gives them, the gradient of
// all weights together points where it does with exact ones, to a cosine of 0.9999, and
// the bottlenecks differ by less than 0.2 % of their length.
func TestRoundedActivationsGiveTheSameGradient(t *testing.T) {
	const size = 128
	network, err := extract.Default(size)
	if err != nil {
		t.Fatal(err)
	}
	cuts, err := network.Cuts()
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{"daisy", "rose", "tulip", "sunflower"}
	for _, c := range []extract.Cut{cuts[len(cuts)/3], cuts[2*len(cuts)/3]} {
		tuning, err := network.Tune(extract.TuningOptions{Cut: c.Tensor, Images: len(kinds), Cores: 1})
		if err != nil {
			t.Fatal(err)
		}
		exact := activationsOf(t, network, tuning, kinds)
		features, gradient := gradientOf(t, tuning, exact)
		for _, x := range exact {
			if err := cutcache.Round(x); err != nil {
				t.Fatal(err)
			}
		}
		roundedFeatures, rounded := gradientOf(t, tuning, exact)
		cosine := dot(gradient, rounded) / math.Sqrt(dot(gradient, gradient)*dot(rounded, rounded))
		for i := range features {
			features[i] -= roundedFeatures[i]
		}
		off := math.Sqrt(dot(features, features) / dot(roundedFeatures, roundedFeatures))
		t.Logf("%s: cosine of the gradients of %d weights 1 - %.2g, bottlenecks off by %.2g of their length", c.Tensor, len(gradient), 1-cosine, off)
		if !(cosine >= 0.9999) || !(off <= 0.002) || off == 0 {
			t.Errorf("%s: cosine of the gradients %v, bottlenecks off by %v", c.Tensor, cosine, off)
		}
	}
}

func activationsOf(t *testing.T, network *extract.Network, tuning *extract.Tuning, kinds []string) [][]float32 {
	t.Helper()
	lower, err := tuning.Lower(1)
	if err != nil {
		t.Fatal(err)
	}
	prepare := network.Info().Preprocess
	pixels := make([]float32, prepare.Len())
	var all [][]float32
	for i, kind := range kinds {
		img, err := drawn.Picture(kind, i, 1)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if _, err := prepare.Prepare(t.Context(), pixels, b.Bytes(), photo.Limits{}, new(photo.Scratch)); err != nil {
			t.Fatal(err)
		}
		x := make([]float32, tuning.CutLen())
		if err := lower.Activations(t.Context(), pixels, x); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}

// gradientOf returns the bottlenecks and the gradient of all weights of the loss that is
// half the bottlenecks' squared length.
func gradientOf(t *testing.T, tuning *extract.Tuning, x [][]float32) (features, gradient []float32) {
	t.Helper()
	features = make([]float32, len(x)*tuning.Dim())
	if err := tuning.Forward(t.Context(), x, features); err != nil {
		t.Fatal(err)
	}
	if err := tuning.Backward(t.Context(), features); err != nil {
		t.Fatal(err)
	}
	for _, p := range tuning.Parameters() {
		gradient = append(gradient, p.Gradient...)
		clear(p.Gradient)
	}
	return features, gradient
}

func dot(a, b []float32) (s float64) {
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}
