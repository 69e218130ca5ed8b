package jpeg

import (
	"errors"
	"testing"
)

// FuzzDecode: whatever the bytes, Decode returns a picture of the size its
// header says, or one of the package's errors.
func FuzzDecode(f *testing.F) {
	for _, data := range references(f) {
		f.Add(data, uint8(0))
		f.Add(data, uint8(2))
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, data []byte, scale uint8) {
		c, err := d.DecodeConfig(data)
		if err != nil || c.Width*c.Height > 1<<20 {
			checkError(t, err)
			return
		}
		opt := Options{Scale: 1 << (scale % 4), Region: Rect{c.Width / 4, 0, c.Width, c.Height / 2}}
		m, err := d.Decode(data, opt)
		if err != nil {
			checkError(t, err)
			return
		}
		if m.Config.Width != c.Width || m.Height != c.Height || len(m.Planes) != c.Components {
			t.Fatalf("decoded to %+v, its header says %+v", m.Config, c)
		}
		for _, p := range m.Planes {
			if p.Stride < p.Width || len(p.Pix) < p.Stride*p.Height {
				t.Fatalf("plane of %d×%d samples, stride %d, has %d bytes", p.Width, p.Height, p.Stride, len(p.Pix))
			}
		}
	})
}

func checkError(t *testing.T, err error) {
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
		t.Fatalf("error of no known class: %v", err)
	}
}
