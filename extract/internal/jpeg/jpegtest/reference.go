package jpegtest

import "math"

// Samples returns component c's samples, w×h of them: the inverse DCT of its
// definition (T.81 A.3.3), unrounded, clamped to 0…255.
func (p *Picture) Samples(c int) (samples []float64, w, h int) {
	w, h = p.Size(c)
	samples = make([]float64, w*h)
	padX, _, usedX, usedY := p.Blocks(c)
	for by := range usedY {
		for bx := range usedX {
			block := inverseDCT(p.dequantized(&p.Coef[c][by*padX+bx]))
			for y := range min(8, h-8*by) {
				for x := range min(8, w-8*bx) {
					samples[(8*by+y)*w+8*bx+x] = math.Max(0, math.Min(255, block[8*y+x]+128))
				}
			}
		}
	}
	return samples, w, h
}

// Means returns component c at a reduced size, w×h samples: blocks of side×side, each
// sample the mean of those of the inverse DCT that it stands for, unrounded, clamped then.
func (p *Picture) Means(c, side int) (means []float64, w, h int) {
	w, h = p.Size(c)
	w, h = ceilDiv(w*side, 8), ceilDiv(h*side, 8)
	means = make([]float64, w*h)
	padX, _, _, _ := p.Blocks(c)
	n := 8 / side
	for i := range means {
		x, y := i%w, i/w
		block := inverseDCT(p.dequantized(&p.Coef[c][y/side*padX+x/side]))
		sum := 0.0
		for j := range n * n {
			sum += block[8*(y%side*n+j/n)+x%side*n+j%n]
		}
		means[i] = math.Max(0, math.Min(255, sum/float64(n*n)+128))
	}
	return means, w, h
}

// dequantized returns a block in natural order, row·8 + column.
func (p *Picture) dequantized(zigzag *[64]int16) (block [64]float64) {
	for k, at := range natural {
		block[at] = float64(zigzag[k]) * float64(p.Quant[k])
	}
	return block
}

// natural maps zigzag positions to row·8 + column: up and down the diagonals.
var natural = func() (at [64]int) {
	k := 0
	for d := range 15 {
		for i := range d + 1 {
			row, col := d-i, i
			if d%2 == 1 {
				row, col = i, d-i
			}
			if row < 8 && col < 8 {
				at[k] = 8*row + col
				k++
			}
		}
	}
	return at
}()

// basis[u][x] is the u-th basis function of the 8-point DCT at x.
var basis = func() (t [8][8]float64) {
	for u := range t {
		for x := range t[u] {
			t[u][x] = math.Cos(float64(2*x+1)*float64(u)*math.Pi/16) / 2
			if u == 0 {
				t[u][x] /= math.Sqrt2
			}
		}
	}
	return t
}()

func inverseDCT(block [64]float64) (out [64]float64) {
	var rows [64]float64
	for v := range 8 {
		for x := range 8 {
			for u := range 8 {
				rows[8*v+x] += block[8*v+u] * basis[u][x]
			}
		}
	}
	for y := range 8 {
		for x := range 8 {
			for v := range 8 {
				out[8*y+x] += rows[8*v+x] * basis[v][y]
			}
		}
	}
	return out
}

// Upsampled returns component c at the picture's size, by the rules of libjpeg
// (jdsample.c, fancy upsampling): half as many columns, or rows, or both become
// twice as many by the triangle filter, ¾ of the nearer sample and ¼ of the other;
// unless both are halved, or the columns alone, in a component at most two samples
// wide. In every other ratio samples are repeated.
func (p *Picture) Upsampled(c int) []float64 {
	samples, w, h := p.Samples(c)
	maxH, maxV := p.Max()
	fx, fy := maxH/p.H[c], maxV/p.V[c]
	triangleX := fx == 2 && fy <= 2 && w > 2
	triangleY := fy == 2 && (fx == 1 || fx == 2 && w > 2)
	out := make([]float64, 0, p.Width*p.Height)
	for y := range p.Height {
		y0, y1 := neighbours(y, fy, h, triangleY)
		for x := range p.Width {
			x0, x1 := neighbours(x, fx, w, triangleX)
			near := 0.75*samples[y0*w+x0] + 0.25*samples[y1*w+x0]
			far := 0.75*samples[y0*w+x1] + 0.25*samples[y1*w+x1]
			out = append(out, 0.75*near+0.25*far)
		}
	}
	return out
}

// neighbours are the samples, of n, that pixel i lies nearest to and next.
func neighbours(i, factor, n int, triangle bool) (near, far int) {
	near, far = i/factor, i/factor
	if triangle {
		far = max(0, min(n-1, near+2*(i%2)-1))
	}
	return near, far
}

// RGB returns the picture of three components, Y, Cb and Cr, in JFIF's RGB.
func (p *Picture) RGB() []float64 {
	luma, cb, cr := p.Upsampled(0), p.Upsampled(1), p.Upsampled(2)
	rgb := make([]float64, 0, 3*len(luma))
	for i, y := range luma {
		b, r := cb[i]-128, cr[i]-128
		for _, v := range []float64{y + 1.402*r, y - (0.114*1.772*b+0.299*1.402*r)/0.587, y + 1.772*b} {
			rgb = append(rgb, math.Max(0, math.Min(255, v)))
		}
	}
	return rgb
}
