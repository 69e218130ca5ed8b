package cli

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"featstore/split"
	"featstore/store"
)

// evaluate --average flip judges by the probabilities that predict --average flip gives.
func TestEvaluateAveragesAsPredictDoes(t *testing.T) {
	path := drawnStore(t, 8)
	runs(t, "train", "--head", "logistic", "--store", path)
	var report struct {
		LogLoss float64 `json:"log_loss"`
	}
	lines := strings.Split(strings.TrimSpace(runs(t, "evaluate", "--average", "flip", "--split", "training", "--json", "--store", path)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &report); err != nil { // progress before it, where it takes long
		t.Fatal(err)
	}
	photos := splitPaths(t, path, split.Training)
	said := runs(t, append([]string{"predict", "--average", "flip", "--top", "5", "--json", "--store", path}, photos...)...)
	sum, n := 0.0, 0
	for line := range strings.Lines(said) {
		var p prediction
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		if p.Path == "" { // progress
			continue
		}
		for _, l := range p.Top {
			if l.Label == filepath.Base(filepath.Dir(p.Path)) {
				sum -= math.Log(l.Probability)
				n++
			}
		}
	}
	if want := sum / float64(n); n != len(photos) || math.Abs(report.LogLoss-want) > 1e-6 {
		t.Errorf("log loss %v over %d photos, not %v", report.LogLoss, n, want)
	}
}

// splitPaths returns the paths of a split's photos.
func splitPaths(t *testing.T, path string, which split.Split) (paths []string) {
	t.Helper()
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := db.Stats()
	if err != nil {
		t.Fatal(err)
	}
	ix, err := db.Index([]string{s.Models[0].ID}, which)
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range ix.Keys {
		for _, d := range keys {
			at, err := photoPaths(db, d)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, at[0])
		}
	}
	return paths
}
