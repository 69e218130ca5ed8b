package extract

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"featstore/extract/internal/zoo"
)

// noise is prepared pixels of no photo.
func noise(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func sameVector(t *testing.T, what string, got, want []float32) {
	t.Helper()
	largest := 0.0
	for _, v := range want {
		largest = math.Max(largest, math.Abs(float64(v)))
	}
	for i, v := range want {
		if math.Abs(float64(got[i])-float64(v)) > 1e-3*largest {
			t.Fatalf("%s: number %d is %v, not %v", what, i, got[i], v)
		}
	}
}

// TestTunedNetworkIsTheNetwork: parted at any cut, before training, it computes the
// same bottlenecks, and so does the model that it writes; after a step the model it
// writes computes what the tuning does.
func TestTunedNetworkIsTheNetwork(t *testing.T) {
	const size = 64
	open := func() *Network {
		n, err := Default(size)
		if err != nil {
			t.Fatal(err)
		}
		return n.InFloat()
	}
	cuts, err := open().Cuts()
	if err != nil {
		t.Fatal(err)
	}
	pixels := noise(3*size*size, 1)
	want := make([]float32, open().Info().Dim)
	x, err := open().NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.ExtractInput(t.Context(), pixels, want); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, len(cuts) / 2, len(cuts) - 1} {
		tuning, err := open().Tune(TuningOptions{Cut: cuts[i].Tensor, Images: 3, Cores: 2})
		if err != nil {
			t.Fatalf("%s: %v", cuts[i].Tensor, err)
		}
		checkStep(t, tuning, cuts[i].Tensor, pixels, want)
	}
}

// TestFamiliesAreTuned: each family, parted early, in the middle and late, computes in
// training what it does else, two images at a time where it takes several, and after a
// step the model it writes computes what the tuning does.
func TestFamiliesAreTuned(t *testing.T) {
	for i, v := range zoo.Variants() {
		m := v.Small()
		if m.Quantum != 0 || testing.Short() && i%4 != 3 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			size := max(m.Shape[1], m.Shape[2])
			path, r := writeZoo(t, m), request(t, fmt.Sprintf("inception,size=%dx%d", size, size))
			open := func() *Network {
				n, err := OpenNetwork(path, r)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			x, err := open().NewExtractor()
			if err != nil {
				t.Fatal(err)
			}
			pixels, want := noise(3*size*size, 2), make([]float32, open().Info().Dim)
			if err := x.ExtractInput(t.Context(), pixels, want); err != nil {
				t.Fatal(err)
			}
			cuts, err := open().Cuts()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []Cut{cuts[min(2, len(cuts)-1)], cuts[len(cuts)/2], cuts[len(cuts)-1]} {
				tuning, err := open().Tune(TuningOptions{Cut: c.Tensor, Images: 2, Cores: 2})
				if err != nil { // written for one image
					tuning, err = open().Tune(TuningOptions{Cut: c.Tensor, Images: 1, Cores: 2})
				}
				if err != nil {
					t.Fatalf("%s: %v", c.Tensor, err)
				}
				checkStep(t, tuning, c.Tensor, pixels, want)
			}
		})
	}
}

