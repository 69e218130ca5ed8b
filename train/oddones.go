package train

import (
	"cmp"
	"context"
	"slices"

	"featstore/store"
	"featstore/train/internal/nearest"
)

// An OddOne is a photo that is like few others.
type OddOne struct {
	Image
	Similarity float64 `json:"similarity"` // mean cosine to the five nearest others
}

const (
	oddNeighbours = 5
	oddReference  = 5000 // photos that are compared with; of more, some, spread evenly
)

// OddOnes returns the photos that are least like all others, the oddest first: drawings,
// screenshots, photos of something else. Those without a label are among them. The features
// are in memory, 4·D bytes a photo.
func OddOnes(ctx context.Context, db *store.DB, models []string, most int) ([]OddOne, error) {
	g, err := gather(ctx, db, models, nil, nil)
	if err != nil {
		return nil, err
	}
	similarity := g.meanNearest(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	order := make([]int, len(g.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(similarity[a], similarity[b]) })
	out := []OddOne{}
	err = db.View(func(tx *store.Tx) error {
		for _, i := range order[:min(most, len(order))] {
			im, err := ImageOf(tx, g.digests[i])
			if err != nil {
				return err
			}
			out = append(out, OddOne{im, similarity[i]})
		}
		return nil
	})
	return out, err
}

// meanNearest returns each photo's mean cosine to the nearest others.
func (g *gathering) meanNearest(ctx context.Context) []float64 {
	out := make([]float64, len(g.rows))
	if len(g.rows) < 2 {
		return out
	}
	at := spreadEvenly(len(g.rows), oddReference)
	reference := flatten(g.pick(at).rows)
	pool := newWorkerPool(0)
	defer pool.close()
	pool.run(func(part int) {
		var tile nearest.Tile
		for lo := part * nearest.Queries; lo < len(g.rows) && ctx.Err() == nil; lo += pool.parts() * nearest.Queries {
			some := g.rows[lo:min(lo+nearest.Queries, len(g.rows))]
			tile.Top(some, reference, g.dim(), oddNeighbours+1, func(q int, best []nearest.Neighbour) {
				sum, n := 0.0, 0
				for _, b := range best {
					if at[b.Row] != lo+q && n < oddNeighbours {
						sum, n = sum+float64(b.Dot)/float64(len(g.dims)), n+1
					}
				}
				out[lo+q] = ratio(sum, float64(n))
			})
		}
	})
	return out
}
