package jpeg

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// randomBlock draws a block whose last coefficient is at zigzag position last,
// of a size that real blocks have or, wild, any.
func randomBlock(rng *rand.Rand, last int, wild bool) *[64]int16 {
	var b [64]int16
	for k := range last + 1 {
		amplitude := 2000 / (k + 1)
		if wild {
			amplitude = 32768
		}
		b[natural[k]] = int16(rng.IntN(2*amplitude) - amplitude)
	}
	return &b
}

// TestIDCTKernels: the vector form gives the bits of the portable one, whatever
// the coefficients, and touches nothing but the block.
func TestIDCTKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 4000 {
		last, stride := i%64, 8+rng.IntN(20)
		b := randomBlock(rng, last, i%3 == 0)
		got, want := bytes.Repeat([]byte{77}, 10*stride), bytes.Repeat([]byte{77}, 10*stride)
		at := rng.IntN(stride)
		idct8(b, last, got[at:], stride)
		idct8Portable(b, last, want[at:], stride)
		if !bytes.Equal(got, want) {
			t.Fatalf("block with %d coefficients: got %v, want %v", last+1, got, want)
		}
	}
}

// TestIDCTAgainstDefinition compares with T.81's formula in float64 (A.3.3), at every
// size: a smaller block holds means.
func TestIDCTAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 400 {
		last := i % 64
		b := randomBlock(rng, last, false)
		for _, side := range []int{8, 4, 2, 1} {
			got := make([]byte, 64)
			inverse(b, last, side, got, 8)
			for y := range side {
				for x := range side {
					want := 128 + definition(b, side, x, y)
					if d := float64(got[8*y+x]) - math.Max(0, math.Min(255, want)); d > 0.6 || d < -0.6 {
						t.Fatalf("%d coefficients to %d×%d: sample %d,%d is %d, want %.2f", last+1, side, side, x, y, got[8*y+x], want)
					}
				}
			}
		}
	}
}

// definition is one sample of a block of side×side: the mean of those of the inverse DCT
// that it stands for.
func definition(b *[64]int16, side, x, y int) float64 {
	sum := 0.0
	for v := range 8 {
		for u := range 8 {
			sum += float64(b[8*v+u]) / 8 * meanWave(u, side, x) * meanWave(v, side, y)
		}
	}
	return sum
}

// meanWave is the mean of the u-th wave over what sample x of side stands for.
func meanWave(u, side, x int) float64 {
	if u == 0 {
		return 1
	}
	n, sum := 8/side, 0.0
	for i := range n {
		sum += math.Sqrt2 * math.Cos(float64(2*(x*n+i)+1)*float64(u)*math.Pi/16)
	}
	return sum / float64(n)
}

func BenchmarkIDCT(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	block, dst := randomBlock(rng, 40, false), make([]byte, 64)
	b.Run("vector", func(b *testing.B) {
		for b.Loop() {
			idct8(block, 40, dst, 8)
		}
	})
	b.Run("portable", func(b *testing.B) {
		for b.Loop() {
			idct8Portable(block, 40, dst, 8)
		}
	})
}
