package classify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/store"
	"featstore/store/storetest"
	"featstore/train"
)

// vectors are synthetic bottlenecks of one network's length.
var vectors = storetest.Clusters{Labels: 3, Images: 60, Dim: 1280, Spread: 1.2, Seed: 5}

// fitted trains a head of a kind on as many networks' vectors.
func fitted(t testing.TB, networks int, cfg train.Config) *train.Head {
	t.Helper()
	db := storetest.Open(t)
	for i := range networks {
		c := vectors
		c.Model = string(rune('a' + i))
		c.Scale = 1 + 2*float64(i)
		cfg.Models = append(cfg.Models, c.Model)
		c.Fill(t, db)
	}
	h, err := train.Fit(context.Background(), db, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// embedded returns the embedded network at a size of its own for each place. In float it
// computes what the operators do one by one; in 8 bits a number between two steps may be
// rounded to the other one.
func embedded(t testing.TB, networks int, precision string) []*extract.Network {
	t.Helper()
	var all []*extract.Network
	for i := range networks {
		n, err := extract.DefaultWith(photo.Settings{Width: 32 * (i + 1), Height: 32 * (i + 1)}, precision)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

func classifier(t testing.TB, networks int, cfg train.Config) *Classifier {
	t.Helper()
	c, err := New(fitted(t, networks, cfg), embedded(t, networks, extract.PrecisionFloat), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// quick returns settings that train in no time.
func quick(kind, scaling string) train.Config {
	cfg := train.DefaultsOf(kind)
	cfg.Scaling, cfg.RejectRate, cfg.Prior, cfg.Seed = scaling, 0.1, train.PriorUniform, 1
	switch kind {
	case train.KindSoftmax, train.KindMLP:
		cfg.Steps = 60
		if kind == train.KindMLP {
			cfg.Hidden = []int{13, 7}
		}
	case train.KindLogistic, train.KindSVM:
		cfg.Strength = 1
	}
	return cfg
}

// TestExportedHeads: for every kind of head and scaling, the operators of the exported model
// give by the reference what the head does.
func TestExportedHeads(t *testing.T) {
	for _, kind := range train.Kinds {
		for _, scaling := range train.Scalings {
			for networks := 1; networks <= 2; networks++ {
				if testing.Short() && (len(kind)+len(scaling)+networks)%3 != 0 {
					continue
				}
				t.Run(fmt.Sprint(kind, " ", scaling, " ", networks), func(t *testing.T) {
					c := classifier(t, networks, quick(kind, scaling))
					defer c.Close()
					model, err := c.Export(ExportOptions{})
					if err != nil {
						t.Fatal(err)
					}
					again, err := c.Export(ExportOptions{})
					if err != nil || !bytes.Equal(model, again) {
						t.Fatal("exported twice, the files differ", err)
					}
					compareHead(t, c, model)
				})
			}
		}
	}
}

// compareHead feeds the bottlenecks of an exported model.
func compareHead(t *testing.T, c *Classifier, model []byte) {
	t.Helper()
	m, err := extract.ModelLimits{}.ReadComposition(model)
	if err != nil {
		t.Fatal(err)
	}
	d, err := describe(m)
	if err != nil {
		t.Fatal(err)
	}
	inputs := map[string][][]float32{}
	var want []*Result
	for i := range 12 {
		x := slices.Repeat(vectors.Vector(i%3, 100+i), len(d.Networks))
		if i == 0 {
			clear(x[:vectors.Dim]) // a length of 0 must divide nothing
		}
		r, err := c.ClassifyFeatures(x)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, r)
		for k, n := range d.Networks {
			inputs[n.Bottleneck] = append(inputs[n.Bottleneck], x[k*vectors.Dim:(k+1)*vectors.Dim])
		}
	}
	got, err := m.Evaluate(inputs, OutputProbability, OutputLabel, OutputSimilarity, OutputRejected)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range want {
		requireClose(t, i, r, got, c.Labels())
	}
}

// requireClose compares row i of an exported model's outputs with a result.
func requireClose(t *testing.T, i int, r *Result, got map[string][]float64, labels []string) {
	t.Helper()
	probabilities := got[OutputProbability][i*len(labels) : (i+1)*len(labels)]
	for l, p := range r.Probabilities {
		if math.Abs(probabilities[l]-p) > 1e-4 {
			t.Errorf("photo %d: label %d has %v, the head says %v", i, l, probabilities[l], p)
		}
	}
	if l := labels[int(got[OutputLabel][i])]; l != r.Label {
		t.Errorf("photo %d: %s, the head says %s", i, l, r.Label)
	}
	if d := got[OutputSimilarity][i] - *r.Similarity; math.Abs(d) > 1e-5 {
		t.Errorf("photo %d: similarity is off by %v", i, d)
	}
	if rejected := got[OutputRejected][i] == 1; rejected != r.Rejected {
		t.Errorf("photo %d: rejected is %v, the head says %v", i, rejected, r.Rejected)
	}
}

// requireReadBack: what Export writes gives the same bits when it is read back.
func requireReadBack(t *testing.T, c *Classifier, data []byte, want *Result) {
	t.Helper()
	for _, opt := range []ExportOptions{{}, {Pixels: true}} {
		model, err := c.Export(opt)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Read(model, Options{})
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.ClassifyBytes(t.Context(), data)
		if err != nil || !slices.Equal(again.Probabilities, want.Probabilities) || *again.Similarity != *want.Similarity || again.Rejected != want.Rejected {
			t.Errorf("%+v: read back: %+v, %v, want %+v", opt, again, err, want)
		}
	}
}

// noise returns the file of a picture.
func noise(t testing.TB, seed uint64, w, h int) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = byte(rng.Uint32())
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestExportedNetworks: from pixels on, the whole model gives by the reference operators what
// the classifier does, with one network and with two; and read back, it gives the same bits.
func TestExportedNetworks(t *testing.T) {
	for networks := 1; networks <= 2; networks++ {
		t.Run(fmt.Sprint(networks), func(t *testing.T) {
			c := classifier(t, networks, quick(train.KindLogistic, train.ScaleL2))
			data := noise(t, 3, 90, 70)
			want, err := c.Classify(context.Background(), bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			model, err := c.Export(ExportOptions{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := extract.ModelLimits{}.ReadComposition(model)
			if err != nil {
				t.Fatal(err)
			}
			d, err := describe(m)
			if err != nil {
				t.Fatal(err)
			}
			inputs := map[string][][]float32{}
			for _, n := range d.Networks {
				inputs[n.Input] = [][]float32{planes(t, n, data)}
			}
			got, err := m.Evaluate(inputs, OutputProbability, OutputLabel, OutputSimilarity, OutputRejected)
			if err != nil {
				t.Fatal(err)
			}
			requireClose(t, 0, want, got, c.Labels())

			requireReadBack(t, c, data, want)
			rounded, err := New(c.Head(), embedded(t, networks, extract.Precision8Bit), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if want, err = rounded.ClassifyBytes(t.Context(), data); err != nil {
				t.Fatal(err)
			}
			requireReadBack(t, rounded, data, want)
		})
	}
}

// planes prepares a photo channels first.
func planes(t *testing.T, n NetworkOfFile, data []byte) []float32 {
	t.Helper()
	pixels := make([]float32, n.Preprocess.Len())
	if err := n.Preprocess.Pixels(pixels, data, photo.Limits{}, nil); err != nil {
		t.Fatal(err)
	}
	out := make([]float32, len(pixels))
	for i, v := range pixels {
		out[i%3*len(pixels)/3+i/3] = v
	}
	return out
}

// TestParallel: several goroutines get what one gets, through fewer extractors.
func TestParallel(t *testing.T) {
	c, err := New(fitted(t, 1, quick(train.KindLogistic, train.ScaleL2)), embedded(t, 1, ""), Options{Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	data := noise(t, 4, 50, 50)
	want, err := c.ClassifyBytes(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			got, err := c.ClassifyBytes(context.Background(), data)
			if err != nil || !slices.Equal(got.Probabilities, want.Probabilities) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	group.Wait()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ClassifyBytes(context.Background(), data); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := c.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

func TestBadInput(t *testing.T) {
	c := classifier(t, 1, quick(train.KindCentroid, train.ScaleNone))
	defer c.Close()
	if _, err := c.ClassifyBytes(context.Background(), []byte("no photo")); !errors.Is(err, photo.ErrUnsupportedFormat) {
		t.Errorf("no photo: %v", err)
	}
	if _, err := c.ClassifyFeatures(make([]float32, 3)); !errors.Is(err, train.ErrWrongFeature) {
		t.Errorf("three features: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.ClassifyBytes(ctx, noise(t, 1, 9, 9)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := New(c.Head(), embedded(t, 2, ""), Options{}); !errors.Is(err, train.ErrWrongModels) {
		t.Errorf("too many networks: %v", err)
	}
	if _, err := OpenFile("testdata/none.onnx", Options{}); !errors.Is(err, store.ErrNotFound) && err == nil {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestDamagedFiles: what is wrong with a file is an error that says so.
func TestDamagedFiles(t *testing.T) {
	c := classifier(t, 1, quick(train.KindCentroid, train.ScaleNone))
	defer c.Close()
	tests := map[string]struct {
		change func(g *extract.Composition)
		want   error
	}{
		"no description": {func(g *extract.Composition) { g.Describe(keyDescription, "") }, ErrNotExported},
		"no JSON":        {func(g *extract.Composition) { g.Describe(keyDescription, "{") }, ErrNotExported},
		"newer":          {func(g *extract.Composition) { g.Describe(keyDescription, `{"format":99}`) }, ErrNewerFile},
		"no networks":    {func(g *extract.Composition) { g.Describe(keyDescription, `{"format":1}`) }, train.ErrWrongModels},
		"other tensors": {func(g *extract.Composition) {
			g.Describe(keyDescription, `{"format":1,"networks":[{"input":"pixels","bottleneck":"head/layer 1"}]}`)
		}, extract.ErrModel},
		"head cut short": {func(g *extract.Composition) { g.Describe(keyHead, "AAAA") }, train.ErrHeadCorrupt},
		"head no base64": {func(g *extract.Composition) { g.Describe(keyHead, "%") }, train.ErrHeadCorrupt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g, err := c.described(ExportOptions{})
			if err != nil {
				t.Fatal(err)
			}
			test.change(g)
			data, err := g.Model()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Read(data, Options{}); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}
