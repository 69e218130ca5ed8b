package extract

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"featstore/extract/internal/zoo"
)

// blotches draws a photo of coloured blotches, never the same for two seeds.
func blotches(t *testing.T, size int, seed uint64) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for range 40 {
		c := color.NRGBA{uint8(rng.IntN(256)), uint8(rng.IntN(256)), uint8(rng.IntN(256)), 255}
		x, y, r := rng.IntN(size), rng.IntN(size), 1+rng.IntN(size/2)
		for j := max(y-r, 0); j < min(y+r, size); j++ {
			for i := max(x-r, 0); i < min(x+r, size); i++ {
				if (i-x)*(i-x)+(j-y)*(j-y) < r*r {
					img.SetNRGBA(i, j, c)
				}
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sampleOf draws photos to quantize on.
func sampleOf(t *testing.T, size, images int) (int, func(context.Context, int) ([]byte, error)) {
	t.Helper()
	var photos [][]byte
	for i := range images {
		photos = append(photos, blotches(t, size, uint64(i)))
	}
	return images, func(_ context.Context, i int) ([]byte, error) { return photos[i], nil }
}

// quantizedZoo quantizes a network of the zoo and returns both, the quantized one as it is
// opened without any flags.
func quantizedZoo(t *testing.T, m *zoo.Model, workers int) (exact, rounded *Network, q *Quantized, path string) {
	t.Helper()
	size := max(m.Shape[1], m.Shape[2])
	r := request(t, fmt.Sprintf("inception,size=%dx%d", size, size))
	exact, err := OpenNetwork(writeZoo(t, m), r)
	if err != nil {
		t.Fatal(err)
	}
	images, read := sampleOf(t, size, 6)
	q, err = exact.Quantize(t.Context(), images, read, QuantizeOptions{Workers: workers, Decibels: 1})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "net.int8.onnx")
	if err := os.WriteFile(path, q.Model, 0o600); err != nil {
		t.Fatal(err)
	}
	if rounded, err = OpenNetwork(path, Manifest{}); err != nil {
		t.Fatal(err)
	}
	return exact, rounded, q, path
}

// TestFamiliesAreQuantized quantizes every family of networks as every exporter writes
// it. Random weights make noise of small errors, so the bounds are wide: a wrong scale,
// axis or channel leaves no resemblance.
func TestFamiliesAreQuantized(t *testing.T) {
	for i, v := range zoo.Variants() {
		m := v.Small()
		if m.Quantum != 0 || testing.Short() && i%4 != 1 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			exact, rounded, q, _ := quantizedZoo(t, m, 2)
			if exact.Info().Preprocess != rounded.Info().Preprocess || exact.Info().Tap != rounded.Info().Tap || exact.Info().Pool != rounded.Info().Pool {
				t.Errorf("used as %+v, the network in float as %+v", rounded.Info(), exact.Info())
			}
			float := 0
			for _, l := range q.Layers {
				if l.Float {
					float++
				}
				if !l.Float && (l.Range == "" || !(l.High > l.Low)) {
					t.Errorf("%s has the range %v…%v (%q)", l.Name, l.Low, l.High, l.Range)
				}
			}
			photo := blotches(t, max(m.Shape[1], m.Shape[2]), 99)
			c := cosine(vector(t, exact, photo), vector(t, rounded, photo))
			t.Logf("cosine %.4f, %d of %d layers in float", c, float, len(q.Layers))
			if !(c > 0.95) {
				t.Errorf("cosine to float is %v", c)
			}
		})
	}
}

// TestQuantizedDoesNotDependOnWorkers: the same network and photos give the same file.
func TestQuantizedDoesNotDependOnWorkers(t *testing.T) {
	v, err := zoo.Find("mobilenetv2-torchscript")
	if err != nil {
		t.Fatal(err)
	}
	var files [][]byte
	for _, workers := range []int{1, 3} {
		_, _, q, _ := quantizedZoo(t, v.Small(), workers)
		files = append(files, q.Model)
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("one worker and three give different files")
	}
}

func TestQuantizedIsNotQuantizedAgain(t *testing.T) {
	v, err := zoo.Find("mobilenetv2-torchscript")
	if err != nil {
		t.Fatal(err)
	}
	_, rounded, _, _ := quantizedZoo(t, v.Small(), 2)
	images, read := sampleOf(t, 32, 1)
	if _, err := rounded.Quantize(t.Context(), images, read, QuantizeOptions{Workers: 1}); !errors.Is(err, ErrQuantized) {
		t.Errorf("error %v", err)
	}
	if err := rounded.CheckFloat(); !errors.Is(err, ErrQuantized) {
		t.Errorf("error %v", err)
	}
}

// peersPython has other engines installed, where there is one.
const peersPython = "/opt/peers/bin/python"

