package drawn

import (
	"image/color"
	"math"
)

var grounds = []color.RGBA{
	{112, 158, 82, 255}, {58, 96, 52, 255}, {150, 190, 220, 255}, {196, 214, 226, 255},
	{116, 92, 70, 255}, {40, 44, 46, 255}, {182, 170, 150, 255}, {96, 120, 132, 255},
}

// background paints what lies behind the flower: a slope of two colours with
// soft blotches as of things out of focus, and grass in some pictures.
func background(p *painter) {
	top, bottom := p.vary(grounds[p.rng.IntN(len(grounds))]), p.vary(grounds[p.rng.IntN(len(grounds))])
	size := p.img.Bounds().Size()
	for y := range size.Y {
		c := mix(top, bottom, float64(y)/float64(size.Y))
		for x := range size.X {
			p.img.SetRGBA(x, y, c)
		}
	}
	w, h := float64(size.X), float64(size.Y)
	for range p.count(6, 24) {
		c := fade(p.pick(top, bottom, grounds[p.rng.IntN(len(grounds))], white, yellow, red, violet), 0.09)
		at, r := point{p.between(0, w), p.between(0, h)}, p.between(0.04, 0.2)*w
		for ring := range 4 {
			k := r * (1 - 0.2*float64(ring))
			p.ellipse(c, frame{center: at, scale: 1, squash: 1}, point{}, k, k)
		}
	}
	if p.rng.IntN(2) == 0 {
		grass(p, w, h)
	}
}

func grass(p *painter, w, h float64) {
	for range p.count(12, 40) {
		x, lean := p.between(0, w), p.between(-0.2, 0.2)*h
		root, tip := point{x, h + 4}, point{x + lean, h - p.between(0.1, 0.55)*h}
		half := p.between(0.006, 0.016) * w
		mid := point{x + 0.2*lean, (root.y + tip.y) / 2}
		p.fill(p.vary(stemGreen), point{root.x - half, root.y}, curve{point{mid.x - half, mid.y}, tip, tip},
			curve{tip, point{mid.x + half, mid.y}, point{root.x + half, root.y}})
	}
}

var stemGreen = color.RGBA{74, 128, 58, 255}

// stem paints the stalk from the head down to the edge of the picture, with a
// leaf or two: every kind has one, so that a stalk tells nothing.
func stem(p *painter, f frame) {
	size := p.img.Bounds().Size()
	c, w := p.vary(stemGreen), f.scale*p.between(0.05, 0.1)
	foot := point{f.center.x + p.between(-0.6, 0.6)*f.scale, float64(size.Y) + 8}
	mid := point{f.center.x, (f.center.y + foot.y) / 2}
	at := func(q point, d float64) point { return point{q.x + d, q.y} }
	p.fill(c, at(f.center, -w), curve{at(mid, -w), at(mid, -w), at(foot, -w)}, curve{at(foot, w), at(foot, w), at(foot, w)},
		curve{at(mid, w), at(mid, w), at(f.center, w)})
	for range p.count(0, 3) {
		t := p.between(0.35, 0.9)
		base := point{f.center.x + t*(foot.x-f.center.x), f.center.y + t*(foot.y-f.center.y)}
		angle := -math.Pi/2 + p.pick1(-1, 1)*p.between(0.35, 1.1)
		leaf := frame{center: base, scale: f.scale * p.between(0.7, 1.3), squash: 1}
		p.petal(p.vary(c), leaf, petal{angle: angle, in: 0, out: 1, width: p.between(0.18, 0.4)})
	}
}

func (p *painter) pick1(values ...float64) float64 { return values[p.rng.IntN(len(values))] }

// grain adds a little noise and a change of exposure, as a camera would.
func grain(p *painter) {
	gain, noise := p.between(0.75, 1.12), p.between(2, 9)
	pix := p.img.Pix
	for i := 0; i < len(pix); i += 4 {
		n := noise * (p.rng.Float64() + p.rng.Float64() - 1)
		for ch := range 3 {
			pix[i+ch] = clamp(gain*float64(pix[i+ch]) + n)
		}
	}
}
