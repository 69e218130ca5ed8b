package drawn

import (
	"image"
	"image/color"
	"math"

	"golang.org/x/image/vector"
)

// A point is a position on the canvas in pixels, or in a flower's own frame,
// where its head has radius 1 around the origin.
type point struct{ x, y float64 }

// A frame places a flower's own coordinates on the canvas.
type frame struct {
	center point
	scale  float64 // pixels for a length of 1
	turn   float64 // radians
	squash float64 // height over width: 1 seen from above, less seen at a slant
}

func (f frame) at(p point) point {
	sin, cos := math.Sincos(f.turn)
	x, y := p.x*cos-p.y*sin, (p.x*sin+p.y*cos)*f.squash
	return point{f.center.x + f.scale*x, f.center.y + f.scale*y}
}

// polar gives the point at an angle and a distance from the origin.
func polar(angle, radius float64) point {
	sin, cos := math.Sincos(angle)
	return point{radius * cos, radius * sin}
}

// A brush fills shapes on a picture.
type brush struct {
	img  *image.RGBA
	rast *vector.Rasterizer
}

func newBrush(w, h int) *brush {
	return &brush{img: image.NewRGBA(image.Rect(0, 0, w, h)), rast: vector.NewRasterizer(w, h)}
}

// quantum is the grid, in pixels, to which points are rounded, so that the last
// bits of sines, which differ between processors, do not reach the picture.
const quantum = 1.0 / 64

func snap(x float64) float32 { return float32(math.Round(x/quantum) * quantum) }

// A curve is a cubic Bézier segment from where the path stands.
type curve struct{ c1, c2, to point }

// fill paints the closed path that starts at p. Only the part of the picture that
// the path can touch is looked at.
func (b *brush) fill(c color.RGBA, start point, path ...curve) {
	lo, hi := start, start
	for _, s := range path {
		for _, p := range [...]point{s.c1, s.c2, s.to} {
			lo = point{min(lo.x, p.x), min(lo.y, p.y)}
			hi = point{max(hi.x, p.x), max(hi.y, p.y)}
		}
	}
	box := image.Rect(int(lo.x)-1, int(lo.y)-1, int(hi.x)+2, int(hi.y)+2).Intersect(b.img.Bounds())
	if box.Empty() {
		return
	}
	b.rast.Reset(box.Dx(), box.Dy())
	at := func(p point) (x, y float32) {
		return snap(p.x - float64(box.Min.X)), snap(p.y - float64(box.Min.Y))
	}
	b.rast.MoveTo(at(start))
	for _, s := range path {
		x1, y1 := at(s.c1)
		x2, y2 := at(s.c2)
		x3, y3 := at(s.to)
		b.rast.CubeTo(x1, y1, x2, y2, x3, y3)
	}
	b.rast.ClosePath()
	b.rast.Draw(b.img, box, image.NewUniform(c), image.Point{})
}

// arc is the handle length with which four cubics make a circle.
const arc = 0.5522847

// ellipse paints an ellipse given in a frame.
func (b *brush) ellipse(c color.RGBA, f frame, center point, rx, ry float64) {
	at := func(x, y float64) point { return f.at(point{center.x + rx*x, center.y + ry*y}) }
	b.fill(c, at(1, 0),
		curve{at(1, arc), at(arc, 1), at(0, 1)}, curve{at(-arc, 1), at(-1, arc), at(-1, 0)},
		curve{at(-1, -arc), at(-arc, -1), at(0, -1)}, curve{at(arc, -1), at(1, -arc), at(1, 0)})
}

// A petal is a leaf-like outline along the angle: from radius in to radius out,
// at most width wide; a blunt tip is round, otherwise it ends in a point.
type petal struct {
	angle, in, out, width float64
	blunt                 bool
}

func (b *brush) petal(c color.RGBA, f frame, p petal) {
	sin, cos := math.Sincos(p.angle)
	at := func(along, across float64) point {
		return f.at(point{along*cos - across*sin, along*sin + across*cos})
	}
	length, half := p.out-p.in, p.width/2
	belly, tip := p.in+0.55*length, 0.15*half
	if p.blunt {
		belly, tip = p.in+0.7*length, 0.95*half
	}
	b.fill(c, at(p.in, 0.25*half),
		curve{at(p.in+0.3*length, half), at(belly, 1.25*half), at(p.out-0.08*length, tip)},
		curve{at(p.out, 0.6*tip), at(p.out, -0.6*tip), at(p.out-0.08*length, -tip)},
		curve{at(belly, -1.25*half), at(p.in+0.3*length, -half), at(p.in, -0.25*half)})
}

// stroke paints a straight line of the given width in pixels.
func (b *brush) stroke(c color.RGBA, from, to point, width float64) {
	dx, dy := to.x-from.x, to.y-from.y
	n := math.Hypot(dx, dy)
	if n == 0 {
		return
	}
	ox, oy := -dy/n*width/2, dx/n*width/2
	corners := [4]point{{from.x + ox, from.y + oy}, {to.x + ox, to.y + oy}, {to.x - ox, to.y - oy}, {from.x - ox, from.y - oy}}
	line := func(a, b point) curve { return curve{a, b, b} }
	b.fill(c, corners[0], line(corners[0], corners[1]), line(corners[1], corners[2]), line(corners[2], corners[3]))
}
