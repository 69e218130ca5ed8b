package op_test

import (
	"encoding/json"
	"image"
	_ "image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"featstore/extract/internal/nodetest"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// golden is an entry of golden.json: a network, its exact input and the expected
// values of its tap.
type golden struct {
	Model, Input, Layout, Tap, Bottleneck string
	Mean, Std                             float64
}

// Whole networks, evaluated plainly, agree with ONNX Runtime. One picture is
// enough here: the engine is tested on all of them.
func TestNetworks(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "..", "shared")
	data, err := os.ReadFile(filepath.Join(folder, "golden", "golden.json"))
	if err != nil {
		t.Skip("needs ../shared (test material that is not part of the repository)")
	}
	var entries []golden
	if err := json.Unmarshal(data, &entries); err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	for _, e := range entries {
		if done[e.Model] || testing.Short() && e.Model != "mobilenet_v1_0.25_128_quant.onnx" {
			continue
		}
		done[e.Model] = true
		t.Run(e.Model, func(t *testing.T) {
			got := runNetwork(t, filepath.Join(folder, "models", e.Model), e.Tap, picture(t, filepath.Join(folder, "golden"), e))
			want, err := nodetest.ReadNPY(os.DirFS(folder), "golden/"+e.Bottleneck)
			if err != nil {
				t.Fatal(err)
			}
			compareVectors(t, nodetest.Floats(got), nodetest.Floats(want))
		})
	}
}

func runNetwork(t *testing.T, file, tap string, in *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Parse(data, onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := op.Interpret(g, map[string]*tensor.Tensor{g.Inputs[0].Name: in}, tap)
	if err != nil {
		t.Fatal(err)
	}
	shapes, err := op.Interpret(g, map[string]*tensor.Tensor{g.Inputs[0].Name: tensor.Abstract(in.DType, in.Shape...)})
	if err != nil {
		t.Fatal(err)
	}
	if got := shapes[tap]; got.Known() || got.String() != out[tap].String() {
		t.Errorf("inferred %v, evaluated %v", got, out[tap])
	}
	return out[tap]
}

// picture is the network's input: the pixels less the mean, over std.
func picture(t *testing.T, folder string, e golden) *tensor.Tensor {
	t.Helper()
	f, err := os.Open(filepath.Join(folder, e.Input))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	h, w := img.Bounds().Dy(), img.Bounds().Dx()
	v := make([]float32, h*w*3)
	for y := range h {
		for x := range w {
			r, g, b, _ := img.At(x, y).RGBA()
			for ch, px := range []uint32{r, g, b} {
				i := (y*w+x)*3 + ch
				if e.Layout == "nchw" {
					i = (ch*h+y)*w + x
				}
				v[i] = float32((float64(px>>8) - e.Mean) / e.Std)
			}
		}
	}
	if e.Layout == "nchw" {
		return tensor.New(v, 1, 3, h, w)
	}
	return tensor.New(v, 1, h, w, 3)
}

// compareVectors asks for max |got−want| ≤ 1e-3·max |want| and a cosine of at least
// 0.99999.
func compareVectors(t *testing.T, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	var off, peak, gw, gg, ww float64
	for i := range want {
		off, peak = max(off, math.Abs(got[i]-want[i])), max(peak, math.Abs(want[i]))
		gw, gg, ww = gw+got[i]*want[i], gg+got[i]*got[i], ww+want[i]*want[i]
	}
	cosine := gw / math.Sqrt(gg*ww)
	t.Logf("off by at most %.2g of the largest value, cosine 1 - %.2g", off/peak, 1-cosine)
	if off > 1e-3*peak || cosine < 0.99999 {
		t.Errorf("off by %v of %v, cosine %v", off, peak, cosine)
	}
}
