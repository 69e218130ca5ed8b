package jpeg

import (
	"math/rand/v2"
	"slices"
	"testing"

	"featstore/extract/internal/jpeg/jpegtest"
)

// checkReduced decodes a file at a reduced size and compares its planes with the means of the
// inverse DCT of the same coefficients in float64.
func checkReduced(t *testing.T, d *Decoder, p *jpegtest.Picture, scale int) {
	t.Helper()
	m, err := d.Decode(p.Encode(), Options{Scale: scale})
	if err != nil {
		t.Fatalf("%v × %v at 1/%d: %v", p.H, p.V, scale, err)
	}
	for c := range p.H {
		got := &m.Planes[c]
		want, w, h := p.Means(c, 8/scale*(got.H/p.H[c]))
		if got.Width != w || got.Height != h {
			t.Fatalf("%v × %v at 1/%d: component %d is %d×%d, want %d×%d", p.H, p.V, scale, c, got.Width, got.Height, w, h)
		}
		for i, v := range want {
			if d := float64(got.Pix[i/w*got.Stride+i%w]) - v; d > 1 || d < -1 {
				t.Fatalf("%v × %v at 1/%d, progressive %v: component %d, sample %d,%d is off by %.2f", p.H, p.V, scale, p.Progressive, c, i%w, i/w, d)
			}
		}
	}
}

// TestEverySamplingReduced: every combination of factors at every size.
func TestEverySamplingReduced(t *testing.T) {
	var d Decoder
	rng := rand.New(rand.NewPCG(4, 5))
	for _, n := range []int{1, 3} {
		combinations(n, func(h, v []int) {
			p := &jpegtest.Picture{Width: 1 + rng.IntN(60), Height: 1 + rng.IntN(60), H: h, V: v, Progressive: rng.IntN(2) == 0, Interleaved: rng.IntN(2) == 0,
				LongCodes: rng.IntN(2) == 0}
			if !p.Whole() || testing.Short() && rng.IntN(10) > 0 {
				return
			}
			p.Fill(rng)
			checkReduced(t, &d, p, 1<<rng.IntN(4))
		})
	}
}

// FuzzReduced: whatever the coefficients, planes at a reduced size are those of a float64
// scaled inverse DCT, give or take a level.
func FuzzReduced(f *testing.F) {
	for i := range 8 {
		f.Add(uint16(i*7919), uint8(17+i), uint8(40-i), uint64(i), []byte{200, 3, 7, 250, 0, 128, 127, 1, 9})
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, shape uint16, width, height uint8, seed uint64, coefs []byte) {
		bit := func(i int) bool { return shape>>i&1 == 1 }
		p := &jpegtest.Picture{Width: 1 + int(width)%80, Height: 1 + int(height)%80, Progressive: bit(0), Interleaved: bit(1), LongCodes: bit(2)}
		samplings := [][]int{{1, 1}, {2, 2}, {2, 1}, {1, 2}, {4, 4}, {4, 1}, {4, 2}, {1, 1}}
		luma := samplings[shape>>3&7]
		p.H, p.V = []int{luma[0], 1, 1}, []int{luma[1], 1, 1}
		if bit(6) {
			p.H, p.V = []int{1}, []int{1}
		}
		p.Restart = int(shape >> 7 & 3)
		rng := rand.New(rand.NewPCG(seed, 1))
		p.Fill(rng)
		for k := range p.Quant {
			p.Quant[k] = uint16(1 + rng.IntN(16)) // so that coefficients are those that 8 bits can have
		}
		for _, blocks := range p.Coef {
			for i, v := range coefs {
				blocks[rng.IntN(len(blocks))][(i*13+int(seed&63))%64] = int16(int8(v))
			}
		}
		checkReduced(t, &d, p, 1<<(shape>>9&3))
	})
}

// TestScansPassedBy: at an eighth of the size, what the scans of other coefficients than the
// DC hold changes nothing.
func TestScansPassedBy(t *testing.T) {
	var a, b Decoder
	rng := rand.New(rand.NewPCG(6, 7))
	for _, restart := range []int{0, 1, 3} {
		p := &jpegtest.Picture{Width: 50, Height: 30, H: []int{1, 1, 1}, V: []int{1, 1, 1}, Progressive: true, Restart: restart}
		p.Fill(rng)
		data := p.Encode()
		want, err := a.Decode(data, Options{Scale: 8})
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.Decode(spoilAC(t, data), Options{Scale: 8})
		if err != nil {
			t.Fatal(err)
		}
		for c := range want.Planes {
			if !slices.Equal(got.Planes[c].Pix, want.Planes[c].Pix) {
				t.Errorf("restart interval %d: component %d differs", restart, c)
			}
		}
	}
}

// spoilAC replaces the bytes of scans that send no DC coefficients.
func spoilAC(t *testing.T, data []byte) []byte {
	t.Helper()
	out, spoiled := slices.Clone(data), 0
	for at := 2; at+4 < len(out); {
		if out[at] != 0xff || out[at+1] == 0 || out[at+1] >= mRST0 && out[at+1] <= mRST7 {
			at++ // within a scan
			continue
		}
		length := int(out[at+2])<<8 | int(out[at+3])
		end := at + 2 + length
		first := out[end-3]
		for i := end; out[at+1] == mSOS && first > 0 && i < len(out) && (out[i] != 0xff || out[i+1] == 0 || out[i+1] >= mRST0 && out[i+1] <= mRST7); i++ {
			if out[i] != 0xff && out[i-1] != 0xff {
				out[i], spoiled = 0x55, spoiled+1
			}
		}
		at = end
	}
	if spoiled == 0 {
		t.Fatal("no scan was spoiled")
	}
	return out
}
