package photo

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"featstore/extract/internal/jpeg"
	"featstore/extract/internal/jpeg/jpegtest"
)

// samplings are pictures with all combinations of factors, 1…4 × 1…4, of three and
// of four components, as libjpeg decodes them: by whole numbers. Those of four are
// some of a hundred thousand.
func samplings(t *testing.T, rng *rand.Rand) (all []*jpegtest.Picture) {
	share := 1
	if testing.Short() {
		share = 10
	}
	for _, n := range []int{3, 4} {
		for i := range 1 << (4 * n) {
			h, v := make([]int, n), make([]int, n)
			for c := range n {
				h[c], v[c] = 1+i>>(4*c)&3, 1+i>>(4*c+2)&3
			}
			p := &jpegtest.Picture{Width: 1 + rng.IntN(40), Height: 1 + rng.IntN(40), H: h, V: v, Progressive: rng.IntN(2) == 0, Interleaved: rng.IntN(2) == 0}
			if !p.Whole() || rng.IntN(share) > 0 || n == 4 && (p.MCUBlocks() > 10 || rng.IntN(4) > 0) {
				continue
			}
			p.Fill(rng)
			p.Soften()
			all = append(all, p)
		}
	}
	return all
}

// TestEverySampling: whatever is subsampled against what, each component comes out
// at full size as libjpeg spreads it.
func TestEverySampling(t *testing.T) {
	s := new(Scratch)
	pictures := samplings(t, rand.New(rand.NewPCG(4, 5)))
	for _, p := range pictures {
		for c, got := range fullComponents(t, s, p.Encode()) {
			for i, want := range p.Upsampled(c) {
				if d := float64(got[i]) - want; d > 1.1 || d < -1.1 { // rounded twice
					t.Fatalf("%v × %v, %d×%d: component %d, pixel %d,%d is off by %.2f", p.H, p.V, p.Width, p.Height, c, i%p.Width, i/p.Width, d)
				}
			}
		}
		checkRGB(t, s, p)
	}
	t.Logf("%d pictures", len(pictures))
}

// fullComponents decodes a JPEG and returns its components at full size.
func fullComponents(t *testing.T, s *Scratch, data []byte) [][]byte {
	t.Helper()
	h, err := jpegHeader(data, s)
	if err != nil {
		t.Fatal(err)
	}
	return componentsAt(t, s, data, h.w, h.h, 1)
}

// componentsAt decodes a w×h JPEG at 1/scale of its size and returns its components, the
// subsampled ones spread.
func componentsAt(t *testing.T, s *Scratch, data []byte, w, h, scale int) [][]byte {
	t.Helper()
	m, err := s.jpeg.Decode(data, jpeg.Options{Scale: scale})
	if err != nil {
		t.Fatal(err)
	}
	w, h = (w+scale-1)/scale, (h+scale-1)/scale
	ph := &Photo{storedW: w, storedH: h}
	components := make([][]byte, len(m.Planes))
	readers := []*rowReader{new(rowReader)}
	if len(components) == 4 {
		colors, black := inkReaders(m, w, h)
		readers = []*rowReader{colors, black}
	} else {
		readers[0].reset(photoFromJPEG(m, ph), 0, w)
	}
	for c := range components {
		for y := range h {
			components[c] = append(components[c], readers[c/3].component(c%3, y)...)
		}
	}
	return components
}

// asItIs prepares a photo of w×h pixels by doing nothing.
func asItIs(w, h int) *Preprocess {
	return &Preprocess{Width: w, Height: h, Rule: RuleSquash, Filter: FilterBilinear, Antialias: true, Order: OrderRGB, Std: same(1)}
}

// checkRGB goes the whole way, with a cut besides, which must not change pixels.
func checkRGB(t *testing.T, s *Scratch, p *jpegtest.Picture) {
	t.Helper()
	data := p.Encode()
	whole := make([]float32, 3*p.Width*p.Height)
	if err := asItIs(p.Width, p.Height).Pixels(whole, data, Limits{}, s); err != nil {
		t.Fatalf("%v × %v: %v", p.H, p.V, err)
	}
	if len(p.H) == 3 {
		for i, want := range p.RGB() {
			if d := float64(whole[i]) - want; d > 4 || d < -4 { // a level of Cb is 1.8 of blue
				t.Fatalf("%v × %v: value %d is off by %.2f", p.H, p.V, i, d)
			}
		}
	}
	side := min(p.Width, p.Height)
	cut := asItIs(side, side)
	cut.Rule = RuleCenterSquare
	got := make([]float32, cut.Len())
	if err := cut.Pixels(got, data, Limits{}, s); err != nil {
		t.Fatalf("%v × %v: %v", p.H, p.V, err)
	}
	x0, y0 := (p.Width-side)/2, (p.Height-side)/2
	for i, v := range got {
		x, y, c := i/3%side, i/3/side, i%3
		if want := whole[3*((y0+y)*p.Width+x0+x)+c]; v != want {
			t.Fatalf("%v × %v, %d×%d: pixel %d,%d is %v in the central square, %v in the whole", p.H, p.V, p.Width, p.Height, x0+x, y0+y, v, want)
		}
	}
}

// TestSamplingAgainstPillow: the same files, as Pillow's libjpeg has them.
func TestSamplingAgainstPillow(t *testing.T) {
	python := pillow(t)
	dir := t.TempDir()
	pictures := samplings(t, rand.New(rand.NewPCG(6, 7)))
	for i, p := range pictures {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)+".jpg"), p.Encode(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	python.run(t, "planes", dir)
	s := new(Scratch)
	for i, p := range pictures {
		name := filepath.Join(dir, strconv.Itoa(i)+".jpg")
		want := readFile(t, name+".raw")
		components := fullComponents(t, s, readFile(t, name))
		for c, got := range components {
			for k, v := range got {
				if w := want[k*len(components)+c]; v != w {
					t.Fatalf("%v × %v, %d×%d, progressive %v: component %d, pixel %d,%d: %d, Pillow has %d", p.H, p.V, p.Width, p.Height, p.Progressive, c,
						k%p.Width, k/p.Width, v, w)
				}
			}
		}
	}
	t.Logf("%d pictures", len(pictures))
}

// TestReducedSampling: whatever is subsampled, decoding at a reduced size gives about
// the same small picture.
func TestReducedSampling(t *testing.T) {
	s := new(Scratch)
	rng := rand.New(rand.NewPCG(8, 9))
	for _, p := range samplings(t, rng) {
		p.Width, p.Height = 33+rng.IntN(100), 33+rng.IntN(100)
		p.Fill(rng)
		p.Soften()
		for _, blocks := range p.Coef { // what is lost at an eighth must not be there
			for i := range blocks {
				clear(blocks[i][1:])
			}
		}
		data := p.Encode()
		full, small := asItIs(4, 4), asItIs(4, 4)
		small.JPEGReduce = 1
		want, got := make([]float32, full.Len()), make([]float32, full.Len())
		if err := full.Pixels(want, data, Limits{}, s); err != nil {
			t.Fatalf("%v × %v: %v", p.H, p.V, err)
		}
		if err := small.Pixels(got, data, Limits{}, s); err != nil {
			t.Fatalf("%v × %v, %d×%d, reduced: %v", p.H, p.V, p.Width, p.Height, err)
		}
		if d := meanDiff(got, float64s(want)); d > 8 {
			t.Errorf("%v × %v, %d×%d: reduced, pixels differ by %.1f grey levels on average", p.H, p.V, p.Width, p.Height, d)
		}
	}
}

func float64s(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}
