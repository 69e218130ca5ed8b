package train

import (
	"context"
	"testing"

	"featstore/split"
)

// The size of flower_photos with EfficientNet-Lite0.
const (
	benchLabels = 5
	benchImages = 734 // a label: 3,670 in all
	benchDim    = 1280
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
