package engine

import (
	"math"

	"featstore/extract/internal/tensor"
)

// chooseAlgorithms decides for every convolution whether an algorithm of Winograd or
// Strassen's is cheaper than the direct method. The costs are cycles of a core with two vector
// multiply-adds of 16 lanes; only their proportions matter.
func (g *net) chooseAlgorithms() {
	for _, n := range g.nodes {
		if c, ok := n.op.(*conv); ok && c.winogradFits() && len(n.in[0].shape) == 4 {
			in, out := n.in[0].shape, n.out[0].shape
			c.choose(in[0]*out[2], out[2], out[3], out[0])
		} else if ok {
			c.strassen = n.worthStrassen()
		}
	}
}

// winogradFits reports whether the algorithms fit: filters of three or seven taps
// along each axis that has any, moved by single pixels.
func (c *conv) winogradFits() bool {
	fits := func(k int) bool { return k == 1 || k == 3 || k == 7 }
	return c.group == 1 && c.axis == 1 && c.sh*c.sw*c.dh*c.dw == 1 && fits(c.kh) && fits(c.kw) && c.kh*c.kw > 1 && c.kh*c.kw <= 9 &&
		c.cin >= 16 && c.cout >= 16
}

// outputsOf lists how many outputs an algorithm may compute at once, by taps.
// More outputs take fewer products but lose precision: with these the golden
// vectors keep within a tenth of their tolerance.
var outputsOf = map[int][]int{1: {1}, 3: {2, 4}, 7: {3, 4, 6}}

const (
	macsPerCycle    = 28.0      // products reach about nine tenths of the peak
	macsTransformed = 20.0      // a cycle, were all coefficients of the transforms multiplied
	floatsFromRAM   = 2.0       // a cycle, for weights read first
	floatsFromNear  = 16.0      // from the third-level cache
	floatsFromFar   = 3.0       // for weights too large for that cache
	farWeights      = 2 << 20   // floats
	nearPoints      = 160 << 10 // floats of points that stay in the second-level cache
	floatsSpilled   = 4.0       // a cycle, for points that do not stay there
	advantage       = 0.9       // what a saving must be worth
)

// multiplying is what products cost that read their weights so many times. Weights
// are fetched while those before them are used, so only the slower of both counts.
func multiplying(macs float64, weights int, times float64) float64 {
	w, again := float64(weights), floatsFromNear
	if weights > farWeights {
		again = floatsFromFar
	}
	return max(macs/macsPerCycle, w/floatsFromRAM+(times-1)*w/again)
}

func (c *conv) choose(rows, h, w, images int) {
	best := advantage * multiplying(float64(rows*w)*float64(len(c.weight)), len(c.weight), 1)
	for _, my := range outputsOf[c.kh] {
		for _, mx := range outputsOf[c.kw] {
			f := newWinogradTiling(c, my, mx, h, w)
			if cost := winogradCost(f, c, w, images); cost < best {
				best, c.winograd = cost, f
			}
		}
	}
}

// newWinogradTiling tiles h×w outputs.
func newWinogradTiling(c *conv, my, mx, h, w int) *winogradTiling {
	f := &winogradTiling{y: newWinograd(my, c.kh), x: newWinograd(mx, c.kw)}
	f.tilesY, f.tilesX = (h+f.y.m-1)/f.y.m, (w+f.x.m-1)/f.x.m
	winogradProducts(f, c, 1)
	return f
}

// winogradCost estimates cycles: the products and the transforms.
func winogradCost(f *winogradTiling, c *conv, w, images int) float64 {
	tileRows := float64(images * f.tilesY)
	tiles := tileRows * float64(f.tilesX)
	wide := float64(f.tilesX*f.x.m + c.kw - 1)
	into := tileRows*wide*float64(f.y.n*f.y.n*c.cin) + tiles*float64(f.y.n*f.x.n*f.x.n*c.cin)
	back := tiles*float64(f.y.n*f.x.n*f.x.m*c.cout) + tileRows*float64(w*f.y.n*f.y.m*c.cout)
	return winogradProducts(f, c, images) + (into+back)/macsTransformed
}

// winogradProducts sets rowsPerBlock and returns the cycles of the products with what it
// costs to move points: more rows read the weights less often, fewer keep the
// points in the second-level cache.
func winogradProducts(f *winogradTiling, c *conv, images int) float64 {
	weights := f.points() * c.cin * c.cout
	points := float64(f.tilesX * f.points() * (c.cin + c.cout)) // of a row of tiles
	tileRows := float64(images * f.tilesY)
	best := math.Inf(1)
	for rows := 1; rows <= f.tilesY; rows++ {
		cost := multiplying(tileRows*float64(f.tilesX*weights), weights, math.Ceil(tileRows/float64(rows)))
		if float64(rows)*points > nearPoints {
			cost += 2 * tileRows * points / floatsSpilled
		}
		if cost < best {
			best, f.rowsPerBlock = cost, rows
		}
	}
	return best
}

// reach is how far the convolution reads beyond the image: whole tiles may read
// more than the padding.
func (c *conv) reach(h, w int) borders {
	b := c.pad
	if f := c.winograd; f != nil {
		b.bottom = max(b.bottom, f.tilesY*f.y.m+c.kh-1-c.pad.top-h)
		b.right = max(b.right, f.tilesX*f.x.m+c.kw-1-c.pad.left-w)
	}
	return b
}

// worthBytes reports whether the convolutions run faster by products of bytes, so many
// times as fast as those of floats, than by the algorithms that they have on floats.
func (g *net) worthBytes(speed float64) bool {
	if speed == 0 || speed >= 4 { // no algorithm saves as much
		return speed > 0
	}
	onBytes, onFloats := 0.0, 0.0
	for _, n := range g.nodes {
		c, ok := n.op.(*conv)
		if !ok {
			continue
		}
		direct, best := c.costs(n.in[0].shape, n.out[0].shape)
		onFloats += best
		if w, _, ok := c.wholeWeights(); ok && quantParamsOf(c.act) != nil {
			_, segments := signedBytes(w, len(w)/c.cout)
			onBytes += direct / speed * float64(segments)
		} else {
			onBytes += best
		}
	}
	return onBytes < onFloats
}

// costs returns the cycles of a convolution on floats by the direct method, and by the
// best one.
func (c *conv) costs(in, out []int) (direct, best float64) {
	direct = float64(tensor.Len(out)/c.cout) * float64(len(c.weight)) / macsPerCycle
	if f := *c; c.winogradFits() && len(out) == 4 {
		if f.choose(in[0]*out[2], out[2], out[3], out[0]); f.winograd != nil {
			return direct, winogradCost(f.winograd, &f, out[3], out[0])
		}
	}
	return direct, direct
}

// worthStrassen is that of n's convolution, which would not be part of a block: the
// results of the depthwise convolution before it then go to memory.
func (n *node) worthStrassen() bool {
	c, d := n.op.(*conv), n.out[0].shape
	pixels := tensor.Len(d) / d[c.axis]
	return c.worthStrassen(pixels, len(n.in) > 1) && (c.axis != 1 || pixels*c.cin <= nearResults)
}
