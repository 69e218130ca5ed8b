package extract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sbinet/npyio"

	"featstore/extract/models"
	"featstore/extract/photo"
)

// picture is a small PNG with stripes of a colour.
func picture(t testing.TB, c color.Color, step int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 90, 60))
	for y := range 60 {
		for x := range 90 {
			if (x+y)/step%2 == 0 {
				img.Set(x, y, c)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func smallDefault(t testing.TB) *Network {
	t.Helper()
	n, err := Default(64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func vector(t testing.TB, n *Network, data []byte) []float32 {
	t.Helper()
	x, err := n.NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	vec, err := x.Extract(context.Background(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return vec
}

// What Default claims without reading the model must be what reading it shows.
func TestDefaultIsItsModel(t *testing.T) {
	for _, precision := range []string{PrecisionFloat, Precision8Bit} {
		lazy, err := DefaultWith(photo.Settings{Width: 64, Height: 64}, precision)
		if err != nil {
			t.Fatal(err)
		}
		m, err := DefaultModel()
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := m.Network(Manifest{Precision: precision, Preprocess: photo.Settings{Width: 64, Height: 64}})
		if err != nil {
			t.Fatal(err)
		}
		if lazy.Info() != loaded.Info() {
			t.Errorf("%s: Default says %+v, the model is %+v", precision, lazy.Info(), loaded.Info())
		}
	}
	lazy, err := DefaultWith(photo.Settings{Width: 64, Height: 64}, PrecisionFloat)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(models.Default().ONNX, NetworkOptions{Name: lazy.Info().Name, Preprocess: lazy.Info().Preprocess})
	if err != nil {
		t.Fatal(err)
	}
	if lazy.Info() != loaded.Info() {
		t.Errorf("Default says %+v, the file is %+v", lazy.Info(), loaded.Info())
	}
}

// Ids must not change by accident: every store holds them. Those in float are the ids of
// stores that were begun before 8 bits were the usual, those of decoding JPEGs in full of
// stores that were begun before it could be done at a reduced size, those of colours as
// stored of stores that were begun before colours were converted to sRGB.
func TestModelIDs(t *testing.T) {
	full := float32(0)
	for _, c := range []struct {
		want, precision string
		settings        photo.Settings
	}{
		{"c002ed5b2ff2c712", "", photo.Settings{}},
		{"c002ed5b2ff2c712", Precision8Bit, photo.Settings{Color: photo.ColorSRGB}},
		{"2efbf9cf3ec03946", "", photo.Settings{Width: 224, Height: 224}},
		{"c4546c075606c9f7", "", photo.Settings{Color: photo.ColorStored}},
		{"6511d6b8cf9960e6", "", photo.Settings{Width: 224, Height: 224, Color: photo.ColorStored}},
		{"a88b0eab6469d1c1", PrecisionFloat, photo.Settings{Color: photo.ColorStored}},
		{"868171c1c8dfdc61", PrecisionFloat, photo.Settings{Width: 224, Height: 224, Color: photo.ColorStored}},
		{"3ee8b2503105251b", PrecisionFloat, photo.Settings{JPEGReduce: &full, Color: photo.ColorStored}},
		{"593010e1f5135799", PrecisionFloat, photo.Settings{Width: 224, Height: 224, JPEGReduce: &full, Color: photo.ColorStored}},
	} {
		n, err := DefaultWith(c.settings, c.precision)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Info().ID; got != c.want {
			t.Errorf("%+v: id %s: if the change is meant, raise EngineRevision", c, got)
		}
	}
}

func TestIDDependsOnAllThatDecidesVectors(t *testing.T) {
	base := smallDefault(t).Info()
	seen := map[string]string{base.id(): "unchanged"}
	for name, change := range map[string]func(*Info){
		"file": func(i *Info) { i.FileSHA256 = strings.Repeat("0", 64) }, "tap": func(i *Info) { i.Tap = "other" },
		"pool": func(i *Info) { i.Pool = "max" }, "engine": func(i *Info) { i.Engine++ },
		"size": func(i *Info) { i.Preprocess.Width++ }, "mean": func(i *Info) { i.Preprocess.Mean[1]++ },
		"order": func(i *Info) { i.Preprocess.Order = photo.OrderBGR }, "antialias": func(i *Info) { i.Preprocess.Antialias = false },
		"reduction of JPEGs": func(i *Info) { i.Preprocess.JPEGReduce = 0 }, "precision": func(i *Info) { i.Ranges = "" },
		"colours": func(i *Info) { i.Preprocess.Color = "" },
		"range":   func(i *Info) { i.Ranges = strings.Repeat("0", 64) },
	} {
		i := base
		change(&i)
		if other, taken := seen[i.id()]; taken {
			t.Errorf("another %s gives the id of: %s", name, other)
		}
		seen[i.id()] = name
	}
	named := base
	named.Name = "another name"
	if named.id() != base.id() {
		t.Error("the name changes the id")
	}
}

// A vector depends on the photo alone: not on the extractor, nor on what it saw
// before, nor on how many run at once, nor on the number of cores.
func TestVectorsDependOnThePhotoAlone(t *testing.T) {
	n := smallDefault(t)
	photos := [][]byte{picture(t, color.White, 7), picture(t, color.RGBA{200, 30, 40, 255}, 3), picture(t, color.RGBA{0, 90, 200, 255}, 20)}
	var want [][]float32
	for _, p := range photos {
		want = append(want, vector(t, n, p))
	}
	if slices.Equal(want[0], want[1]) {
		t.Fatal("two different photos have the same vector")
	}
	var group sync.WaitGroup
	for g := range 3 {
		group.Go(func() {
			x, err := n.NewParallelExtractor(1 + g)
			if err != nil {
				t.Error(err)
				return
			}
			dst := make([]float32, n.Info().Dim)
			for i := range 6 {
				k := (i*2 + g) % len(photos)
				if err := x.ExtractBytes(context.Background(), photos[k], dst); err != nil || !slices.Equal(dst, want[k]) {
					t.Errorf("photo %d has another vector this time (%v)", k, err)
				}
			}
		})
	}
	group.Wait()
}

// Several cores on one photo, and pixels prepared by the caller, give the same bits.
func TestParallelExtractorAndInput(t *testing.T) {
	n, data := smallDefault(t), picture(t, color.RGBA{200, 30, 90, 255}, 7)
	want := vector(t, n, data)
	p := n.Info().Preprocess
	pixels := make([]float32, p.Len())
	if err := p.Pixels(pixels, data, photo.Limits{}, nil); err != nil {
		t.Fatal(err)
	}
	for _, cores := range []int{0, 1, 2, 5} {
		x, err := n.NewParallelExtractor(cores)
		if err != nil {
			t.Fatal(err)
		}
		whole, prepared := make([]float32, len(want)), make([]float32, len(want))
		if err := x.ExtractBytes(context.Background(), data, whole); err != nil {
			t.Fatal(err)
		}
		if err := x.ExtractInput(context.Background(), pixels, prepared); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(whole, want) || !slices.Equal(prepared, want) {
			t.Errorf("%d cores: the bottleneck differs from that of one core", cores)
		}
		if err := x.ExtractInput(context.Background(), pixels[1:], prepared); err == nil {
			t.Errorf("%d cores: an input too short was taken", cores)
		}
	}
	plan, err := n.Plan()
	if err != nil || plan.Features != n.Info().Dim || plan.Width != 64 || plan.Kernels == "" || plan.MACs == 0 {
		t.Errorf("plan %+v, %v", plan, err)
	}
}

func TestExtractErrors(t *testing.T) {
	n := smallDefault(t)
	x, err := n.NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, n.Info().Dim)
	if err := x.ExtractBytes(context.Background(), []byte("these are notes"), dst); !errors.Is(err, photo.ErrUnsupportedFormat) {
		t.Errorf("text: %v", err)
	}
	whole := picture(t, color.White, 5)
	if err := x.ExtractBytes(context.Background(), whole[:len(whole)/2], dst); !errors.Is(err, photo.ErrCorrupt) {
		t.Errorf("half a photo: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := x.ExtractBytes(ctx, whole, dst); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := x.Extract(context.Background(), bytes.NewReader(whole)); err != nil {
		t.Errorf("a good photo after bad ones: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	good := smallDefault(t).Info().Preprocess
	onnx := models.Default().ONNX
	for _, c := range []struct {
		name string
		data []byte
		opt  NetworkOptions
		want string
	}{
		{"no preprocessing", onnx, NetworkOptions{}, "size 0×0"},
		{"not a model", []byte("not a model"), NetworkOptions{Preprocess: good}, "not an ONNX model"},
		{"half a model", onnx[:len(onnx)/2], NetworkOptions{Preprocess: good}, "damaged model"},
		{"unknown tap", onnx, NetworkOptions{Preprocess: good, Tap: "nonesuch"}, "nonesuch"},
	} {
		if _, err := Load(c.data, c.opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Default(16); err == nil || !strings.Contains(err.Error(), "at least 32 pixels") {
		t.Errorf("size 16: %v", err)
	}
}

// The whole way from JPEG to bottleneck agrees with Pillow and ONNX Runtime, as
// far as two JPEG decoders and two resamplers agree: 20 photos at 320. Some are in Adobe RGB.
func TestPipelineAgreesWithPillow(t *testing.T) {
	golden, flowers := shared(t, "golden"), shared(t, "flower_photos")
	var photos []struct{ Photo, Bottleneck string }
	if err := json.Unmarshal(readFile(t, filepath.Join(golden, "pipeline.json")), &photos); err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		photos = photos[:3]
	}
	for precision, bound := range map[string]float64{PrecisionFloat: 0.99999, Precision8Bit: 0.96} {
		n, err := DefaultWith(photo.Settings{Color: photo.ColorStored}, precision) // as Pillow has them
		if err != nil {
			t.Fatal(err)
		}
		least := 1.0
		for _, p := range photos {
			data := readFile(t, filepath.Join(flowers, filepath.FromSlash(p.Photo)))
			got, want := vector(t, n, data), readNpy(t, filepath.Join(golden, p.Bottleneck))
			c := cosine(got, want)
			least = min(least, c)
			if c < bound {
				t.Errorf("%s in %s: cosine %.5f, want at least %v", p.Photo, precision, c, bound)
			}
		}
		t.Logf("%s: least cosine of %d photos: %.6f", precision, len(photos), least)
	}
}

func readNpy(t *testing.T, path string) []float32 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var v []float32
	if err := npyio.Read(f, &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func BenchmarkDefaultNetwork(b *testing.B) {
	n, err := Default(0)
	if err != nil {
		b.Fatal(err)
	}
	x, err := n.NewExtractor()
	if err != nil {
		b.Fatal(err)
	}
	stripes, dst := picture(b, color.White, 9), make([]float32, n.Info().Dim)
	b.ReportAllocs()
	for b.Loop() {
		if err := x.ExtractBytes(context.Background(), stripes, dst); err != nil {
			b.Fatal(err)
		}
	}
}

// endless gives a JPEG's first bytes and then zeros for ever.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	clear(p)
	if e.n == 0 {
		copy(p, "\xff\xd8\xff\xe0")
	}
	e.n += int64(len(p))
	return len(p), nil
}

// A reader without end is not read without end.
func TestExtractIsBounded(t *testing.T) {
	x, err := smallDefault(t).NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	var r endless
	if _, err := x.Extract(context.Background(), &r); !errors.Is(err, photo.ErrTooLarge) {
		t.Errorf("an endless photo: %v", err)
	}
	if r.n > photo.MaxFileBytes+1 {
		t.Errorf("%d bytes were read, at most %d are allowed", r.n, photo.MaxFileBytes)
	}
}
