package train

import (
	"featstore/train/internal/bitexact"
	"featstore/train/internal/nearest"
)

// A knn is an exact k-nearest-neighbour classifier by cosine similarity: the label
// that most of the k most similar training images have. It keeps the features of
// all of them: 4·D bytes an image.
type knn struct {
	k      int
	d      int
	labels int
	rows   [][]float32 // N×D, of length 1
	all    []float32   // the rows, one after the other
	truth  []int
}

// neighbourChoices are the numbers of neighbours to choose from.
var neighbourChoices = []int{1, 3, 5, 7, 9, 13, 19}

// fitKNN keeps the images. With k 0 it takes the number of neighbours that is
// right most often about each training image when that is left out.
func fitKNN(t *table, k int, pool *workerPool) *knn {
	c := &knn{k: k, d: t.dim(), labels: t.labels, truth: t.truth}
	c.all = make([]float32, len(t.rows)*c.d)
	for i, row := range t.rows {
		own := c.all[i*c.d : (i+1)*c.d]
		copy(own, row)
		unit(own)
		c.rows = append(c.rows, own)
	}
	if k == 0 {
		c.k = c.chooseK(t, pool)
	}
	c.k = min(c.k, len(c.rows))
	return c
}

// nearest calls found with the k nearest training images of each row, in order,
// those of part out of parts. Rows need not have length 1: that changes no order.
func (c *knn) nearest(rows [][]float32, k, part, parts int, found func(i int, best []nearest.Neighbour)) {
	var tile nearest.Tile
	for lo := part * nearest.Queries; lo < len(rows); lo += parts * nearest.Queries {
		some := rows[lo:min(lo+nearest.Queries, len(rows))]
		tile.Top(some, c.all, c.d, k, func(q int, best []nearest.Neighbour) { found(lo+q, best) })
	}
}

// chooseK returns the number of neighbours that is right most often, each training
// image being judged by the others and their views; of equally good ones the smallest.
func (c *knn) chooseK(t *table, pool *workerPool) int {
	images := t.images()
	most := neighbourChoices[len(neighbourChoices)-1] + max(t.perImage, 1)
	hits := make([][]int, pool.parts())
	pool.run(func(part int) {
		hits[part] = make([]int, len(neighbourChoices))
		votes := make([]int, c.labels)
		c.nearest(c.rows[:images], most, part, pool.parts(), func(i int, best []nearest.Neighbour) {
			clear(votes)
			counted, choice := 0, 0
			for _, n := range best {
				if n.Row%images == i || choice == len(neighbourChoices) {
					continue
				}
				votes[c.truth[n.Row]]++
				if counted++; counted == neighbourChoices[choice] {
					if mostVotes(votes) == c.truth[i] {
						hits[part][choice]++
					}
					choice++
				}
			}
		})
	})
	best, bestHits := 0, -1
	for choice := range neighbourChoices {
		sum := 0
		for _, h := range hits {
			sum += h[choice]
		}
		if sum > bestHits {
			best, bestHits = choice, sum
		}
	}
	return neighbourChoices[best]
}

// mostVotes returns the label with most votes, the first of equals.
func mostVotes(votes []int) int {
	best := 0
	for l, v := range votes {
		if v > votes[best] {
			best = l
		}
	}
	return best
}

// voteFloor is a part of a vote that every label gets, so that none is impossible.
const voteFloor = 0.1

// scores makes logarithms of the shares of votes. Many rows are shared out between
// all processors.
func (c *knn) scores(out []float64, rows [][]float32) {
	parts := 0
	if len(rows) <= nearest.Queries {
		parts = 1
	}
	pool := newWorkerPool(parts)
	defer pool.close()
	pool.run(func(part int) { c.scorePart(out, rows, part, pool.parts()) })
}

func (c *knn) scorePart(out []float64, rows [][]float32, part, parts int) {
	c.nearest(rows, c.k, part, parts, func(i int, best []nearest.Neighbour) {
		z := out[i*c.labels : (i+1)*c.labels]
		for l := range z {
			z[l] = voteFloor
		}
		for _, n := range best {
			z[c.truth[n.Row]]++
		}
		for l, v := range z {
			z[l] = bitexact.Log(v / (float64(c.k) + float64(voteFloor*float64(c.labels))))
		}
	})
}

func (c *knn) finite() bool {
	for _, row := range c.rows {
		if !allFinite(row) {
			return false
		}
	}
	return true
}

func (c *knn) check(labels, dim int) error {
	if c.d != dim || c.labels != labels || c.k < 1 || c.k > len(c.rows) || len(c.truth) != len(c.rows) {
		return corruptSize(KindKNN, labels, dim)
	}
	for _, y := range c.truth {
		if y < 0 || y >= labels {
			return corruptSize(KindKNN, labels, dim)
		}
	}
	return nil
}
