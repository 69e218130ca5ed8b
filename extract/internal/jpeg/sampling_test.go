package jpeg

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"featstore/extract/internal/jpeg/jpegtest"
)

// combinations calls do with every combination of sampling factors, 1…4 × 1…4, of
// n components.
func combinations(n int, do func(h, v []int)) {
	h, v := make([]int, n), make([]int, n)
	var choose func(c int)
	choose = func(c int) {
		if c == n {
			do(h, v)
			return
		}
		for h[c] = 1; h[c] <= 4; h[c]++ {
			for v[c] = 1; v[c] <= 4; v[c]++ {
				choose(c + 1)
			}
		}
	}
	choose(0)
}

// TestEverySampling: every combination of factors, sequential and progressive, in
// one scan and in one for each component, decodes to the samples of the inverse
// DCT's definition, or is refused as libjpeg refuses it.
func TestEverySampling(t *testing.T) {
	var d Decoder
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 3, 4} {
		tried, refused := 0, 0
		combinations(n, func(h, v []int) {
			p := &jpegtest.Picture{Width: 1 + rng.IntN(40), Height: 1 + rng.IntN(40), H: h, V: v, Progressive: rng.IntN(2) == 0, Interleaved: rng.IntN(2) == 0}
			if n == 4 && p.MCUBlocks() > 10 && rng.IntN(20) > 0 {
				return // tens of thousands, which only separate scans may have
			}
			if testing.Short() && rng.IntN(10) > 0 {
				return
			}
			tried++
			p.Fill(rng)
			p.Soften()
			m, err := d.Decode(p.Encode(), Options{})
			if !p.Whole() {
				refused++
				if !errors.Is(err, ErrUnsupported) {
					t.Fatalf("%v %v: got %v, want fractional sampling to be refused", h, v, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v × %v: %v", h, v, err)
			}
			for c := range h {
				compareSamples(t, p, c, &m.Planes[c])
			}
		})
		t.Logf("%d components: %d combinations, %d of them fractional", n, tried, refused)
	}
}

func compareSamples(t *testing.T, p *jpegtest.Picture, c int, got *Plane) {
	t.Helper()
	want, w, h := p.Samples(c)
	if got.Width != w || got.Height != h {
		t.Fatalf("%v × %v: component %d is %d×%d, want %d×%d", p.H, p.V, c, got.Width, got.Height, w, h)
	}
	for i, v := range want {
		if d := float64(got.Pix[i/w*got.Stride+i%w]) - v; d > 1 || d < -1 {
			t.Fatalf("%v × %v, progressive %v: component %d, sample %d,%d is off by %.2f", p.H, p.V, p.Progressive, c, i%w, i/w, d)
		}
	}
}

// TestTooManyBlocks: a scan of more than ten blocks at a time is refused.
func TestTooManyBlocks(t *testing.T) {
	p := &jpegtest.Picture{Width: 40, Height: 40, H: []int{4, 1, 1}, V: []int{2, 1, 1}, Interleaved: true}
	p.Fill(rand.New(rand.NewPCG(3, 3)))
	data := p.Encode()
	var d Decoder
	if _, err := d.Decode(data, Options{}); err != nil {
		t.Fatalf("ten blocks: %v", err)
	}
	frame := strings.Index(string(data), "\xff\xc1")
	data[frame+11] = 0x44 // of the first component
	if _, err := d.Decode(data, Options{}); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "18 blocks") {
		t.Errorf("18 blocks: got %v", err)
	}
}