// checkStep compares the bottleneck with the network's, makes a step, and compares the
// bottleneck with that of the model that is written then.
func checkStep(t *testing.T, tuning *Tuning, cut string, pixels, want []float32) {
	t.Helper()
	got := forward(t, tuning, pixels)
	sameVector(t, "parted at "+cut, got, want)
	if err := tuning.Backward(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	for _, p := range tuning.Parameters() {
		norm := 1e-9
		for _, g := range p.Gradient {
			norm += float64(g) * float64(g)
		}
		for k, g := range p.Gradient {
			p.Values[k] -= float32(1e-2 / math.Sqrt(norm) * float64(g))
		}
	}
	tuning.Update()
	moved := forward(t, tuning, pixels)
	sameVector(t, "the model that is written", extractWith(t, tuning, pixels), moved)
	if slices.Equal(moved, got) {
		t.Errorf("%s: a step changed nothing", cut)
	}
}

// forward computes the bottleneck of an image, and of another one where that is possible.
func forward(t *testing.T, tuning *Tuning, pixels []float32) []float32 {
	t.Helper()
	lower, err := tuning.Lower(1)
	if err != nil {
		t.Fatal(err)
	}
	at, other := make([]float32, tuning.CutLen()), make([]float32, tuning.CutLen())
	if err := lower.Activations(t.Context(), pixels, at); err != nil {
		t.Fatal(err)
	}
	out := make([]float32, 2*tuning.Dim())
	if err := tuning.Forward(t.Context(), [][]float32{at, other}[:min(2, tuning.Images())], out); err != nil {
		t.Fatal(err)
	}
	return out[:tuning.Dim()]
}

// extractWith opens the model that a tuning writes and runs it.
func extractWith(t *testing.T, tuning *Tuning, pixels []float32) []float32 {
	t.Helper()
	data, err := tuning.Model()
	if err != nil {
		t.Fatal(err)
	}
	info := tuning.network.Info()
	n, err := Load(data, NetworkOptions{Name: "tuned", Preprocess: info.Preprocess, Tap: info.Tap, Pool: info.Pool})
	if err != nil {
		t.Fatal(err)
	}
	x, err := n.NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, tuning.Dim())
	if err := x.ExtractInput(t.Context(), pixels, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func zooVariant(t *testing.T, name string) zoo.Variant {
	t.Helper()
	v, err := zoo.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTuneRefuses(t *testing.T) {
	n, err := Default(64)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Tune(TuningOptions{Cut: "nonesuch", Cores: 1}); err == nil {
		t.Error("a cut that is none")
	}
	m := zooVariant(t, "mobilenetv2-torchscript").Small()
	path := writeZoo(t, m)
	if n, err = OpenNetwork(path, request(t, "inception,size=64")); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Cuts(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, append(m.Data, 0x1a, 0), 0o666); err != nil { // an empty version of the exporter
		t.Fatal(err)
	}
	if _, err := n.Tune(TuningOptions{Cores: 1}); !errors.Is(err, ErrModel) || !strings.Contains(fmt.Sprint(err), "changed") {
		t.Errorf("a file that has changed: %v", err)
	}
}

// BenchmarkTuning measures both passes and the weights' update for the default network
// at 320 from block 11 on, and whole at 224: milliseconds an image, in steps of 32.
func BenchmarkTuning(b *testing.B) {
	for _, c := range []struct {
		cut  string
		size int
	}{{"block10.add", 320}, {"", 224}} {
		b.Run(fmt.Sprintf("%s@%d", c.cut, c.size), func(b *testing.B) {
			n, err := Default(c.size)
			if err != nil {
				b.Fatal(err)
			}
			tuning, err := n.Tune(TuningOptions{Cut: c.cut, Cores: runtime.GOMAXPROCS(0)})
			if err != nil {
				b.Fatal(err)
			}
			x, out := make([][]float32, tuning.Images()), make([]float32, tuning.Images()*tuning.Dim())
			for i := range x {
				x[i] = noise(tuning.CutLen(), uint64(i))
			}
			best := time.Duration(math.MaxInt64)
			for b.Loop() {
				start := time.Now()
				for done := 0; done < 32; done += tuning.Images() {
					if err := errors.Join(tuning.Forward(b.Context(), x, out), tuning.Backward(b.Context(), out)); err != nil {
						b.Fatal(err)
					}
				}
				tuning.Update()
				best = min(best, time.Since(start))
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N)/32, "ms/image")
			b.ReportMetric(best.Seconds()*1e3/32, "best-ms/image")
			b.ReportMetric(float64(tuning.ArenaBytes())/1e6, "MB")
		})
	}
}
