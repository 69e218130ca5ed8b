package jpeg

import (
	"runtime"
	"testing"
)

// TestMemory: what Memory says is enough, and not absurdly much, also at a reduced
// size; Trim lets go of it.
func TestMemory(t *testing.T) {
	for name, data := range references(t) {
		for scale := 1; scale <= 8; scale *= 2 {
			var d Decoder
			if _, err := d.DecodeConfig(data); err != nil {
				t.Fatal(err)
			}
			opt := Options{Scale: scale}
			said := d.Memory(opt)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := d.Decode(data, opt); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			const rounding = 8 << 10 // of the allocator, and small things
			took := int64(after.TotalAlloc - before.TotalAlloc)
			if took > said+rounding || took < said/3-rounding {
				t.Errorf("%s at 1/%d takes %d bytes, Memory says %d", name, scale, took, said)
			}
			d.Trim(int(said) + rounding)
			if d.comp[0].pix == nil {
				t.Errorf("%s: memory within the bound was let go", name)
			}
			if d.Trim(100); d.comp[0].pix != nil || d.bits.buf != nil {
				t.Errorf("%s: memory was not let go", name)
			}
		}
	}
}
