package product

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
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

func TestAddGramAgainstFloat64(t *testing.T) {
	for _, c := range []struct{ n, dim int }{{1, 1}, {3, 5}, {300, 64}, {70, 131}, {257, 200}} {
		rows, _, _ := benchData(c.n, 1, c.dim)
		var x []float32
		for _, r := range rows {
			x = append(x, r...)
		}
		got := make([]float32, c.dim*c.dim)
		got[0] = 3
		middle := c.dim / 2 &^ 1
		AddGram(got, x, c.dim, 0, middle)
		AddGram(got, x, c.dim, middle, c.dim)
		for a := range c.dim {
			for b := a; b < c.dim; b++ {
				want := 0.0
				if a+b == 0 {
					want = 3
				}
				for _, r := range rows {
					want += float64(r[a]) * float64(r[b])
				}
				if g := float64(got[a*c.dim+b]); math.Abs(g-want) > 1e-4 {
					t.Fatalf("%d × %d: element %d, %d is %v, want %v", c.n, c.dim, a, b, g, want)
				}
			}
		}
	}
}

// What the product costs next to gonum's, which the heads would use otherwise.
func BenchmarkGram(b *testing.B) {
	rows, _, _ := benchData(512, 1, 1280)
	var x []float32
	for _, r := range rows {
		x = append(x, r...)
	}
	out := make([]float32, 1280*1280)
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			AddGram(out, x, 1280, 0, 1280)
		}
	})
	b.Run("gonum32", func(b *testing.B) {
		m := blas32.General{Rows: 512, Cols: 1280, Stride: 1280, Data: x}
		s := blas32.Symmetric{N: 1280, Stride: 1280, Data: out, Uplo: blas.Upper}
		for b.Loop() {
			blas32.Syrk(blas.Trans, 1, m, 0, s)
		}
	})
}

func BenchmarkDots(b *testing.B) {
	rows, w, z := benchData(100, 5, 1280)
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			Dots(z, rows, w, 1280)
		}
	})
	b.Run("gonum32", func(b *testing.B) {
		var x []float32
		for _, r := range rows {
			x = append(x, r...)
		}
		for b.Loop() {
			blas32.Gemm(blas.NoTrans, blas.Trans, 1, blas32.General{Rows: 100, Cols: 1280, Stride: 1280, Data: x},
				blas32.General{Rows: 5, Cols: 1280, Stride: 1280, Data: w}, 0, blas32.General{Rows: 100, Cols: 5, Stride: 5, Data: z})
		}
	})
}

func BenchmarkAddOuter(b *testing.B) {
	rows, w, z := benchData(100, 5, 1280)
	for b.Loop() {
		AddOuter(w, rows, z, 1280, 0, 1280)
	}
}
