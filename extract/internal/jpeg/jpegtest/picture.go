package jpegtest

import "math/rand/v2"

// A Picture is a JPEG to be written.
type Picture struct {
	Width, Height int
	H, V          []int  // sampling factors, a component each
	IDs           []byte // of the components; nil means 1, 2, …
	Restart       int    // MCUs between restart markers, or 0
	WideQuant     bool   // 16-bit quantisation tables
	Interleaved   bool   // all components in one scan, where a file may have that
	LongCodes     bool   // Huffman codes of up to 16 bits
	Progressive   bool

	// Quant is the quantisation table of all components, in zigzag order.
	Quant [64]uint16
	// Coef holds the quantised coefficients by component and block, row by row,
	// filled up to whole MCUs; each block in zigzag order.
	Coef [][][64]int16
}

// maxMCUBlocks is how many blocks a scan of several components may code at a time.
const maxMCUBlocks = 10

// Max returns the largest sampling factors.
func (p *Picture) Max() (h, v int) {
	for c := range p.H {
		h, v = max(h, p.H[c]), max(v, p.V[c])
	}
	return h, v
}

// Whole reports whether every component is subsampled by whole numbers.
func (p *Picture) Whole() bool {
	maxH, maxV := p.Max()
	for c := range p.H {
		if maxH%p.H[c] != 0 || maxV%p.V[c] != 0 {
			return false
		}
	}
	return true
}

// MCUBlocks is how many blocks an MCU of all components has.
func (p *Picture) MCUBlocks() int {
	n := 0
	for c := range p.H {
		n += p.H[c] * p.V[c]
	}
	return n
}

// Size is the number of samples of component c.
func (p *Picture) Size(c int) (w, h int) {
	maxH, maxV := p.Max()
	return ceilDiv(p.Width*p.H[c], maxH), ceilDiv(p.Height*p.V[c], maxV)
}

// Blocks returns the columns and rows of blocks of component c: filled up to
// whole MCUs, and those that hold samples.
func (p *Picture) Blocks(c int) (padX, padY, usedX, usedY int) {
	maxH, maxV := p.Max()
	mx, my := ceilDiv(p.Width, 8*maxH), ceilDiv(p.Height, 8*maxV)
	w, h := p.Size(c)
	return mx * p.H[c], my * p.V[c], ceilDiv(w, 8), ceilDiv(h, 8)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// Fill draws coefficients: few, as in photos, or many.
func (p *Picture) Fill(rng *rand.Rand) {
	for k := range p.Quant {
		p.Quant[k] = uint16(1 + rng.IntN(30))
		if p.WideQuant {
			p.Quant[k] += 300
		}
	}
	p.Coef = nil
	for c := range p.H {
		padX, padY, _, _ := p.Blocks(c)
		blocks := make([][64]int16, padX*padY)
		for i := range blocks {
			blocks[i][0] = int16(rng.IntN(100) - 50)
			for n := rng.IntN(20); n > 0; n-- {
				k := 1 + rng.IntN(63)
				blocks[i][k] = int16(rng.IntN(41) - 20)
			}
		}
		p.Coef = append(p.Coef, blocks)
	}
}

// Soften makes coefficients those of a picture without hard edges, whose samples
// stay far from 0 and 255: where decoders clamp is then no part of a comparison.
func (p *Picture) Soften() {
	for k := range p.Quant {
		p.Quant[k] = 2
	}
	for _, blocks := range p.Coef {
		for i := range blocks {
			for k := range blocks[i] {
				if k > 0 {
					blocks[i][k] /= 2
				} else {
					blocks[i][k] *= 3
				}
			}
		}
	}
}
