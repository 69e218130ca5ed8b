package jpeg

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestRegionAndNeighbours: of a region, at every size, all samples are decoded, and the
// one beside them that upsampling looks at.
func TestRegionAndNeighbours(t *testing.T) {
	names, err := filepath.Glob("testdata/*.jpg")
	if err != nil || len(names) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var whole, part Decoder
		config, err := whole.DecodeConfig(data)
		if err != nil {
			t.Fatal(name, err)
		}
		for scale := 1; scale <= 8; scale *= 2 {
			want, err := whole.Decode(data, Options{Scale: scale})
			if err != nil {
				t.Fatal(name, err)
			}
			for from := range config.Width {
				r := Rect{X0: from, X1: min(from+3, config.Width), Y0: from * config.Height / config.Width, Y1: config.Height}
				if err := sameRegion(&part, data, want, r); err != nil {
					t.Fatalf("%s at 1/%d, %v: %v", name, scale, r, err)
				}
			}
		}
	}
}

// sameRegion decodes the region into memory full of other values and compares it with want.
func sameRegion(d *Decoder, data []byte, want *Image, r Rect) error {
	for i := range d.comp {
		for k := range d.comp[i].pix {
			d.comp[i].pix[k] = 93
		}
	}
	got, err := d.Decode(data, Options{Scale: want.Scale, Region: r})
	if err != nil {
		return err
	}
	for c, w := range want.Planes {
		// Samples of the plane for pixels of the full size.
		wide, high := want.MaxH*want.Scale, want.MaxV*want.Scale
		x0, x1 := max(0, r.X0*w.H/wide-1), min(w.Width, ceilDiv(r.X1*w.H, wide)+1)
		y0, y1 := max(0, r.Y0*w.V/high-1), min(w.Height, ceilDiv(r.Y1*w.V, high)+1)
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				if g, v := got.Planes[c].Pix[y*got.Planes[c].Stride+x], w.Pix[y*w.Stride+x]; g != v {
					return fmt.Errorf("plane %d at %d, %d: %d, with all of the photo %d", c, x, y, g, v)
				}
			}
		}
	}
	return nil
}
