package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"featstore/train/internal/nearest"
)

// A kmeans finds directions among rows by spherical k-means: each is the mean of the rows
// that are nearest to it. It starts from rows drawn the more often the farther they are from
// those drawn before (Arthur and Vassilvitskii 2007, "k-means++").
type kmeans struct {
	blocks  []int       // features of each network: a row has length 1 in each
	rows    [][]float32 // N×D
	weights []float64   // how much each row counts, nil for all the same
	k       int         // clusters, at most as many as rows
	rounds  int         // at most
	pool    *workerPool

	nearest []nearest.Neighbour // of each row: its centre, and the sum of the cosines to it
}

// cluster returns the centres, k×D, row-major. The rows' nearest are set for the centres of
// the last round but one, or for these if it came to an end.
func (m *kmeans) cluster(src rand.Source) []float32 {
	d := len(m.rows[0])
	centres := m.firstCentres(src)
	m.nearest = make([]nearest.Neighbour, len(m.rows))
	sums := make([]float64, m.k*d)
	for round := range m.rounds {
		if moved := m.assign(centres); round > 0 && !moved {
			break
		}
		m.sum(sums)
		for c := range m.k {
			m.direct(centres[c*d:(c+1)*d], sums[c*d:(c+1)*d])
		}
	}
	return centres
}

// assign finds each row's nearest centre, and tells whether any changed.
func (m *kmeans) assign(centres []float32) bool {
	d := len(m.rows[0])
	moved := make([]bool, m.pool.parts())
	m.pool.run(func(part int) {
		lo, hi := share(len(m.rows), part, m.pool.parts(), nearest.Queries)
		var tile nearest.Tile
		tile.Top(m.rows[lo:hi], centres, d, 1, func(i int, best []nearest.Neighbour) {
			moved[part] = moved[part] || m.nearest[lo+i].Row != best[0].Row
			m.nearest[lo+i] = best[0]
		})
	})
	return slices.Contains(moved, true)
}

// sum sets sums, k×D, to those of the rows of each centre, in the order of the rows.
func (m *kmeans) sum(sums []float64) {
	d := len(m.rows[0])
	clear(sums)
	m.pool.run(func(part int) {
		lo, hi := share(d, part, m.pool.parts(), 64)
		for i, row := range m.rows {
			w := m.weight(i)
			s := sums[m.nearest[i].Row*d+lo : m.nearest[i].Row*d+hi]
			for j, x := range row[lo:hi] {
				s[j] += float64(w * float64(x))
			}
		}
	})
}

func (m *kmeans) weight(i int) float64 {
	if m.weights == nil {
		return 1
	}
	return m.weights[i]
}

// direct sets a centre to the direction of a sum, each network's features for themselves. A
// cluster without rows keeps its centre.
func (m *kmeans) direct(centre []float32, sum []float64) {
	at := 0
	for _, n := range m.blocks {
		var square float64
		for _, v := range sum[at : at+n] {
			square += float64(v * v)
		}
		for j := at; square > 0 && j < at+n; j++ {
			centre[j] = float32(sum[j] / math.Sqrt(square))
		}
		at += n
	}
}

// firstCentres draws k rows to start from.
func (m *kmeans) firstCentres(src rand.Source) []float32 {
	d := len(m.rows[0])
	centres := make([]float32, 0, m.k*d)
	far := make([]float64, len(m.rows)) // distance from the nearest centre so far, times the weight
	for i := range far {
		far[i] = m.weight(i)
	}
	for range m.k {
		next := m.rows[drawWeighted(src, far)]
		centres = append(centres, next...)
		m.pool.run(func(part int) {
			lo, hi := share(len(m.rows), part, m.pool.parts(), nearest.Queries)
			var tile nearest.Tile
			tile.Each(m.rows[lo:hi], next, d, func(i, _ int, dots []float32) {
				distance := max(0, 1-float64(dots[0])/float64(len(m.blocks)))
				far[lo+i] = min(far[lo+i], float64(m.weight(lo+i)*distance))
			})
		})
	}
	return centres
}

// cohesion is the weighted sum of the rows' cosines to their centres.
func (m *kmeans) cohesion() float64 {
	sum := 0.0
	for i, n := range m.nearest {
		sum += float64(m.weight(i) * float64(n.Dot))
	}
	return sum
}

// drawWeighted draws an index as often as its weight says; the first if all are 0.
func drawWeighted(src rand.Source, weights []float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	left := float64(src.Uint64()>>11) / (1 << 53) * sum
	last := 0
	for i, w := range weights {
		if w == 0 {
			continue
		}
		if last = i; left < w {
			break
		}
		left -= w
	}
	return last
}
