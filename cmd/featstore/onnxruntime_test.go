//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// python returns an interpreter that has the modules, or skips the test. FEATSTORE_PYTHON
// names another one than python3.
func python(t *testing.T, modules ...string) string {
	t.Helper()
	name := os.Getenv("FEATSTORE_PYTHON")
	if name == "" {
		name = "python3"
	}
	for _, m := range modules {
		if err := exec.Command(name, "-c", "import "+m).Run(); err != nil {
			t.Skipf("needs %s with %s; FEATSTORE_PYTHON names another one", name, m)
		}
	}
	return name
}

// A tuned network that models export writes gives in ONNX Runtime the vectors that the
// store has of it, within 1e-4 of the largest number.
func TestTunedNetworkInONNXRuntime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	interpreter := python(t, "numpy", "onnxruntime")
	for _, c := range []struct{ network, from, optimizer string }{
		{"", "60%", "adamw"},
		{"resnet18-training", "input", "sgd"},
		{"mobilenetv3small-dynamo", "50%", "adamw"},
		{"efficientnetb0-keras", "input", "adamw"},
		{"vitb16-torchscript", "input", "adamw"},
		{"vitb16-keras", "50%", "adamw"},
		{"swint-dynamo", "input", "adamw"},
		{"convnexttiny-dynamo", "50%", "adamw"},
	} {
		t.Run(c.network+c.from, func(t *testing.T) {
			photos, db := drawSome(t, 4)
			ingest := []string{"ingest", photos, "--store", db, "--size", "64"}
			if c.network != "" {
				file := filepath.Join(filepath.Dir(db), "net.onnx")
				if err := writeZoo(c.network, file); err != nil {
					t.Fatal(err)
				}
				ingest = append(ingest[:4], "--model", file, "--preprocess", "imagenet")
			}
			tuned := filepath.Join(filepath.Dir(db), "tuned.onnx")
			for _, args := range [][]string{
				ingest,
				{"finetune", "--store", db, "--from", c.from, "--epochs", "1", "--batch", "8", "--optimizer", c.optimizer},
				{"models", "export", tunedName(t, db), "-o", tuned, "--store", db},
			} {
				if args[0] == "models" {
					args[2] = tunedName(t, db)
				}
				if stderr, status := start(t, args...).end(); status.ExitStatus() != 0 {
					t.Fatal(stderr)
				}
			}
			storetest.CheckFile(t, db)
			compareWithRuntime(t, interpreter, tuned, db, filepath.Join(photos, "rose"))
		})
	}
}

// tunedName returns the id of a store's tuned network, if it has one.
func tunedName(t *testing.T, db string) (id string) {
	t.Helper()
	if _, err := os.Stat(db); err != nil {
		return ""
	}
	viewStore(t, db, func(tx *store.Tx) error {
		models, err := tx.Models()
		for _, m := range models {
			if m.Tuned != nil {
				id = m.ID
			}
		}
		return err
	})
	return id
}

func viewStore(t *testing.T, path string, view func(*store.Tx) error) {
	t.Helper()
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(view); err != nil {
		t.Fatal(err)
	}
}

// compareWithRuntime compares the vectors of the photos in a folder.
func compareWithRuntime(t *testing.T, interpreter, model, db, folder string) {
	t.Helper()
	network, err := extract.OpenNetwork(model, extract.Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	how := network.Info().Preprocess
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no photos: %v", err)
	}
	var pixels bytes.Buffer
	var digests []split.Digest
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, how.Len())
		if err := how.Pixels(x, data, photo.Limits{}, new(photo.Scratch)); err != nil {
			t.Fatal(err)
		}
		if err := binary.Write(&pixels, binary.LittleEndian, x); err != nil {
			t.Fatal(err)
		}
		digests = append(digests, split.SumBytes(data))
	}
	in, out := filepath.Join(storetest.Dir(t), "pixels"), filepath.Join(storetest.Dir(t), "bottlenecks")
	if err := os.WriteFile(in, pixels.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(interpreter, filepath.Join("testdata", "run_onnx.py"),
		model, in, fmt.Sprint(len(names)), fmt.Sprint(how.Height), fmt.Sprint(how.Width), out)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	theirs := make([]float32, len(data)/4)
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, theirs); err != nil {
		t.Fatal(err)
	}
	dim := network.Info().Dim
	viewStore(t, db, func(tx *store.Tx) error {
		for i, d := range digests {
			ours, err := tx.Vector(network.Info().ID, d)
			if err != nil {
				return err
			}
			if err := near(ours, theirs[i*dim:(i+1)*dim]); err != nil {
				t.Errorf("%s: %v", filepath.Base(names[i]), err)
			}
		}
		return nil
	})
}

// near compares vectors, within 1e-4 of the largest number.
func near(ours, theirs []float32) error {
	largest, worst := 0.0, 0.0
	for i, v := range theirs {
		largest = math.Max(largest, math.Abs(float64(v)))
		worst = math.Max(worst, math.Abs(float64(ours[i])-float64(v)))
	}
	if !(largest > 0) || !(worst <= 1e-4*largest) {
		return fmt.Errorf("it differs by %.3g where the largest number is %.3g", worst, largest)
	}
	return nil
}
