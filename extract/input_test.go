package extract

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
)

// open writes a model to a folder of its own and opens it.
func open(t testing.TB, data []byte, beside map[string]string) (*ModelFile, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range beside {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "net.onnx")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return OpenModel(path)
}

func mustOpen(t testing.TB, data []byte) *ModelFile {
	t.Helper()
	m, err := open(t, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// request is what SetAll makes of a list.
func request(t testing.TB, list string) Manifest {
	t.Helper()
	var m Manifest
	if list == "" {
		return m
	}
	if err := m.SetAll(list); err != nil {
		t.Fatal(err)
	}
	return m
}

// A model by the shape of its input: a convolution to five channels, averaged,
// classified.
func convModel(dt tensor.DType, channels int, perm []int, dims ...any) *onnxtest.Model {
	b := onnxtest.New(13)
	x := b.Input("input", dt, dims...)
	if dt != tensor.Float32 {
		x = b.Op("Cast", []string{x}, onnxtest.Attrs{"to": int(tensor.Float32)})
	}
	if perm != nil {
		x = b.Op("Transpose", []string{x}, onnxtest.Attrs{"perm": perm})
	}
	weights := make([]float32, 5*channels)
	for i := range weights {
		weights[i] = float32(i%7) - 2.5
	}
	x = b.Op("Conv", []string{x, b.Floats("w", weights, 5, channels, 1, 1)}, nil)
	x = b.As("map", "Relu", []string{x}, nil)
	x = b.Op("GlobalAveragePool", []string{x}, nil)
	x = b.As("features", "Flatten", []string{x}, nil)
	x = b.As("scores", "Gemm", []string{x, b.Floats("fc", make([]float32, 10), 5, 2)}, nil)
	b.Output(x)
	return b
}

func TestInputLayout(t *testing.T) {
	toFirst := []int{0, 3, 1, 2}
	for name, c := range map[string]struct {
		model *onnxtest.Model
		list  string // of settings besides raw
		want  string // layout, or of the error
	}{
		"NCHW":                 {convModel(tensor.Float32, 3, nil, "N", 3, 20, 30), "", "nchw 30×20"},
		"NHWC":                 {convModel(tensor.Float32, 3, toFirst, 1, 20, 30, 3), "", "nhwc 30×20"},
		"NHWC, four rows":      {convModel(tensor.Float32, 3, toFirst, 1, 4, 6, 3), "", "nhwc 6×4"},
		"NHWC, one pixel":      {convModel(tensor.Float32, 3, toFirst, 1, 1, 1, 3), "", "nhwc 1×1"},
		"NCHW, four columns":   {convModel(tensor.Float32, 3, nil, 1, 3, 6, 4), "", "nchw 4×6"},
		"zero batch":           {convModel(tensor.Float32, 3, nil, 0, 3, 8, 8), "", "nchw 8×8"},
		"any size":             {convModel(tensor.Float32, 3, nil, "N", 3, "H", "W"), "size=40x24", "nchw 40×24"},
		"all open, convolved":  {convModel(tensor.Float32, 3, nil, "N", "C", "H", "W"), "size=9", "nchw 9×9"},
		"all open, transposed": {convModel(tensor.Float32, 3, toFirst, "a", "b", "c", "d"), "size=9", "nhwc 9×9"},
		"one side open":        {convModel(tensor.Float32, 3, nil, 1, 3, 16, "W"), "size=24x16", "nchw 24×16"},
		"3 by 3 pixels":        {convModel(tensor.Float32, 3, nil, 1, 3, 3, 3), "", "layout=nchw"},
		"3 by 3 pixels, told":  {convModel(tensor.Float32, 3, nil, 1, 3, 3, 3), "layout=nchw", "nchw 3×3"},
		"told wrongly":         {convModel(tensor.Float32, 3, nil, 1, 3, 8, 8), "layout=nhwc", "is layout nchw, not nhwc"},
		"grey":                 {convModel(tensor.Float32, 1, nil, 1, 1, 28, 28), "", "grey pictures of 1 channel; photos have 3 colours"},
		"four channels":        {convModel(tensor.Float32, 4, nil, 1, 4, 28, 28), "", "pictures of 4 channels"},
		"five channels, open":  {convModel(tensor.Float32, 5, nil, 1, "C", "H", "W"), "size=9", "photos have 3 colours"},
		"batch of eight":       {convModel(tensor.Float32, 3, nil, 8, 3, 8, 8), "", "takes 8 photos at a time"},
		"bytes":                {convModel(tensor.Uint8, 3, nil, 1, 3, 8, 8), "", "nchw 8×8"},
		"signed bytes":         {convModel(tensor.Int8, 3, toFirst, 1, 8, 8, 3), "mean=128", "nhwc 8×8"},
		"doubles":              {convModel(tensor.Float64, 3, nil, 1, 3, 8, 8), "", "nchw 8×8"},
		"halves":               {convModel(tensor.Float16, 3, nil, 1, 3, 8, 8), "", "nchw 8×8"},
		"bytes, normalised":    {convModel(tensor.Uint8, 3, nil, 1, 3, 8, 8), "std=255", "takes whole numbers (uint8), not pixel / 255"},
		"truth values":         {convModel(tensor.Bool, 3, nil, 1, 3, 8, 8), "", "takes values of type bool"},
		"no size":              {convModel(tensor.Float32, 3, nil, 1, 3, "H", "W"), "", "give the size of photos for it with --size"},
		"another size":         {convModel(tensor.Float32, 3, nil, 1, 3, 8, 8), "size=16", "size 16×16 as asked for, but the model is made for 8×8"},
	} {
		list := "raw"
		if c.list != "" {
			list += "," + c.list
		}
		n, err := mustOpen(t, c.model.Bytes()).Network(request(t, list))
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q", name, err, c.want)
			}
			continue
		}
		p := n.Info().Preprocess
		if got := fmt.Sprintf("%s %d×%d", n.Origin().Layout, p.Width, p.Height); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		checkConvModel(t, name, n)
	}
}

