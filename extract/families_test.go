package extract

import (
	"context"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"testing"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
	"featstore/extract/photo"
)

// Every family, as every exporter writes it, goes the whole way: a file with its
// weights beside, the tap found, a drawn picture decoded, prepared and run. The same
// pixels through the reference operators must give the same bottleneck.
func TestFamilies(t *testing.T) {
	stripes := picture(t, color.RGBA{220, 120, 40, 255}, 11)
	for _, v := range zoo.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			m := v.Small()
			w, h := m.Shape[2], m.Shape[1]
			if h == 3 {
				w, h = m.Shape[3], m.Shape[2]
			}
			n, err := OpenNetwork(writeZoo(t, m), request(t, fmt.Sprintf("inception,size=%dx%d", w, h)))
			if err != nil {
				t.Fatal(err)
			}
			if i := n.Info(); i.Tap != m.Tap || i.ID == "" {
				t.Errorf("tap %q, want %q; id %q", i.Tap, m.Tap, i.ID)
			}
			x, err := n.NewExtractor()
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float32, n.Info().Dim)
			for range 2 { // the second time must not see the first
				if err := x.ExtractBytes(context.Background(), stripes, got); err != nil {
					t.Fatal(err)
				}
			}
			p := n.Info().Preprocess
			pixels := make([]float32, p.Len())
			if err := p.Pixels(pixels, stripes, photo.Limits{}, nil); err != nil {
				t.Fatal(err)
			}
			closeTo(t, got, reference(t, m, pixels), m.Quantum)
		})
	}
}

// writeZoo writes a network and its weights to a folder.
func writeZoo(t testing.TB, m *zoo.Model) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "net.onnx")
	files := map[string][]byte{"net.onnx": m.Data}
	for name, data := range m.Files {
		files[name] = data
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// reference computes the bottleneck by the reference operators.
func reference(t *testing.T, m *zoo.Model, pixels []float32) []float32 {
	t.Helper()
	g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.New(pixels, m.Shape...)
	if m.Shape[1] == 3 {
		in = tensor.New(channelsFirst(pixels, 3), m.Shape...)
	}
	out, err := op.Interpret(g, map[string]*tensor.Tensor{m.Input: in}, m.Tap)
	if err != nil {
		t.Fatal(err)
	}
	tap := out[m.Tap]
	values := floats(tap)
	if len(tap.Shape) != 4 {
		return values
	}
	each := tap.Shape[2] * tap.Shape[3] // a feature map: the average of each channel
	means := make([]float32, len(values)/each)
	for i, v := range values {
		means[i/each] += v / float32(each)
	}
	return means
}

// floats returns the values of a float32 or float16 tensor.
func floats(x *tensor.Tensor) []float32 {
	if x.DType == tensor.Float32 {
		return tensor.Values[float32](x)
	}
	var v []float32
	for _, h := range tensor.Values[tensor.Half](x) {
		v = append(v, h.Float32())
	}
	return v
}

func channelsFirst(pixels []float32, channels int) []float32 {
	out, n := make([]float32, len(pixels)), len(pixels)/channels
	for i, v := range pixels {
		out[i%channels*n+i/channels] = v
	}
	return out
}

// closeTo compares by a thousandth of the largest value, and by what one step of a
// quantised value makes.
func closeTo(t *testing.T, got, want []float32, quantum float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d features, want %d", len(got), len(want))
	}
	allowed, off := 1.01*quantum, 0.
	for _, v := range want {
		allowed = max(allowed, 1.01*quantum+1e-3*math.Abs(float64(v)))
	}
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if math.IsNaN(d) {
			t.Fatalf("feature %d is %g, want %g", i, got[i], want[i])
		}
		off = max(off, d)
	}
	if off > allowed {
		t.Errorf("off by %.3g, allowed are %.3g", off, allowed)
	}
	if allowed < 1e-6 {
		t.Errorf("all features are 0: nothing was shown")
	}
}
