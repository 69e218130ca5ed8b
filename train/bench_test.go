package train

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"featstore/split"
	"featstore/store/storetest"
)

// The size of flower_photos with EfficientNet-Lite0.
const (
	benchLabels = 5
	benchImages = 734 // a label: 3,670 in all
	benchDim    = 1280
	benchTest   = 367
)

// The article's whole run through the store.
func BenchmarkSoftmax4000Steps(b *testing.B) {
	db := fixedStore(b, benchLabels, benchImages, benchDim)
	for b.Loop() {
		if _, err := Fit(context.Background(), db, DefaultConfig(), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/4000, "µs/step")
}

func BenchmarkDraw(b *testing.B) {
	db := fixedStore(b, benchLabels, benchImages, benchDim)
	d, err := openDataset(db, nil)
	if err != nil {
		b.Fatal(err)
	}
	s, err := db.NewSampler(d.index(split.Training))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	src := source(1, 1)
	for b.Loop() {
		if _, err := s.Draw(src, 100); err != nil {
			b.Fatal(err)
		}
	}
}

// benchTable returns images like those of flower_photos: sparse, positive,
// correlated features of length 1, whose labels overlap.
func benchTable() *table {
	const factors = 64
	rng := rand.New(rand.NewPCG(1, 2))
	normal := func(n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = rng.NormFloat64()
		}
		return v
	}
	mix := normal(factors * benchDim)
	means := normal(benchLabels * factors)
	t := &table{labels: benchLabels, dims: []int{benchDim}}
	t.allocate(benchLabels*benchImages, benchDim)
	for i, row := range t.rows {
		t.truth[i] = rng.IntN(benchLabels)
		f := normal(factors)
		for k := range f {
			f[k] += 0.45 * means[t.truth[i]*factors+k]
		}
		for k := range row {
			s := 3 * rng.NormFloat64()
			for q, v := range f {
				s += v * mix[q*benchDim+k]
			}
			row[k] = float32(math.Max(s-4, 0))
		}
		unit(row)
	}
	return t
}

// benchParts returns the images to train on and those to judge.
func benchParts(t *table) (train, test *table) {
	var outside, inside []int
	for i := range t.rows {
		if i < len(t.rows)-benchTest {
			outside = append(outside, i)
		} else {
			inside = append(inside, i)
		}
	}
	return t.subset(outside), t.subset(inside)
}

// BenchmarkHeads fits each head to 3,303 × 1,280 features. With FEATSTORE_PYTHON set
// to a Python that has scikit-learn, that does the same on the same data in the
// same run, and its time over ours is reported as ×sklearn. On a machine that is
// busy with other things compare one thread with one thread, as NumPy's idle threads
// spin: GOMAXPROCS=1 OMP_NUM_THREADS=1.
func BenchmarkHeads(b *testing.B) {
	const c, cSVM = 31.6, 10
	t := benchTable()
	train, test := benchParts(t)
	peer := sklearnTimes(b, t, cSVM)
	pool := newWorkerPool(0)
	defer pool.close()
	ctx := context.Background()
	run := func(name, peerName string, fn func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
			if s, ok := peer[peerName]; ok {
				b.ReportMetric(1000*s, "ms-sklearn")
				b.ReportMetric(s/(b.Elapsed().Seconds()/float64(b.N)), "×sklearn")
			}
		})
	}
	fit := func(kind string, strength float64) func() error {
		return func() error {
			f := &fitting{cfg: Config{Kind: kind, Strength: strength, Scaling: ScaleNone}.complete(), pool: pool, events: func(Event) {}}
			_, err := f.fitTable(ctx, train)
			return err
		}
	}
	run("logistic", "logistic", fit(KindLogistic, c))
	run("logistic_cv", "logistic_cv", fit(KindLogistic, 0))
	run("svm", "svm", fit(KindSVM, cSVM))
	run("svm_cv", "", fit(KindSVM, 0))
	run("lda", "lda", fit(KindLDA, 0))
	run("bayes", "bayes", fit(KindBayes, 0))
	run("centroid", "centroid", fit(KindCentroid, 0))
	neighbours := fitKNN(train, 9, pool)
	scores := make([]float64, len(test.rows)*benchLabels)
	run("knn_predict", "knn", func() error { neighbours.scores(scores, test.rows); return nil })
	run("knn_choose_k", "", fit(KindKNN, 0))
	db := fixedStore(b, benchLabels, benchImages, benchDim)
	run("softmax_from_store", "softmax", func() error {
		_, err := Fit(ctx, db, DefaultConfig(), nil)
		return err
	})
}

// sklearnTimes runs testdata/sklearn_bench.py on the data and returns seconds by
// name; nothing without FEATSTORE_PYTHON.
func sklearnTimes(b *testing.B, t *table, cSVM float64) map[string]float64 {
	python := os.Getenv("FEATSTORE_PYTHON")
	if python == "" {
		return nil
	}
	dir := storetest.Dir(b)
	write := func(name string, v any) {
		f, err := os.Create(filepath.Join(dir, name))
		if err == nil {
			if err = binary.Write(f, binary.LittleEndian, v); err == nil {
				err = f.Close()
			}
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	var truth []int32
	for _, y := range t.truth {
		truth = append(truth, int32(y))
	}
	shape, err := json.Marshal(map[string]any{"n": len(t.rows), "d": benchDim, "labels": benchLabels, "test": benchTest, "strengths": logisticGrid,
		"c_svm": cSVM})
	if err != nil {
		b.Fatal(err)
	}
	write("x.f32", flatten(t.rows))
	write("y.i32", truth)
	write("shape.json", shape)
	out, err := exec.Command(python, "testdata/sklearn_bench.py", dir).Output()
	if err != nil {
		b.Fatalf("sklearn_bench.py: %v", err)
	}
	var times map[string]float64
	if err := json.Unmarshal(out, &times); err != nil {
		b.Fatal(err)
	}
	return times
}
