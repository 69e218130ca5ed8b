package product

import (
	"math"
	"math/rand/v2"
	"testing"
)

func benchData(n, labels, dim int) (rows [][]float32, w, z []float32) {
	rng := rand.New(rand.NewPCG(1, 2))
	rows = make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, dim)
		for k := range rows[i] {
			rows[i][k] = rng.Float32() - 0.5
		}
	}
	w = make([]float32, labels*dim)
	for i := range w {
		w[i] = rng.Float32() - 0.5
	}
	return rows, w, make([]float32, n*labels)
}

func TestDotsAgainstFloat64(t *testing.T) {
	for _, dim := range []int{1, 5, 15, 16, 17, 64, 100, 1280} {
		rows, w, z := benchData(7, 3, dim)
		Dots(z, rows, w, dim)
		for i, row := range rows {
			for c := range 3 {
				var want, size float64
				for k, x := range row {
					p := float64(x) * float64(w[c*dim+k])
					want += p
					size += math.Abs(p)
				}
				if got := float64(z[i*3+c]); math.Abs(got-want) > 1e-6*size {
					t.Errorf("dim %d: row %d label %d: got %v, want %v", dim, i, c, got, want)
				}
			}
		}
	}
}

func BenchmarkDots(b *testing.B) {
	rows, w, z := benchData(100, 5, 1280)
	for b.Loop() {
		Dots(z, rows, w, 1280)
	}
}

func BenchmarkAddOuter(b *testing.B) {
	rows, w, z := benchData(100, 5, 1280)
	for b.Loop() {
		AddOuter(w, rows, z, 1280, 0, 1280)
	}
}
