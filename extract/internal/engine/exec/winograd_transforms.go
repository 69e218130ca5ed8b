package exec

import "featstore/extract/internal/kernel"

// The algorithm of Toom and Cook, which Winograd found optimal, computes m outputs
// of a filter of r taps with m+r−1 products instead of m·r: both are taken as
// polynomials, evaluated at m+r−1 points, multiplied point by point, and the
// product is interpolated again. In two dimensions rows are treated like
// elements. Summed over channels, each point becomes a matrix product of its own.
//
// Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks"
// (2015); the transposed form of Winograd with points 0, ±1, ±2, ±½, … and ∞.

// A winograd holds the matrices of one dimension: y = Aᵀ[(G·g) ⊙ (Bᵀ·d)] for m outputs
// y, taps g and m+r−1 inputs d.
type winogradTransforms struct {
	M, N int         // outputs, points
	g    [][]float64 // n × r
	bt   []float32   // inputs × points, row-major: Bᵀ transposed
	at   []float32   // points × outputs

	into, back *kernel.Winograd // for bt and at; nil where the kernels have none
}

// A WinogradTiling is how a convolution runs by Winograd: tiles of y.m × x.m outputs.
type WinogradTiling struct {
	Y, X           *winogradTransforms
	TilesY, TilesX int // of an image
	RowsPerBlock   int // rows of tiles that are transformed and multiplied together
}

// NewWinogradTiling cuts h×w outputs into tiles of my×mx, a row of them in a block.
func NewWinogradTiling(c ConvShape, my, mx, h, w int) *WinogradTiling {
	f := &WinogradTiling{Y: newWinogradTransforms(my, c.KH), X: newWinogradTransforms(mx, c.KW), RowsPerBlock: 1}
	f.TilesY, f.TilesX = (h+f.Y.M-1)/f.Y.M, (w+f.X.M-1)/f.X.M
	return f
}

func (f *WinogradTiling) Points() int { return f.Y.N * f.X.N }

// winogradPoints are the finite points, the best conditioned first.
var winogradPoints = []float64{0, 1, -1, 2, -2, 0.5, -0.5, 1.5, -1.5, 0.75, -0.75}

// newWinogradTransforms returns the matrices for m outputs and r taps. For one tap it is the
// identity.
func newWinogradTransforms(m, r int) *winogradTransforms {
	if r == 1 {
		return &winogradTransforms{M: 1, N: 1, g: [][]float64{{1}}, bt: []float32{1}, at: []float32{1}}
	}
	n := m + r - 1
	t := &winogradTransforms{M: m, N: n, bt: make([]float32, n*n), at: make([]float32, n*m)}
	points := winogradPoints[:n-1]
	for j, a := range points {
		scale := 1.0 // ∏(a − b) over the other points
		for i, b := range points {
			if i != j {
				scale *= a - b
			}
		}
		t.g = append(t.g, powers(a, r, 1/scale))
		for i, v := range powers(a, m, 1) {
			t.at[j*m+i] = float32(v)
		}
		t.setColumn(j, polynomial(points, j))
	}
	infinite := make([]float64, r)
	infinite[r-1] = 1
	t.g = append(t.g, infinite)
	t.at[(n-1)*m+m-1] = 1
	t.setColumn(n-1, polynomial(points, -1))
	return t
}

// shorten looks up what the set's kernels know of the matrices.
func (t *winogradTransforms) shorten(set *kernel.Set) {
	t.into, t.back = set.Winograd(t.N, t.N, t.bt), set.Winograd(t.N, t.M, t.at)
}

func (t *winogradTransforms) setColumn(j int, coefficients []float64) {
	for i, v := range coefficients {
		t.bt[i*t.N+j] = float32(v)
	}
}

// powers returns scale·a⁰ … scale·aⁿ⁻¹.
func powers(a float64, n int, scale float64) []float64 {
	p := make([]float64, n)
	for i := range p {
		p[i] = scale
		scale *= a
	}
	return p
}

// polynomial returns the coefficients of ∏(x − p) over all points but one.
func polynomial(points []float64, but int) []float64 {
	c := []float64{1}
	for i, p := range points {
		if i == but {
			continue
		}
		next := make([]float64, len(c)+1)
		for k, v := range c {
			next[k+1] += v
			next[k] -= p * v
		}
		c = next
	}
	return c
}

// winogradWeights evaluates cout × kh × kw × cin weights at the points: a cout × cin
// matrix for each of y.n × x.n points.
func winogradWeights(c ConvShape, weight []float32, t *WinogradTiling) [][]float32 {
	y, x := t.Y, t.X
	points := make([][]float32, y.N*x.N)
	taps := c.KH * c.KW
	sum := make([]float64, c.CIn)
	for p := range points {
		gy, gx := y.g[p/x.N], x.g[p%x.N]
		w := make([]float32, c.COut*c.CIn)
		for o := range c.COut {
			clear(sum)
			for k := range taps {
				f := gy[k/c.KW] * gx[k%c.KW]
				if f == 0 {
					continue
				}
				for i, v := range weight[(o*taps+k)*c.CIn:][:c.CIn] {
					sum[i] += f * float64(v)
				}
			}
			for i, v := range sum {
				w[o*c.CIn+i] = float32(v)
			}
		}
		points[p] = w
	}
	return points
}
