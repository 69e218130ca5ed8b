package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// eachByteSet runs f for every kind of kernels on bytes that this machine has.
func eachByteSet(t *testing.T, f func(t *testing.T, s *Set)) {
	for _, s := range byteSets() {
		t.Run(s.Name, func(t *testing.T) { f(t, s) })
	}
}

// guardedBytes returns n bytes inside a larger slice full of a canary, and a check
// that the canary still stands.
func guardedBytes(n int) ([]byte, func(t *testing.T)) {
	const band, canary = 128, 0xa5
	all := make([]byte, n+2*band)
	for i := range all {
		all[i] = canary
	}
	return all[band : band+n], func(t *testing.T) {
		t.Helper()
		for i, v := range all {
			if (i < band || i >= band+n) && v != canary {
				t.Fatalf("byte %d of %d was overwritten", i-band, n)
			}
		}
	}
}

func randomBytes(rng *rand.Rand, n int) []byte {
	x := make([]byte, n)
	for i := range x {
		x[i] = byte(rng.Uint32())
	}
	return x
}

// randomByteWeights makes weights whose results fall inside and outside of a byte.
func randomByteWeights(rng *rand.Rand, n, segments, k int) ByteWeights {
	w := ByteWeights{N: n, Segments: segments, K: k, W: make([]int8, n*segments*k), Bias: make([]int32, n), Scale: make([]float32, n), Offset: make([]float32, n)}
	for i := range w.W {
		w.W[i] = int8(rng.Uint32())
	}
	for i := range n {
		w.Bias[i] = int32(rng.IntN(60000) - 30000)
		w.Scale[i] = float32((0.5 + rng.Float64()) * 100 / (128 * 128 * math.Sqrt(float64(segments*k))))
		if rng.IntN(4) == 0 {
			w.Scale[i] = 1.0 / 256 // sums fall in the middle between two numbers
		}
		if rng.IntN(2) == 0 {
			w.Offset[i] = rng.Float32() - 0.5
		}
	}
	return w
}

// requantized is the reference of Requantize.
func (w *ByteWeights) requantized(j, sum int, zero, top int32) byte {
	x := fusedByBig(float32(sum), w.Scale[j], w.Offset[j])
	return byte(min(max(math.RoundToEven(float64(x))+float64(zero), 0), float64(top)))
}

func TestByteProductIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	eachByteSet(t, func(t *testing.T, s *Set) {
		for i := range 300 {
			m, n, segments, k := 1+rng.IntN(40), 1+rng.IntN(200), 1+rng.IntN(4), 1+rng.IntN(70)
			if i < 20 {
				n = []int{16, 32, 48, 64, 80, 96, 112, 128, 144, 192}[i%10]
			}
			if i%10 == 9 { // deep ones have panels of another width
				k = 4*deepWords - 20 + rng.IntN(200)
			}
			t.Run(fmt.Sprintf("%dx%dx%dx%d", m, n, segments, k), func(t *testing.T) {
				testByteProduct(t, s, rng, m, randomByteWeights(rng, n, segments, k))
			})
		}
	})
}

func testByteProduct(t *testing.T, s *Set, rng *rand.Rand, m int, w ByteWeights) {
	offs := make([]int, w.Segments)
	for i := range offs {
		offs[i] = (w.Segments - 1 - i) * (w.K/2 + 1)
	}
	lda, ldc := w.K+rng.IntN(9), w.N+rng.IntN(9)
	zero, top := int32(rng.IntN(256)), int32(rng.IntN(256))
	a := randomBytes(rng, (m-1)*lda+(w.Segments-1)*(w.K/2+1)+w.K+3)
	out, check := guardedBytes((m-1)*ldc + w.N)
	before := append([]byte(nil), out...)
	for _, q := range s.PackBytes(w).Panels {
		tile := ByteTile{A: a, Offs: offs, K: w.K, LDA: lda, C: out[q.Col:], LDC: ldc, Requantize: Requantize{ZeroPoint: zero, Max: top}}
		q.Multiply(&tile, m)
	}
	check(t)
	for i, got := range out {
		row, j := i/ldc, i%ldc
		want := before[i]
		if j < w.N {
			sum := int(w.Bias[j])
			for x := range w.Segments * w.K {
				sum += int(a[row*lda+offs[x/w.K]+x%w.K]) * int(w.W[j*w.Segments*w.K+x])
			}
			want = w.requantized(j, sum, zero, top)
		}
		if got != want {
			t.Fatalf("row %d column %d: got %d, want %d", row, j, got, want)
		}
	}
}

func TestByteDepthwiseIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	eachByteSet(t, func(t *testing.T, s *Set) {
		for range 400 {
			size, stride, channels := []int{1, 2, 3, 3, 3, 5, 5, 7}[rng.IntN(8)], 1+rng.IntN(3), 1+rng.IntN(200)
			if rng.IntN(4) == 0 {
				channels = 32
			}
			w := randomByteWeights(rng, channels, 1, size*size)
			ld := w.N + rng.IntN(2)*rng.IntN(9)
			d := &ByteDepthwise{Step: stride * ld, C: w.N, N: 1 + rng.IntN(23), LDO: w.N + rng.IntN(2)*rng.IntN(9)}
			d.ZeroPoint, d.Max = int32(rng.IntN(256)), int32(rng.IntN(256))
			row := (d.N-1)*d.Step + size*ld
			d.In = randomBytes(rng, size*row)
			p := s.PackTaps(w, size)
			d.Taps = p.Offsets(ld, row)
			out, check := guardedBytes((d.N-1)*d.LDO + d.C)
			before := append([]byte(nil), out...)
			d.Out = out
			p.Convolve(d)
			check(t)
			for i, got := range out {
				pixel, c := i/d.LDO, i%d.LDO
				want := before[i]
				if c < w.N {
					sum := int(w.Bias[c])
					for k := range size * size {
						sum += int(d.In[pixel*d.Step+k/size*row+k%size*ld+c]) * int(w.W[c*size*size+k])
					}
					want = w.requantized(c, sum, d.ZeroPoint, d.Max)
				}
				if got != want {
					t.Fatalf("%d×%d step %d, %d channels: pixel %d channel %d: got %d, want %d", size, size, stride, w.N, pixel, c, got, want)
				}
			}
		}
	})
}