// otherEngines lists those that are installed.
func otherEngines(t *testing.T) (engines []string) {
	for _, name := range []string{"onnxruntime", "openvino"} {
		if exec.Command(peersPython, "-c", "import "+name).Run() == nil {
			engines = append(engines, name)
		}
	}
	if len(engines) == 0 {
		t.Skip("neither ONNX Runtime nor OpenVINO is installed")
	}
	return engines
}

// checkOtherEngine compares features of a photo with those of another engine.
func checkOtherEngine(t *testing.T, engine string, n *Network, photo []byte, least float64) {
	t.Helper()
	i := n.Info()
	pixels := make([]float32, i.Preprocess.Len())
	if err := i.Preprocess.Pixels(pixels, photo, n.PhotoLimits(), nil); err != nil {
		t.Fatal(err)
	}
	want, got := vector(t, n, photo), otherEngine(t, engine, n.Origin().Path, pixels, n.Origin().Layout, i)
	if len(got) != len(want) {
		t.Fatalf("%s gives %d features, not %d", engine, len(got), len(want))
	}
	if c := cosine(got, want); !(c >= least) {
		t.Errorf("cosine to %s is %.5f, not %v", engine, c, least)
	}
}

// TestQuantizedFamiliesInOtherEngines runs quantized networks of every family by ONNX
// Runtime and OpenVINO. The latter changes more than the order of sums, and random weights make much
// of that: its bound is wide here, and the one of TestQuantizedDefaultInOtherEngines counts.
func TestQuantizedFamiliesInOtherEngines(t *testing.T) {
	engines := otherEngines(t)
	for i, v := range zoo.Variants() {
		m := v.Small()
		if m.Quantum != 0 || testing.Short() && i%16 != 1 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			_, rounded, _, _ := quantizedZoo(t, m, 2)
			for _, engine := range engines {
				checkOtherEngine(t, engine, rounded, blotches(t, max(m.Shape[1], m.Shape[2]), 99), map[string]float64{"onnxruntime": 0.999, "openvino": 0.9}[engine])
			}
		})
	}
}

// TestQuantizedDefaultInOtherEngines quantizes the embedded network on real photos and runs
// it on others.
func TestQuantizedDefaultInOtherEngines(t *testing.T) {
	photos, err := filepath.Glob("../../shared/flower_photos/*/*.jpg")
	if err != nil || len(photos) < 100 {
		t.Skip("no flower photos")
	}
	engines := otherEngines(t)
	exact, err := Default(0)
	if err != nil {
		t.Fatal(err)
	}
	q, err := exact.Quantize(t.Context(), 16, func(_ context.Context, i int) ([]byte, error) { return os.ReadFile(photos[i*len(photos)/16]) },
		QuantizeOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "net.onnx")
	if err := os.WriteFile(path, q.Model, 0o600); err != nil {
		t.Fatal(err)
	}
	rounded, err := OpenNetwork(path, Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		photo, err := os.ReadFile(photos[5+i*len(photos)/4])
		if err != nil {
			t.Fatal(err)
		}
		if c := cosine(vector(t, exact, photo), vector(t, rounded, photo)); !(c > 0.98) {
			t.Errorf("cosine to float is %v", c)
		}
		for _, engine := range engines {
			checkOtherEngine(t, engine, rounded, photo, 0.999)
		}
	}
}

// otherEngine computes features by another engine.
func otherEngine(t *testing.T, engine, path string, pixels []float32, layout string, i Info) []float32 {
	t.Helper()
	const program = `
import sys, numpy as np
engine, path, layout, pool, w, h = sys.argv[1:7]
x = np.frombuffer(sys.stdin.buffer.read(), np.float32).reshape(1, int(h), int(w), 3)
if layout == "nchw":
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
if engine == "onnxruntime":
    import onnxruntime
    s = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    y = s.run(None, {s.get_inputs()[0].name: x})[0]
else:
    import openvino
    y = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([x])[0]
if y.ndim == 4 and pool == "avg":
    y = y.mean(axis=(2, 3) if layout == "nchw" else (1, 2))
elif y.ndim == 3 and pool == "avg":
    y = y.mean(axis=1)
sys.stdout.buffer.write(y.astype(np.float32).tobytes())
`
	cmd := exec.Command(peersPython, "-c", program, engine, path, layout, i.Pool, fmt.Sprint(i.Preprocess.Width), fmt.Sprint(i.Preprocess.Height))
	var in, out, problem bytes.Buffer
	if err := binary.Write(&in, binary.LittleEndian, pixels); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &problem
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", engine, err, strings.TrimSpace(problem.String()))
	}
	got := make([]float32, out.Len()/4)
	if err := binary.Read(&out, binary.LittleEndian, got); err != nil {
		t.Fatal(err)
	}
	return got
}
