package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sbinet/npyio"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/onnx"
)

// shared is where the test material lies, beside the repository.
const shared = "../../../../shared"

// A goldenCase is one entry of golden.json: an exact input and the bottleneck
// that another engine computes for it.
type goldenCase struct {
	Model, Input, Layout, Tap, Bottleneck string
	Mean, Std                             float32
	Dim                                   int
}

func (c goldenCase) name() string { return filepath.Base(c.Bottleneck) }

// goldenFolder is FEATSTORE_GOLDEN or the shared one; the models lie beside the
// shared one, or in the folder itself.
func goldenFolder(t testing.TB) string {
	if dir := os.Getenv("FEATSTORE_GOLDEN"); dir != "" {
		return dir
	}
	return needShared(t, "golden")
}

func needShared(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(shared, name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("needs ../shared (test material that is not part of the repository)")
	}
	return path
}

func TestGoldenBottlenecks(t *testing.T) {
	dir := goldenFolder(t)
	data, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, model := range modelsOf(cases) {
		t.Run(model, func(t *testing.T) {
			g := parseModel(t, modelPath(t, dir, model)) // one at a time: together they may not fit in memory
			for _, s := range kernel.Sets() {
				t.Run(s.Name, func(t *testing.T) { checkGolden(t, dir, g, casesOf(cases, model), s.Name) })
			}
		})
	}
}

// modelsOf lists the models of cases, each once.
func modelsOf(cases []goldenCase) []string {
	var models []string
	for _, c := range cases {
		if !slices.Contains(models, c.Model) {
			models = append(models, c.Model)
		}
	}
	return models
}

func casesOf(cases []goldenCase, model string) []goldenCase {
	return slices.DeleteFunc(slices.Clone(cases), func(c goldenCase) bool { return c.Model != model })
}

// checkGolden runs the cases of one model, with -short the first one only.
func checkGolden(t *testing.T, dir string, g *graph.Graph, cases []goldenCase, set string) {
	if testing.Short() {
		cases = cases[:1]
	}
	programs := map[string]*Program{}
	for _, c := range cases {
		t.Run(c.name(), func(t *testing.T) { c.check(t, dir, g, set, programs) })
	}
}

func modelPath(t testing.TB, dir, name string) string {
	for _, path := range []string{filepath.Join(dir, name), filepath.Join(dir, "..", "models", name), filepath.Join(shared, "models", name)} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatalf("no model %s beside %s", name, dir)
	return ""
}

func parseModel(t testing.TB, path string) *graph.Graph {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Parse(data, onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (c goldenCase) check(t *testing.T, dir string, g *graph.Graph, set string, programs map[string]*Program) {
	pixels, h, w, ch := c.input(t, filepath.Join(dir, c.Input))
	shape := []int{1, ch, h, w}
	if c.Layout == "nhwc" {
		shape = []int{1, h, w, ch}
	}
	key := fmt.Sprint(c.Model, shape, c.Tap)
	p := programs[key]
	if p == nil {
		var err error
		if p, err = Compile(g, Options{Input: shape, ChannelsLast: c.Layout == "nhwc", Tap: c.Tap, Kernels: set}); err != nil {
			t.Fatal(err)
		}
		programs[key] = p
	}
	if p.Dim() != c.Dim {
		t.Fatalf("%d values, want %d", p.Dim(), c.Dim)
	}
	got := make([]float32, p.Dim())
	if err := p.NewRunner().Run(context.Background(), pixels, got); err != nil {
		t.Fatal(err)
	}
	compareBottleneck(t, got, readNPY(t, filepath.Join(dir, c.Bottleneck)))
}

// compareBottleneck applies the golden tests' tolerance.
func compareBottleneck(t *testing.T, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	var dot, gg, ww, worst, top float64
	for i, g := range got {
		a, b := float64(g), float64(want[i])
		dot, gg, ww = dot+a*b, gg+a*a, ww+b*b
		worst, top = max(worst, math.Abs(a-b)), max(top, math.Abs(b))
		if a != a {
			t.Fatalf("value %d is NaN", i)
		}
	}
	cosine := dot / math.Sqrt(gg*ww)
	t.Logf("largest difference %.1e of the largest value, 1 − cosine %.1e", worst/top, 1-cosine)
	if worst > 1e-3*top || !(cosine >= 0.99999) {
		t.Errorf("largest difference %v of %v, cosine %v", worst, top, cosine)
	}
}

// input returns a case's pixels as H×W×C floats.
func (c goldenCase) input(t *testing.T, path string) (pixels []float32, h, w, ch int) {
	if filepath.Ext(path) == ".npy" {
		return c.tensorInput(t, path)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return c.normalise(img)
}

func (c goldenCase) normalise(img image.Image) (pixels []float32, h, w, ch int) {
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			for _, v := range []uint32{r, g, bl} {
				pixels = append(pixels, (float32(v>>8)-c.Mean)/c.Std)
			}
		}
	}
	return pixels, b.Dy(), b.Dx(), 3
}

// tensorInput reads a tensor that is fed as it is, N×C×H×W or N×H×W×C.
func (c goldenCase) tensorInput(t *testing.T, path string) (pixels []float32, h, w, ch int) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := npyio.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Header.Descr.Shape
	values := readNPY(t, path)
	if c.Layout == "nhwc" {
		return values, s[1], s[2], s[3]
	}
	forEachOffset(s, innermost(4, 1), func(at int) { pixels = append(pixels, values[at]) })
	return pixels, s[2], s[3], s[1]
}

func readNPY(t *testing.T, path string) []float32 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var x []float32
	if err := npyio.Read(f, &x); err != nil {
		t.Fatal(err)
	}
	return x
}
