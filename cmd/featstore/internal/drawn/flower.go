package drawn

import (
	"image/color"
	"math"
	"math/rand/v2"
)

// A painter draws one flower; its random choices are its own.
type painter struct {
	*brush
	rng *rand.Rand
}

// between draws a number uniformly from [lo, hi).
func (p *painter) between(lo, hi float64) float64 { return lo + (hi-lo)*p.rng.Float64() }

// count draws a whole number uniformly from lo to hi.
func (p *painter) count(lo, hi int) int { return lo + p.rng.IntN(hi-lo+1) }

func (p *painter) pick(colours ...color.RGBA) color.RGBA { return colours[p.rng.IntN(len(colours))] }

// vary changes a colour a little, as light and age do.
func (p *painter) vary(c color.RGBA) color.RGBA { return shade(c, p.between(-0.12, 0.10)) }

// ring paints n petals around the head, each a little off its place.
func (p *painter) ring(f frame, c color.RGBA, n int, proto petal) {
	step := 2 * math.Pi / float64(n)
	for i := range n {
		q := proto
		q.angle += step * (float64(i) + p.between(-0.2, 0.2))
		q.out *= p.between(0.92, 1.06)
		p.petal(p.vary(c), f, q)
		q.width *= 0.12
		p.petal(fade(shade(c, -0.35), 0.35), f, q)
	}
}

// seeds paints dots in the spiral order of a real flower's centre.
func (p *painter) seeds(f frame, c color.RGBA, n int, radius, size float64) {
	golden := math.Pi * (3 - math.Sqrt(5))
	for i := range n {
		at := polar(golden*float64(i), radius*math.Sqrt((float64(i)+0.5)/float64(n)))
		p.ellipse(shade(c, p.between(-0.3, 0.3)), f, at, size, size)
	}
}

// daisy: one or two rings of narrow blunt petals around a small bright disc.
func daisy(p *painter, f frame) {
	c := p.pick(white, white, cream, pink, yellow, violet)
	n := p.count(13, 21)
	if p.rng.IntN(2) == 0 {
		p.ring(f, shade(c, -0.15), n, petal{angle: math.Pi / float64(n), in: 0.2, out: 1, width: 3.6 / float64(n), blunt: true})
	}
	p.ring(f, c, n, petal{in: 0.18, out: 0.97, width: 4.2 / float64(n), blunt: true})
	disc, r := p.vary(p.pick(yellow, orange, yellow)), p.between(0.22, 0.3)
	p.ellipse(shade(disc, -0.25), f, point{0.02, 0.03}, r*1.06, r*1.06)
	p.ellipse(disc, f, point{}, r, r)
	p.seeds(f, disc, 40, r*0.9, 0.022)
}

// sunflower: many pointed petals around a wide dark disc full of seeds.
func sunflower(p *painter, f frame) {
	c := p.pick(yellow, yellow, orange, cream, red)
	n := p.count(18, 28)
	for i, back := range []float64{-0.25, -0.1, 0} {
		p.ring(f, shade(c, back), n, petal{angle: 0.4 * float64(i), in: 0.4, out: 1 - 0.06*float64(i), width: 5 / float64(n)})
	}
	disc, r := p.vary(p.pick(color.RGBA{74, 44, 22, 255}, color.RGBA{48, 34, 28, 255}, color.RGBA{96, 74, 30, 255})), p.between(0.46, 0.56)
	p.ellipse(disc, f, point{}, r, r)
	p.seeds(f, shade(disc, 0.15), 150, r*0.97, 0.026)
	p.ellipse(fade(shade(disc, -0.3), 0.6), f, point{}, r*0.4, r*0.4)
}

