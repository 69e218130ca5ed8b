//go:build amd64 && !purego

package product

import "golang.org/x/sys/cpu"

//go:generate sh -c "cd _asm && go run . -out ../kernel_amd64.s -stubs ../kernel_amd64.go -pkg product"

// An instructionSet says which assembly runs.
type instructionSet int

const (
	none instructionSet = iota
	avx2
	avx512
)

// instructions is what this processor has. Tests set it to run every kernel.
var instructions = detect()

func detect() instructionSet {
	switch {
	case cpu.X86.HasAVX512F:
		return avx512
	case cpu.X86.HasAVX2:
		return avx2
	}
	return none
}

func useAssembly() bool { return instructions != none }

const (
	tileRows    = 4  // rows a call of dotsAVX… takes
	labelsBlock = 16 // rows of weights that are kept in cache while the inputs pass by
)

func dotsFast(out []float32, rows [][]float32, w []float32, dim, labels int) {
	if dim < Lanes {
		dotsPortable(out, rows, w, dim, labels)
		return
	}
	for c := 0; c < labels; c += labelsBlock {
		end := min(c+labelsBlock, labels)
		i := 0
		for ; i+tileRows <= len(rows); i += tileRows {
			dotsTile(out[i*labels:], (*[tileRows][]float32)(rows[i:]), tileRows, w, dim, labels, c, end)
		}
		if left := len(rows) - i; left > 0 {
			// Fill up the tile with a row that is already there.
			var tile [tileRows][]float32
			for r := range tile {
				tile[r] = rows[min(i+r, len(rows)-1)]
			}
			dotsTile(out[i*labels:], &tile, left, w, dim, labels, c, end)
		}
	}
}

// dotsTile computes the dot products of the first n of four rows with the rows
// c ≤ … < end of w.
func dotsTile(out []float32, rows *[tileRows][]float32, n int, w []float32, dim, labels, c, end int) {
	var lanes [tileRows * Lanes]float32
	whole := dim - dim%Lanes
	for ; c < end; c++ {
		if instructions == avx512 {
			dotsAVX512(&rows[0], &w[c*dim], dim/Lanes, &lanes)
		} else {
			dotsAVX2(&rows[0], &w[c*dim], dim/Lanes, &lanes)
		}
		for r := range n {
			out[r*labels+c] = finishDot((*[Lanes]float32)(lanes[r*Lanes:]), rows[r][whole:dim], w[c*dim+whole:(c+1)*dim])
		}
	}
}

// outerFast does AddOuter for as many whole tiles of columns as there are from lo
// on, and returns the first column that is left. Labels are as in outerPortable.
func outerFast(w []float32, rows [][]float32, g []float32, dim, first, last, stride, lo, hi int) int {
	columns, one, two := 32, outer1AVX2, outer2AVX2
	if instructions == avx512 {
		columns, one, two = 64, outer1AVX512, outer2AVX512
	}
	k := lo
	for ; k+columns <= hi; k += columns {
		for c := first; c < last; c += 2 {
			tile := two
			if c+1 == last {
				tile = one
			}
			tile(&w[c*dim+k], 4*dim, &rows[0], len(rows), &g[c], 4*stride, 4*k)
		}
	}
	return k
}
