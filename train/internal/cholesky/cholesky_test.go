package cholesky

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// workers runs the parts each in a goroutine.
func workers(parts int) Workers {
	return func(task func(part int)) {
		var wg sync.WaitGroup
		for part := range parts {
			wg.Go(func() { task(part) })
		}
		wg.Wait()
	}
}

// definite returns a random positive definite matrix: its eigenvalues spread over some
// orders of magnitude.
func definite(n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	g := make([]float64, n*n)
	for i := range g {
		g[i] = rng.NormFloat64()
	}
	a := make([]float64, n*n)
	for i := range n {
		for k := range n {
			for p := range n {
				a[i*n+k] += g[p*n+i] * g[p*n+k]
			}
		}
		a[i*n+i] += 0.1
	}
	return a
}

// naive is the definition, an element at a time.
func naive(a []float64, n int) []float64 {
	u := slices.Clone(a)
	for i := range n {
		for k := i; k < n; k++ {
			for p := range i {
				u[i*n+k] -= float64(u[p*n+i] * u[p*n+k])
			}
			if k == i {
				u[i*n+i] = math.Sqrt(u[i*n+i])
			} else {
				u[i*n+k] /= u[i*n+i]
			}
		}
	}
	return u
}

var sizes = []int{1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 66, 67, 68, 127, 128, 131, 200}

func TestFactorIsTheDefinitionToTheLastBit(t *testing.T) {
	for _, n := range sizes {
		a := definite(n, 1)
		want := naive(a, n)
		for parts := 1; parts <= 5; parts++ {
			got := slices.Clone(a)
			if !Factor(got, n, 1e-10, parts, workers(parts)) {
				t.Fatalf("%d: not positive definite", n)
			}
			for i := range n {
				if !slices.Equal(got[i*n+i:(i+1)*n], want[i*n+i:(i+1)*n]) {
					t.Fatalf("%d×%d in %d parts: row %d differs", n, n, parts, i)
				}
				if !slices.Equal(got[i*n:i*n+i], a[i*n:i*n+i]) {
					t.Fatalf("%d×%d in %d parts: row %d changed below the diagonal", n, n, parts, i)
				}
			}
		}
	}
}

func TestSolveAgreesWithGonum(t *testing.T) {
	for _, n := range sizes {
		const m = 3
		a, b := definite(n, 2), make([]float64, n*m)
		rng := rand.New(rand.NewPCG(3, 3))
		for i := range b {
			b[i] = rng.NormFloat64()
		}
		var want mat.Dense
		var factor mat.Cholesky
		if !factor.Factorize(mat.NewSymDense(n, slices.Clone(a))) {
			t.Fatal("gonum finds it not positive definite")
		}
		if err := factor.SolveTo(&want, mat.NewDense(n, m, slices.Clone(b))); err != nil {
			t.Fatal(err)
		}
		Factor(a, n, 1e-10, 2, workers(2))
		Solve(a, n, b, m)
		for i, x := range b {
			if w := want.RawMatrix().Data[i]; math.Abs(x-w) > 1e-9*(1+mat.Max(&want)) {
				t.Fatalf("%d: %v, gonum says %v", n, x, w)
			}
		}
	}
}

func TestDependentRows(t *testing.T) {
	for _, n := range []int{2, 5, 70} {
		for name, spoil := range map[string]func(a []float64){
			"zero":      func(a []float64) { a[n*n-1] = 0 },
			"negative":  func(a []float64) { a[n*n-1] = -1 },
			"NaN":       func(a []float64) { a[n*n-1] = math.NaN() },
			"infinite":  func(a []float64) { a[n*n-1] = math.Inf(1) },
			"duplicate": func(a []float64) { duplicate(a, n) },
		} {
			a := definite(n, 4)
			spoil(a)
			if Factor(a, n, 1e-10, 1, workers(1)) {
				t.Errorf("%d×%d, %s: taken for positive definite", n, n, name)
			}
		}
	}
}

// duplicate makes the last row and column those of the first.
func duplicate(a []float64, n int) {
	for i := range n {
		a[(n-1)*n+i] = a[i]
		a[i*n+n-1] = a[i*n]
	}
	a[n*n-1] = a[0]
}

func BenchmarkFactor(b *testing.B) {
	for _, n := range []int{1280, 2560} {
		a := make([]float64, n*n)
		for i := range n {
			for k := range n {
				a[i*n+k] = 1 / float64(1+max(i-k, k-i))
			}
		}
		b.Run(fmt.Sprintf("own/%d", n), func(b *testing.B) {
			run := workers(2)
			u := make([]float64, n*n)
			for b.Loop() {
				copy(u, a)
				if !Factor(u, n, 1e-10, 2, run) {
					b.Fatal("not positive definite")
				}
			}
		})
		b.Run(fmt.Sprintf("gonum/%d", n), func(b *testing.B) {
			s := mat.NewSymDense(n, a)
			var factor mat.Cholesky
			for b.Loop() {
				if !factor.Factorize(s) {
					b.Fatal("not positive definite")
				}
			}
		})
	}
}