// checkConvModel runs convModel on a picture of one colour: its features are known.
func checkConvModel(t *testing.T, name string, n *Network) {
	t.Helper()
	colour := color.RGBA{200, 100, 50, 255}
	img := image.NewRGBA(image.Rect(0, 0, 12, 12))
	for i := range 12 * 12 {
		img.Set(i%12, i/12, colour)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	got := vector(t, n, b.Bytes())
	mean := n.Info().Preprocess.Mean[0]
	want := make([]float32, 5)
	for o := range want {
		for i, px := range []float32{200, 100, 50} {
			want[o] += (float32((o*3+i)%7) - 2.5) * (px - mean)
		}
		want[o] = max(want[o], 0)
	}
	if !slices.EqualFunc(got, want, func(a, b float32) bool { return a-b < 0.01 && b-a < 0.01 }) {
		t.Errorf("%s: features %v, want %v", name, got, want)
	}
}

// Inputs that are no photos are refused by name; those that the tap does not need do
// not matter.
func TestOtherInputs(t *testing.T) {
	tokens := onnxtest.New(13)
	ids := tokens.Input("input_ids", tensor.Int64, 1, 77)
	tokens.Output(tokens.As("scores", "Cast", []string{ids}, onnxtest.Attrs{"to": int(tensor.Float32)}))

	two := convModel(tensor.Float32, 3, nil, 1, 3, 8, 8)
	scale := two.Input("temperature", tensor.Float32, 1)
	two.Output(two.As("scaled", "Mul", []string{"features", scale}, nil))

	noShape := onnxtest.New(13)
	x := noShape.InputNoShape("x", tensor.Float32)
	noShape.Output(noShape.As("features", "Relu", []string{x}, nil))

	for name, c := range map[string]struct {
		model      *onnxtest.Model
		list, want string
	}{
		"tokens":       {tokens, "tap=scores", `input "input_ids" takes int64 1×77, not photos`},
		"two inputs":   {two, "tap=scaled", `wants 2 inputs, not one photo: "input" (float32 1×3×8×8), "temperature" (float32 1)`},
		"one of two":   {two, "tap=features", ""},
		"any shape":    {noShape, "tap=features,size=8", "does not show where the channels are"},
		"told":         {noShape, "tap=features,size=8,layout=nhwc", ""},
		"no such tap":  {two, "tap=nonesuch", `no tensor called "nonesuch"`},
		"tap of input": {two, "tap=input", `no tensor called "input"`},
	} {
		_, err := mustOpen(t, c.model.Bytes()).Network(request(t, "raw,"+c.list))
		if c.want == "" && err == nil {
			continue
		}
		if c.want == "" || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// What the layout was told to be decides the vectors: it is part of the id.
func TestToldLayoutIsIdentity(t *testing.T) {
	b := onnxtest.New(13)
	x := b.InputNoShape("x", tensor.Float32)
	b.Output(b.As("features", "Relu", []string{x}, nil))
	ids := map[string]bool{}
	for _, layout := range []string{LayoutNCHW, LayoutNHWC} {
		n, err := mustOpen(t, b.Bytes()).Network(request(t, "raw,size=8,tap=features,layout="+layout))
		if err != nil {
			t.Fatal(err)
		}
		ids[n.Info().ID] = true
		x, err := n.NewExtractor()
		if err != nil {
			t.Fatal(err)
		}
		if err := x.ExtractBytes(context.Background(), picture(t, color.White, 3), make([]float32, n.Info().Dim)); err != nil {
			t.Error(err)
		}
	}
	if len(ids) != 2 {
		t.Errorf("two layouts have one id: %v", ids)
	}
}
