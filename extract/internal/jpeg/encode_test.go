package jpeg

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"featstore/extract/internal/jpeg/jpegtest"
)

func drawPicture(t *rapid.T) *jpegtest.Picture {
	s := &jpegtest.Picture{
		Width: rapid.IntRange(1, 70).Draw(t, "width"), Height: rapid.IntRange(1, 70).Draw(t, "height"),
		WideQuant: rapid.Bool().Draw(t, "wideQuant"), Interleaved: rapid.Bool().Draw(t, "interleaved"),
		LongCodes: rapid.Bool().Draw(t, "longCodes"), Progressive: rapid.Bool().Draw(t, "progressive"),
		Restart: rapid.SampledFrom([]int{0, 0, 1, 3, 10}).Draw(t, "restart"),
	}
	for range rapid.SampledFrom([]int{1, 3, 4}).Draw(t, "components") {
		s.H = append(s.H, rapid.IntRange(1, 4).Draw(t, "h"))
		s.V = append(s.V, rapid.IntRange(1, 4).Draw(t, "v"))
	}
	s.Fill(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)))
	return s
}

// TestAnySampling: files of any sampling factors, scans, restart intervals and
// tables decode to their coefficients' samples.
func TestAnySampling(t *testing.T) {
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		s := drawPicture(t)
		m, err := d.Decode(s.Encode(), Options{})
		if !s.Whole() {
			if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "fractional sampling") {
				t.Fatalf("%v %v: got %v, want fractional sampling to be refused", s.H, s.V, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Width != s.Width || m.Height != s.Height || m.Damaged != 0 {
			t.Fatalf("decoded %+v", m)
		}
		for c := range m.Planes {
			comparePicture(t, s, c, &m.Planes[c])
		}
	})
}

func comparePicture(t *rapid.T, s *jpegtest.Picture, c int, p *Plane) {
	padX, _, _, _ := s.Blocks(c)
	if w, h := s.Size(c); p.Width != w || p.Height != h {
		t.Fatalf("component %d is %d×%d", c, p.Width, p.Height)
	}
	var want [64]byte
	for y := 0; y < p.Height; y += 8 {
		for x := 0; x < p.Width; x += 8 {
			var b [64]int16
			for k, v := range s.Coef[c][y/8*padX+x/8] {
				b[natural[k]] = int16(int32(v) * int32(s.Quant[k]))
			}
			idct8Portable(&b, 63, want[:], 8)
			for by := range min(8, p.Height-y) {
				for bx := range min(8, p.Width-x) {
					if got := p.Pix[(y+by)*p.Stride+x+bx]; got != want[8*by+bx] {
						t.Fatalf("component %d, sample %d,%d: %d, want %d", c, x+bx, y+by, got, want[8*by+bx])
					}
				}
			}
		}
	}
}

// TestEveryTruncation: a file cut anywhere before its end marker is an error.
func TestEveryTruncation(t *testing.T) {
	var d Decoder
	files := references(t)
	s := &jpegtest.Picture{Width: 40, Height: 30, H: []int{2, 1, 1}, V: []int{1, 1, 2}, Interleaved: true, Restart: 2}
	s.Fill(rand.New(rand.NewPCG(7, 7)))
	files["sketch"] = s.Encode()
	for name, data := range files {
		for n := range len(data) - 2 {
			if _, err := d.Decode(data[:n], Options{}); err == nil {
				// The last bits may be padding, and of a sequential file the end
				// marker may be missing.
				if n < len(data)-3 || d.progressive {
					t.Fatalf("%s: %d of %d bytes decode without an error", name, n, len(data))
				}
			}
		}
	}
}

// TestDamageBetweenRestartMarkers: damage stays where it is, is counted, and
// only counts as an error where there are no restart markers.
func TestDamageBetweenRestartMarkers(t *testing.T) {
	s := &jpegtest.Picture{Width: 64, Height: 32, H: []int{1}, V: []int{1}, Restart: 8}
	s.Fill(rand.New(rand.NewPCG(8, 8)))
	whole := s.Encode()
	// The second interval, which is the second row of blocks, becomes a code that
	// no table has.
	var intervals []int
	for i := range whole[:len(whole)-1] {
		if whole[i] == 0xff && whole[i+1] >= mRST0 && whole[i+1] <= mRST7 {
			intervals = append(intervals, i)
		}
	}
	damaged := append([]byte{}, whole[:intervals[0]+2]...)
	damaged = append(damaged, 0xff, 0, 0xff, 0)
	damaged = append(damaged, whole[intervals[1]:]...)
	var d, e Decoder
	want, err := e.Decode(whole, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Decode(damaged, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Damaged != 1 {
		t.Errorf("%d damaged intervals, want 1", got.Damaged)
	}
	for y := range 32 {
		for x := range 64 {
			g, w := got.Planes[0].Pix[y*64+x], want.Planes[0].Pix[y*64+x]
			if y/8 == 1 {
				w = 128
			}
			if g != w {
				t.Fatalf("sample %d,%d: %d, want %d", x, y, g, w)
			}
		}
	}
	// One marker gone: nobody knows what belongs where.
	if _, err := d.Decode(append(append([]byte{}, whole[:intervals[0]]...), whole[intervals[0]+2:]...), Options{}); err == nil {
		t.Error("a file without one of its restart markers decodes without an error")
	}
}

// TestScanBomb: a few bytes a scan must not buy unlimited passes over a picture.
func TestScanBomb(t *testing.T) {
	w := &jpegtest.Writer{Out: []byte{0xff, jpegtest.SOI}}
	w.Segment(mDQT, make([]byte, 65)...)
	w.Segment(mSOF2, 8, 0, 8, 0, 8, 1, 1, 0x11, 0)
	w.Table(0, [16]byte{0: 1}, []byte{0})
	w.Table(1, [16]byte{0: 1}, []byte{0}) // nothing but ends of blocks
	scan := func(k, high, low byte) {
		w.Segment(mSOS, 1, 1, 0, k, k, high<<4|low)
		w.Out = append(w.Out, 0x7f)
	}
	scan(0, 0, 0)
	for k := byte(1); k < 64; k++ {
		scan(k, 0, 13)
		for low := byte(13); low > 0; low-- {
			scan(k, low, low-1)
		}
	}
	var d Decoder
	_, err := d.Decode(append(w.Out, 0xff, mEOI), Options{})
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "scans") {
		t.Errorf("got %v, want an error about too many scans", err)
	}
	if d.scans != maxScans+1 {
		t.Errorf("stopped at scan %d", d.scans)
	}
}
