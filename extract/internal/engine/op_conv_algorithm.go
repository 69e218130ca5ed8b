package engine

import (
	"math"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
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
	return c.Group == 1 && c.axis == 1 && c.SH*c.SW*c.DH*c.DW == 1 && fits(c.KH) && fits(c.KW) && c.KH*c.KW > 1 && c.KH*c.KW <= 9 &&
		c.CIn >= 16 && c.COut >= 16
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
	for _, my := range outputsOf[c.KH] {
		for _, mx := range outputsOf[c.KW] {
			f := c.tiled(my, mx, h, w)
			if cost := winogradCost(f, c, w, images); cost < best {
				best, c.winograd = cost, f
			}
		}
	}
}

// tiled cuts h×w outputs of c into tiles of my×mx.
func (c *conv) tiled(my, mx, h, w int) *exec.WinogradTiling {
	f := exec.NewWinogradTiling(c.ConvShape, my, mx, h, w)
	winogradProducts(f, c, 1)
	return f
}

// winogradCost estimates cycles: the products and the transforms.
func winogradCost(f *exec.WinogradTiling, c *conv, w, images int) float64 {
	tileRows := float64(images * f.TilesY)
	tiles := tileRows * float64(f.TilesX)
	wide := float64(f.TilesX*f.X.M + c.KW - 1)
	into := tileRows*wide*float64(f.Y.N*f.Y.N*c.CIn) + tiles*float64(f.Y.N*f.X.N*f.X.N*c.CIn)
	back := tiles*float64(f.Y.N*f.X.N*f.X.M*c.COut) + tileRows*float64(w*f.Y.N*f.Y.M*c.COut)
	return winogradProducts(f, c, images) + (into+back)/macsTransformed
}

// winogradProducts sets rowsPerBlock and returns the cycles of the products with what it
// costs to move points: more rows read the weights less often, fewer keep the
// points in the second-level cache.
func winogradProducts(f *exec.WinogradTiling, c *conv, images int) float64 {
	weights := f.Points() * c.CIn * c.COut
	points := float64(f.TilesX * f.Points() * (c.CIn + c.COut)) // of a row of tiles
	tileRows := float64(images * f.TilesY)
	best := math.Inf(1)
	for rows := 1; rows <= f.TilesY; rows++ {
		cost := multiplying(tileRows*float64(f.TilesX*weights), weights, math.Ceil(tileRows/float64(rows)))
		if float64(rows)*points > nearPoints {
			cost += 2 * tileRows * points / floatsSpilled
		}
		if cost < best {
			best, f.RowsPerBlock = cost, rows
		}
	}
	return best
}

// reach is how far the convolution reads beyond the image: whole tiles may read
// more than the padding.
func (c *conv) reach(h, w int) memory.Borders {
	b := c.Pad
	if f := c.winograd; f != nil {
		b.Bottom = max(b.Bottom, f.TilesY*f.Y.M+c.KH-1-c.Pad.Top-h)
		b.Right = max(b.Right, f.TilesX*f.X.M+c.KW-1-c.Pad.Left-w)
	}
	return b
}

// worthStrassen is that of n's convolution, which would not be part of a block: the
// results of the depthwise convolution before it then go to memory.
func (n *node) worthStrassen() bool {
	c, d := n.op.(*conv), n.out[0].shape
	pixels := tensor.Len(d) / d[c.axis]
	return c.worthStrassen(pixels, len(n.in) > 1) && (c.axis != 1 || pixels*c.CIn <= nearResults)
}

const (
	cyclesPerSums     = 20.0      // for S1 … S4 of a vector of each quarter
	cyclesPerResults  = 30.0      // for a vector of each quarter
	cyclesPerResidual = 200.0     // the same: residuals are far away, and nothing hides that
	strassenCosts     = 60e3      // besides: twice the weights are fetched, at every image
	strassenAdvantage = 0.5       // what the saved product must be worth
	fewestPixels      = 96        // several cores share pixels: every one of them needs some
	nearResults       = 640 << 10 // floats of a depthwise convolution that stay in the second-level cache or close by
)

// worthStrassen reports whether Strassen's algorithm is cheaper than the plain product.
// Costs are cycles as in choose. It takes 7/4 of the memory for weights.
func (c *conv) worthStrassen(pixels int, residual bool) bool {
	if !c.strassenFits() || pixels < fewestPixels {
		return false
	}
	m, k, n := float64(pixels/2), float64(c.CIn/2), float64(c.COut/2)
	saved := m * k * n / macsPerCycle
	results := cyclesPerResults
	if residual {
		results += cyclesPerResidual
	}
	return saved*strassenAdvantage > m*(k*cyclesPerSums+n*results)/16+strassenCosts
}

// strassenFits reports whether all that the algorithm needs can be cut in halves.
func (c *conv) strassenFits() bool {
	return c.Pointwise() && c.Group == 1 && !c.Depthwise() && c.CIn%2 == 0 && c.COut%2 == 0
}