// rose: rounded petals, each layer smaller and turned, closing in a spiral.
func rose(p *painter, f frame) {
	c := p.pick(red, red, pink, white, yellow, orange)
	for layer := range 6 {
		reach := 1 - 0.15*float64(layer)
		n := 6 - layer/2
		for i := range n {
			a := 2*math.Pi*float64(i)/float64(n) + 0.7*float64(layer) + p.between(-0.15, 0.15)
			at, size := polar(a, 0.52*reach), 0.46*reach
			p.ellipse(shade(c, -0.42+0.03*float64(layer)), f, point{at.x * 1.03, at.y * 1.03}, size*1.06, size*1.06)
			p.ellipse(p.vary(shade(c, -0.12+0.035*float64(layer))), f, at, size, size)
		}
	}
	p.ellipse(shade(c, -0.3), f, point{}, 0.2, 0.2)
	for i := range 26 {
		t := float64(i) / 26
		from, to := polar(9*t, 0.21*(1-t)), polar(9*(t+0.04), 0.21*(1-t-0.04))
		p.stroke(shade(c, 0.12), f.at(from), f.at(to), 0.045*f.scale)
	}
}

// tulip: seen from the side, a cup of a few broad petals with pointed tips.
func tulip(p *painter, f frame) {
	c := p.pick(red, pink, yellow, violet, white, orange)
	f.squash = 1
	f.turn = p.between(-0.25, 0.25)
	open := p.between(0.5, 0.78)
	side := func(c color.RGBA, s, lean, tip float64) {
		at := func(x, y float64) point { return f.at(point{s * x, y}) }
		p.fill(c, at(-0.08, 0.95),
			curve{at(0.55, 1), at(0.85, 0.4), at(lean, tip)},
			curve{at(lean-0.3, tip+0.35), at(0.1, -0.2), at(-0.08, 0.95)})
	}
	for _, s := range []float64{-0.55, 0.55} {
		side(shade(c, -0.3), s, open, -0.95)
	}
	side(p.vary(shade(c, -0.1)), -1, open, -0.85)
	side(p.vary(shade(c, -0.06)), 1, open, -0.85)
	at := func(x, y float64) point { return f.at(point{x, y}) }
	w := p.between(0.42, 0.55)
	p.fill(p.vary(shade(c, 0.06)), at(0, 1), curve{at(w, 0.95), at(w*1.25, 0), at(0, -0.8)}, curve{at(-w*1.25, 0), at(-w, 0.95), at(0, 1)})
	p.fill(fade(shade(c, -0.4), 0.4), at(0, 0.9), curve{at(0.06, 0.4), at(0.04, -0.2), at(0, -0.55)}, curve{at(-0.04, -0.2), at(-0.06, 0.4), at(0, 0.9)})
}

// dandelion: in bloom a dense tuft of thin straps without a disc, or gone to
// seed a ball of fine threads that end in stars.
func dandelion(p *painter, f frame) {
	if p.rng.IntN(5) < 2 {
		clock(p, f)
		return
	}
	c := p.pick(yellow, yellow, orange, cream, white)
	for layer := range 6 {
		reach := 1 - 0.15*float64(layer)
		p.ring(f, shade(c, -0.22+0.05*float64(layer)), 34-3*layer, petal{angle: 0.3 * float64(layer), in: 0.02, out: reach, width: 0.11, blunt: true})
	}
	p.seeds(f, shade(c, -0.18), 22, 0.16, 0.03)
}

func clock(p *painter, f frame) {
	f.squash = 1
	c := p.pick(white, white, cream)
	p.ellipse(fade(c, 0.22), f, point{}, 0.95, 0.95)
	for range 130 {
		a, r := p.between(0, 2*math.Pi), math.Sqrt(p.between(0.08, 1))
		tip := polar(a, r)
		p.stroke(fade(c, 0.45), f.at(polar(a, 0.1)), f.at(tip), 0.9)
		for range 7 {
			end := polar(p.between(0, 2*math.Pi), p.between(0.08, 0.15))
			p.stroke(fade(c, 0.6), f.at(tip), f.at(point{tip.x + end.x, tip.y + end.y}), 0.8)
		}
	}
	p.ellipse(color.RGBA{120, 100, 70, 255}, f, point{}, 0.12, 0.12)
}
