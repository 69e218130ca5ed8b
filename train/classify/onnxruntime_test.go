package classify

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"featstore/extract"
	"featstore/store/storetest"
	"featstore/train"
)

// python returns an interpreter that has ONNX Runtime, or skips the test. FEATSTORE_PYTHON
// names another one than python3.
func python(t *testing.T) string {
	t.Helper()
	name := os.Getenv("FEATSTORE_PYTHON")
	if name == "" {
		name = "python3"
	}
	if err := exec.Command(name, "-c", "import numpy, onnxruntime").Run(); err != nil {
		t.Skipf("needs %s with numpy and onnxruntime; FEATSTORE_PYTHON names another one", name)
	}
	return name
}

// photos returns some photos of the shared set, or without it drawings of noise.
func photos(t *testing.T, n int) (all [][]byte) {
	t.Helper()
	names, _ := filepath.Glob("../../../shared/flower_photos/*/*.jpg")
	for i := range n {
		if len(names) < n {
			all = append(all, noise(t, uint64(i), 70+i, 90))
			continue
		}
		data, err := os.ReadFile(names[i*len(names)/n])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// runRuntime runs a model in ONNX Runtime, photo by photo.
func runRuntime(t *testing.T, interpreter string, model []byte, n, labels int, inputs ...string) map[string][]float64 {
	t.Helper()
	dir := storetest.Dir(t)
	file, out := filepath.Join(dir, "classifier.onnx"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, model, 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{filepath.Join("testdata", "run_classifier.py"), file, fmt.Sprint(n)}, append(inputs, out)...)
	if said, err := exec.Command(interpreter, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, len(data)/4)
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, values); err != nil {
		t.Fatal(err)
	}
	got, at := map[string][]float64{}, 0
	for _, o := range []struct {
		name string
		n    int
	}{{OutputProbability, n * labels}, {OutputLabel, n}, {OutputSimilarity, n}, {OutputRejected, n}} {
		for _, v := range values[at : at+o.n] {
			got[o.name] = append(got[o.name], float64(v))
		}
		at += o.n
	}
	return got
}

// TestInONNXRuntime: every kind of head on one network and on two gives in ONNX Runtime what
// the classifier gives for the same prepared photos.
func TestInONNXRuntime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds a head")
	}
	interpreter := python(t)
	all := photos(t, 12)
	for networks := 1; networks <= 2; networks++ {
		for _, kind := range train.Kinds {
			t.Run(fmt.Sprint(kind, " ", networks), func(t *testing.T) {
				c := classifier(t, networks, quick(kind, train.DefaultsOf(kind).Scaling))
				defer c.Close()
				compareInRuntime(t, interpreter, c, all)
			})
		}
	}
}

func compareInRuntime(t *testing.T, interpreter string, c *Classifier, all [][]byte) {
	t.Helper()
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
	var inputs []string
	for _, n := range d.Networks {
		var b bytes.Buffer
		for _, data := range all {
			if err := binary.Write(&b, binary.LittleEndian, planes(t, n, data)); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(storetest.Dir(t), n.Input)
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, n.Input+"="+file)
	}
	got := runRuntime(t, interpreter, model, len(all), len(c.Labels()), inputs...)
	for i, data := range all {
		want, err := c.ClassifyBytes(context.Background(), data)
		if err != nil {
			t.Fatal(err)
		}
		requireClose(t, i, want, got, c.Labels())
	}
}

// TestPixelsInONNXRuntime: with the preparation in the model, labels are those of featstore's
// own preparation on nearly all photos, for every way to resize.
func TestPixelsInONNXRuntime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	interpreter := python(t)
	head := fitted(t, 1, quick(train.KindLogistic, train.ScaleL2))
	file, err := extract.DefaultModel()
	if err != nil {
		t.Fatal(err)
	}
	for _, settings := range []string{"size=96", "size=96x64", "size=64,resize=squash,filter=bilinear", "size=96,resize=squash,filter=tf-bilinear,antialias=false",
		"size=64,resize=shorter-side,side=75", "size=64x96,resize=shorter-side,side=96,order=bgr,mean=100,std=60"} {
		t.Run(settings, func(t *testing.T) {
			var m extract.Manifest
			if err := m.SetAll(settings); err != nil {
				t.Fatal(err)
			}
			n, err := file.Network(m)
			if err != nil {
				t.Fatal(err)
			}
			c, err := New(head, []*extract.Network{n}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			model, err := c.Export(ExportOptions{Pixels: true})
			if err != nil {
				t.Fatal(err)
			}
			comparePixels(t, interpreter, c, model)
		})
	}
}

func comparePixels(t *testing.T, interpreter string, c *Classifier, model []byte) {
	t.Helper()
	for i, data := range photos(t, 2) {
		want, err := c.ClassifyBytes(context.Background(), data)
		if err != nil {
			t.Fatal(err)
		}
		m, _, err := image.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		size := m.Bounds().Size()
		all := image.NewNRGBA(image.Rect(0, 0, size.X, size.Y))
		draw.Draw(all, all.Rect, m, m.Bounds().Min, draw.Src)
		var pixels []byte
		for k := 0; k < len(all.Pix); k += 4 {
			pixels = append(pixels, all.Pix[k:k+3]...)
		}
		file := filepath.Join(storetest.Dir(t), "pixels")
		if err := os.WriteFile(file, pixels, 0o600); err != nil {
			t.Fatal(err)
		}
		got := runRuntime(t, interpreter, model, 1, len(c.Labels()), fmt.Sprintf("%s=%s@%dx%dx3", InputPixels, file, size.Y, size.X))
		for l, p := range want.Probabilities {
			// Go's own decoder upsamples colours otherwise.
			if d := got[OutputProbability][l] - p; d > 0.02 || d < -0.02 {
				t.Errorf("photo %d: label %d has %.4f, featstore says %.4f", i, l, got[OutputProbability][l], p)
			}
		}
		if l := c.Labels()[int(got[OutputLabel][0])]; l != want.Label && want.Probability > 0.5 {
			t.Errorf("photo %d: %s, featstore says %s", i, l, want.Label)
		}
	}
}
