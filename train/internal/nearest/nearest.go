// Package nearest compares rows of features by their dot products: the one blocked product
// behind search, near-duplicates, nearest neighbours and clusters. Of rows with length 1 a
// dot product is their cosine.
//
// Rows are compared in tiles that stay in a core's cache, at most Queries by Rows of them.
// The products are those of package product, so the results are the same to the last bit on
// every machine, whatever the tiles and however many workers share them.
package nearest

import "featstore/train/internal/product"

// Sides of a tile.
const (
	Queries = 64
	Rows    = 256
)

// A Tile is memory for the products of one goroutine. Its zero value is ready to use.
type Tile struct {
	dots []float32
	rows [][]float32
}

// Each calls visit for every query q and each run of rows, with the products of the query
// with the rows from at on. rows is a matrix N×dim, row-major; queries have at least dim
// elements. The products are valid until visit returns.
func (t *Tile) Each(queries [][]float32, rows []float32, dim int, visit func(q, at int, dots []float32)) {
	if t.dots == nil {
		t.dots = make([]float32, Queries*Rows)
	}
	n := len(rows) / dim
	for lo := 0; lo < len(queries); lo += Queries {
		some := queries[lo:min(lo+Queries, len(queries))]
		for at := 0; at < n; at += Rows {
			width := min(Rows, n-at)
			t.multiply(some, rows[at*dim:(at+width)*dim], dim)
			for q := range some {
				visit(lo+q, at, t.dots[q*width:(q+1)*width])
			}
		}
	}
}

// multiply sets the products of queries with rows, query by query. Package product takes
// four rows at a time: those of the side that has more.
func (t *Tile) multiply(queries [][]float32, rows []float32, dim int) {
	if len(queries) >= 4 {
		product.Dots(t.dots, queries, rows, dim)
		return
	}
	t.rows = t.rows[:0]
	for at := 0; at < len(rows); at += dim {
		t.rows = append(t.rows, rows[at:at+dim])
	}
	for q, query := range queries {
		product.Dots(t.dots[q*len(t.rows):], t.rows, query[:dim], dim)
	}
}

// A Neighbour is a row and its product with a query.
type Neighbour struct {
	Row int
	Dot float32
}

// nearer orders neighbours: of equal products, the earlier row.
func nearer(a, b Neighbour) bool { return a.Dot > b.Dot || a.Dot == b.Dot && a.Row < b.Row }

// Insert puts n into best, the k nearest so far in their order, in place of the last if
// there are k. What is not nearer than the last of k is left out.
func Insert(best []Neighbour, k int, n Neighbour) []Neighbour {
	if len(best) == k {
		if k == 0 || !nearer(n, best[k-1]) {
			return best
		}
		best = best[:k-1]
	}
	best = append(best, n)
	for i := len(best) - 1; i > 0 && nearer(best[i], best[i-1]); i-- {
		best[i], best[i-1] = best[i-1], best[i]
	}
	return best
}

// Top calls found with the k nearest rows of each query, the nearest first. They are valid
// until found returns.
func (t *Tile) Top(queries [][]float32, rows []float32, dim, k int, found func(q int, best []Neighbour)) {
	best := make([][]Neighbour, min(Queries, len(queries)))
	for lo := 0; lo < len(queries); lo += Queries {
		some := queries[lo:min(lo+Queries, len(queries))]
		for q := range some {
			best[q] = best[q][:0]
		}
		t.Each(some, rows, dim, func(q, at int, dots []float32) {
			own := best[q]
			for i, dot := range dots {
				if len(own) < k || dot > own[k-1].Dot { // an equal one comes later and so is no nearer
					own = Insert(own, k, Neighbour{at + i, dot})
				}
			}
			best[q] = own
		})
		for q := range some {
			found(lo+q, best[q])
		}
	}
}

// Above calls found for every query and row whose product is least or more.
func (t *Tile) Above(queries [][]float32, rows []float32, dim int, least float32, found func(q int, n Neighbour)) {
	t.Each(queries, rows, dim, func(q, at int, dots []float32) {
		for i, dot := range dots {
			if dot >= least {
				found(q, Neighbour{at + i, dot})
			}
		}
	})
}
