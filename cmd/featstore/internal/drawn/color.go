package drawn

import (
	"image/color"
	"math"
)

// The palette is shared: each kind of flower is drawn in most of these colours,
// so that a classifier that looks at colour alone gets nowhere.
var (
	white  = color.RGBA{245, 243, 238, 255}
	cream  = color.RGBA{244, 228, 170, 255}
	yellow = color.RGBA{244, 201, 34, 255}
	orange = color.RGBA{236, 131, 36, 255}
	pink   = color.RGBA{233, 140, 170, 255}
	red    = color.RGBA{200, 32, 44, 255}
	violet = color.RGBA{142, 84, 178, 255}
)

// shade makes a colour lighter (by > 0, up to 1 for white) or darker (by < 0).
func shade(c color.RGBA, by float64) color.RGBA {
	if by >= 0 {
		return mix(c, color.RGBA{255, 255, 255, 255}, by)
	}
	return mix(c, color.RGBA{0, 0, 0, 255}, -by)
}

// mix goes from a (t = 0) to b (t = 1).
func mix(a, b color.RGBA, t float64) color.RGBA {
	ch := func(x, y uint8) uint8 { return clamp(float64(x) + t*(float64(y)-float64(x))) }
	return color.RGBA{ch(a.R, b.R), ch(a.G, b.G), ch(a.B, b.B), ch(a.A, b.A)}
}

// fade makes an opaque colour see-through; the result is premultiplied, as
// color.RGBA wants it.
func fade(c color.RGBA, alpha float64) color.RGBA {
	return color.RGBA{clamp(float64(c.R) * alpha), clamp(float64(c.G) * alpha), clamp(float64(c.B) * alpha), clamp(255 * alpha)}
}

func clamp(x float64) uint8 { return uint8(math.Round(min(max(x, 0), 255))) }
