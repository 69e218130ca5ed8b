//go:build amd64 && !purego

package product

import "featstore/extract/cpu"

//go:generate go run -C _asm . -pkg product -stubs ../kernel_amd64.go -out ../kernel_amd64.s

// instructions is what the products use. Tests set it to run every kernel.
var instructions, _ = cpu.Chosen()

func useAssembly() bool { return instructions >= cpu.AVX2 }

const (
	tileRows    = 4  // rows a call of the kernels takes
	labelsBlock = 16 // rows of weights that are kept in cache while the inputs pass by
)

func dotsVector(out []float32, rows [][]float32, w []float32, dim, labels int) {
	if dim < Lanes {
		dotsPortable(out, rows, w, dim, labels)
		return
	}
	for c := 0; c < labels; c += labelsBlock {
		end := min(c+labelsBlock, labels)
		i := 0
		for ; i+tileRows <= len(rows); i += tileRows {
			dotsTile(out[i*labels:], (*[tileRows][]float32)(rows[i:]), w, dim, labels, c, end)
		}
		if i < len(rows) {
			lastTile(out[i*labels:], rows[i:], w, dim, labels, c, end)
		}
	}
}

// lastTile is dotsTile for fewer than four rows.
func lastTile(out []float32, rows [][]float32, w []float32, dim, labels, c, end int) {
	var tile [tileRows][]float32
	for r := range tile {
		tile[r] = rows[min(r, len(rows)-1)] // fill up with a row that is there
	}
	var part [tileRows * labelsBlock]float32
	dotsTile(part[:], &tile, w[c*dim:end*dim], dim, labelsBlock, 0, end-c)
	for r := range rows {
		copy(out[r*labels+c:r*labels+end], part[r*labelsBlock:])
	}
}

// dotsTile computes the dot products of four rows with the rows c ≤ … < end of w.
func dotsTile(out []float32, rows *[tileRows][]float32, w []float32, dim, labels, c, end int) {
	_ = out[(tileRows-1)*labels+end-1]
	if dim%Lanes != 0 {
		raggedTile(out, rows, w, dim, labels, c, end)
		return
	}
	if instructions == cpu.AVX512 {
		for ; c+4 <= end; c += 4 {
			tile4AVX512(&rows[0], &w[c*dim], 4*dim, dim/Lanes, &out[c], 4*labels)
		}
		for ; c < end; c++ {
			tile1AVX512(&rows[0], &w[c*dim], 4*dim, dim/Lanes, &out[c], 4*labels)
		}
		return
	}
	for ; c < end; c++ {
		tile1AVX2(&rows[0], &w[c*dim], 4*dim, dim/Lanes, &out[c], 4*labels)
	}
}

// raggedTile is dotsTile for a dim that is not a whole number of blocks: what is
// left goes into the lanes before these are added up.
func raggedTile(out []float32, rows *[tileRows][]float32, w []float32, dim, labels, c, end int) {
	var lanes [tileRows * Lanes]float32
	whole := dim - dim%Lanes
	for ; c < end; c++ {
		if instructions == cpu.AVX512 {
			dotsAVX512(&rows[0], &w[c*dim], dim/Lanes, &lanes)
		} else {
			dotsAVX2(&rows[0], &w[c*dim], dim/Lanes, &lanes)
		}
		for r, row := range rows {
			out[r*labels+c] = finishDot((*[Lanes]float32)(lanes[r*Lanes:]), row[whole:dim], w[c*dim+whole:(c+1)*dim])
		}
	}
}

// outerVector does AddOuter for as many whole tiles of columns as there are from lo
// on, and returns the first column that is left. Labels are as in outerPortable.
func outerVector(w []float32, rows [][]float32, g []float32, dim, first, last, stride, lo, hi int) int {
	columns, one, two := 32, outer1AVX2, outer2AVX2
	if instructions == cpu.AVX512 {
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