func TestBytesPointwise(t *testing.T) {
	rng := rand.New(rand.NewPCG(35, 36))
	eachByteSet(t, func(t *testing.T, s *Set) {
		for n := range 300 {
			a, b := randomBytes(rng, n), randomBytes(rng, n)
			dst, check := guardedBytes(n)
			copy(dst, a)
			s.MaxBytes(dst, b)
			check(t)
			for i := range dst {
				if dst[i] != max(a[i], b[i]) {
					t.Fatalf("max: byte %d of %d", i, n)
				}
			}
			testSumBytes(t, s, a, b)
			sum := ByteBinary{ZeroPointA: float32(rng.IntN(256)), ScaleA: rng.Float32(), ZeroPointB: float32(rng.IntN(256)), ScaleB: rng.Float32(),
				Scale: rng.Float32() + 0.1, ZeroPoint: int32(rng.IntN(256)), Max: int32(rng.IntN(256))}
			if n%3 == 0 { // middles
				sum.ScaleB, sum.Scale = 1.5*sum.ScaleA, 2*sum.ScaleA
			}
			for _, fn := range []byte("+*") {
				run := s.AddBytes
				if fn == '*' {
					run = s.MulBytes
				}
				run(dst, a, b, &sum)
				check(t)
				for i := range dst {
					if want := combined(fn, a[i], b[i], &sum); dst[i] != want {
						t.Fatalf("%+v: %d %c %d gives %d, not %d", sum, a[i], fn, b[i], dst[i], want)
					}
				}
			}
		}
	})
}

// combined is the reference of ByteBinary.
func combined(fn, a, b byte, s *ByteBinary) byte {
	x, y := (float32(a)-s.ZeroPointA)*s.ScaleA, (float32(b)-s.ZeroPointB)*s.ScaleB
	v := float32(x) + float32(y)
	if fn == '*' {
		v = float32(x) * float32(y)
	}
	return byte(min(max(math.RoundToEven(float64(v/s.Scale))+float64(s.ZeroPoint), 0), float64(s.Max)))
}

func testSumBytes(t *testing.T, s *Set, a, b []byte) {
	t.Helper()
	floats, check := guarded(len(a))
	sums := make([]int32, len(a)+1)
	sums[len(a)] = 77
	s.SumBytes(sums[:len(a)], a)
	s.SumBytes(sums[:len(a)], b)
	s.Dequantize(floats, a, 0.5, 3)
	check(t)
	for i := range a {
		if sums[i] != int32(a[i])+int32(b[i]) {
			t.Fatalf("sum: byte %d of %d", i, len(a))
		}
		want := (float32(a[i]) - 3) * 0.5
		if floats[i] != want {
			t.Fatalf("dequantize: byte %d of %d: %v, want %v", i, len(a), floats[i], want)
		}
	}
	if sums[len(a)] != 77 {
		t.Fatal("sum: overwritten")
	}
}

// TestQuantizeIsExact: also next to the middle between two numbers, and far outside.
func TestQuantizeIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(37, 38))
	eachByteSet(t, func(t *testing.T, s *Set) {
		for n := range 2000 {
			n %= 150
			g := QuantParams{Scale: rng.Float32() / float32(1+rng.IntN(1000)), ZeroPoint: int32(rng.IntN(256)), Max: int32(rng.IntN(256))}
			x := make([]float32, n)
			for i := range x {
				switch middle := g.Scale * (float32(rng.IntN(600)-300) + 0.5*float32(rng.IntN(2))); rng.IntN(10) {
				case 0:
					x[i] = float32(math.Inf(1 - 2*rng.IntN(2)))
				case 1:
					x[i] = float32(math.NaN())
				case 2:
					x[i] = math.MaxFloat32
				default:
					x[i] = math.Float32frombits(math.Float32bits(middle) + uint32(rng.IntN(5)) - 2)
				}
			}
			dst, check := guardedBytes(n)
			s.Quantize(dst, x, g)
			check(t)
			for i, got := range dst {
				want := byte(0)
				if x[i] == x[i] {
					want = byte(min(max(math.RoundToEven(float64(x[i]/g.Scale))+float64(g.ZeroPoint), 0), float64(g.Max)))
				}
				if got != want && !(x[i] != x[i] && got <= byte(g.Max)) {
					t.Fatalf("%+v: %v became %d, not %d", g, x[i], got, want)
				}
			}
		}
	})
}

func TestLookup(t *testing.T) {
	rng := rand.New(rand.NewPCG(39, 40))
	eachByteSet(t, func(t *testing.T, s *Set) {
		for n := range 300 {
			table, src := [256]byte(randomBytes(rng, 256)), randomBytes(rng, n)
			dst, check := guardedBytes(n)
			s.Lookup(dst, src, &table)
			check(t)
			for i, v := range src {
				if dst[i] != table[v] {
					t.Fatalf("byte %d of %d: %d became %d, not %d", i, n, v, dst[i], table[v])
				}
			}
		}
	})
}
