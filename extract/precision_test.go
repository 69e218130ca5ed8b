package extract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"featstore/extract/internal/engine"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/quantize"
	"featstore/extract/internal/zoo"
	"featstore/extract/models"
	"featstore/extract/photo"
)

// rangePhotos is how many photos the ranges of the embedded network are measured on, evenly
// taken from ../shared/flower_photos.
const rangePhotos = 200

// TestRangesAreMeasured measures the ranges by which the embedded network becomes one of
// 8-bit numbers; those embedded are within a twentieth. With FEATSTORE_RECORD=1 it writes them:
//
//	FEATSTORE_RECORD=1 go test ./extract -run TestRangesAreMeasured
//
// Another network or other ranges give other vectors, and other ids: see TestModelIDs.
func TestRangesAreMeasured(t *testing.T) {
	record := os.Getenv("FEATSTORE_RECORD") != ""
	if testing.Short() && !record {
		t.Skip("runs the network on many photos")
	}
	names, err := filepath.Glob(filepath.Join(shared(t, "flower_photos"), "*", "*.jpg"))
	if err != nil || len(names) < rangePhotos {
		t.Fatalf("%d photos: %v", len(names), err)
	}
	n, err := DefaultWith(photo.Settings{}, PrecisionFloat)
	if err != nil {
		t.Fatal(err)
	}
	g, shapes, err := n.quantizable()
	if err != nil {
		t.Fatal(err)
	}
	sample, err := n.sample(rangePhotos, func(_ context.Context, i int) ([]byte, error) { return os.ReadFile(names[i*len(names)/rangePhotos]) })
	if err != nil {
		t.Fatal(err)
	}
	r, err := quantize.Measure(t.Context(), g, shapes, sample, quantize.Options{Options: n.engineOptions(), Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	measured := r.Encode()
	if record {
		const about = "# Ranges of the activations of efficientnet_lite0_fp16.onnx: tensor, scale, zero point.\n" +
			"# Measured by TestRangesAreMeasured in package extract.\n"
		text := append([]byte(about), measured...)
		if err := os.WriteFile(filepath.Join("models", "efficientnet_lite0_ranges.txt"), text, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	embedded, err := embeddedRanges()
	if err != nil {
		t.Fatal(err)
	}
	if len(embedded.Ranges) != len(r.Ranges) {
		t.Errorf("%d embedded ranges, %d measured", len(embedded.Ranges), len(r.Ranges))
	}
	for name, want := range r.Ranges { // photos may be prepared a little differently since
		lo, hi := embedded.Ranges[name].Bounds()
		wantLo, wantHi := want.Bounds()
		if near := (wantHi - wantLo) / 20; math.Abs(lo-wantLo) > near || math.Abs(hi-wantHi) > near {
			t.Errorf("%s is embedded with the range %v…%v, measured are %v…%v", name, lo, hi, wantLo, wantHi)
		}
	}
}

// TestDefaultOnEveryMachine: from a photo's file to its vector the embedded network has the
// same bits with all kernels, by one worker and by several, and on every processor: the
// digests were recorded on amd64. When one changes and that is meant, EngineRevision rises.
func TestDefaultOnEveryMachine(t *testing.T) {
	recorded := map[int]string{64: "b4ba46bd46d09fd8", 320: "f456c768ddc415bf"}
	if testing.Short() {
		delete(recorded, 320) // plain Go takes a second
	}
	data := readFile(t, filepath.Join("photo", "testdata", "resize", "wide_source.png"))
	for size, want := range recorded {
		n, err := Default(size)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.compiled(); err != nil { // sets the limits of photos
			t.Fatal(err)
		}
		p := n.Info().Preprocess
		pixels := make([]float32, p.Len())
		var scratch photo.Scratch
		if _, err := p.Prepare(t.Context(), pixels, data, n.limits, &scratch); err != nil {
			t.Fatal(err)
		}
		g, err := n.computed()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range kernel.Sets() {
			opt := n.engineOptions()
			opt.Kernels = s.Name
			p, err := engine.Compile(g, opt)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Stats().Exact {
				t.Errorf("%s kernels: the same bits are not promised", s.Name)
			}
			got := make([]float32, p.Dim())
			for _, workers := range []int{1, 3} {
				if err := p.NewParallelRunner(workers).Run(t.Context(), pixels, got); err != nil {
					t.Fatal(err)
				}
				if digest := digestOf(got); digest != want {
					t.Errorf("size %d, %s kernels, %d workers: digest %s, want %s", size, s.Name, workers, digest, want)
				}
			}
		}
	}
}

// digestOf is a digest of the bits of a vector.
func digestOf(x []float32) string {
	h := sha256.New()
	for _, v := range x {
		fmt.Fprintln(h, math.Float32bits(v))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// TestPrecision: what numbers a network computes with, asked for or not.
func TestPrecision(t *testing.T) {
	lite, err := DefaultModel()
	if err != nil {
		t.Fatal(err)
	}
	file := mustOpen(t, models.Default().ONNX)
	v, err := zoo.Find("mobilenetv2-torchscript")
	if err != nil {
		t.Fatal(err)
	}
	float, err := OpenModel(writeZoo(t, v.Small()))
	if err != nil {
		t.Fatal(err)
	}
	if v, err = zoo.Find("resnet18-qdq"); err != nil {
		t.Fatal(err)
	}
	bytes, err := OpenModel(writeZoo(t, v.Small()))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what    string
		model   *ModelFile
		request string
		want    string // "" for ErrPrecision
	}{
		{"embedded", lite, "size=64", Precision8Bit},
		{"embedded", lite, "size=64,precision=8bit", Precision8Bit},
		{"embedded", lite, "size=64,precision=float", PrecisionFloat},
		{"embedded", lite, "size=64,filter=bilinear,tap=bottleneck", Precision8Bit},
		{"embedded", lite, "size=64,tap=head", PrecisionFloat},
		{"embedded", lite, "size=64,mean=100", PrecisionFloat},
		{"embedded", lite, "size=64,order=bgr", PrecisionFloat},
		{"embedded", lite, "size=64,tap=head,precision=8bit", ""},
		{"embedded", lite, "size=64,std=100,precision=8bit", ""},
		{"embedded network's file", file, "size=64", PrecisionFloat},
		{"embedded network's file", file, "size=64,precision=8bit", Precision8Bit},
		{"floats", float, "inception,size=64", PrecisionFloat},
		{"floats", float, "inception,size=64,precision=float", PrecisionFloat},
		{"floats", float, "inception,size=64,precision=8bit", ""},
		{"bytes", bytes, "inception,size=64", Precision8Bit},
		{"bytes", bytes, "inception,size=64,precision=8bit", Precision8Bit},
		{"bytes", bytes, "inception,size=64,precision=float", ""},
	} {
		n, err := c.model.Network(request(t, c.request))
		switch {
		case c.want == "" && !errors.Is(err, ErrPrecision):
			t.Errorf("%s with %s: %v, want ErrPrecision", c.what, c.request, err)
		case c.want != "" && err != nil:
			t.Errorf("%s with %s: %v", c.what, c.request, err)
		case c.want != "" && n.Info().Precision != c.want:
			t.Errorf("%s with %s: %s, want %s", c.what, c.request, n.Info().Precision, c.want)
		}
		if err != nil || c.want != PrecisionFloat {
			continue
		}
		if err := n.CheckFloat(); err != nil {
			t.Errorf("%s with %s: %v", c.what, c.request, err)
		}
	}
}

// TestInFloat: a network of 8-bit numbers that are made when it is read leads to that of
// its floats.
func TestInFloat(t *testing.T) {
	n := smallDefault(t)
	float, err := DefaultWith(photo.Settings{Width: 64, Height: 64}, PrecisionFloat)
	if err != nil {
		t.Fatal(err)
	}
	if n.InFloat().Info() != float.Info() {
		t.Errorf("in float %+v, want %+v", n.InFloat().Info(), float.Info())
	}
	if float.InFloat() != float {
		t.Error("a network in float becomes another one")
	}
	data := picture(t, color.White, 7)
	if !slices.Equal(vector(t, n.InFloat(), data), vector(t, float, data)) {
		t.Error("it computes other vectors than the network in float")
	}
	if err := n.CheckFloat(); !errors.Is(err, ErrQuantized) {
		t.Errorf("8 bits: %v", err)
	}
}
