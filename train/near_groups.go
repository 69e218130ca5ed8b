package train

import (
	"context"
	"slices"
	"sync"

	"featstore/split"
	"featstore/store"
	"featstore/train/internal/nearest"
)

// NearGroups compares every photo with every other, in its own split and in the others,
// and returns the groups that belong together because each photo in it has a cosine of at
// least opt.Least with another one in it. Photos on their own are in no group. The groups
// are in the order of their first digests, and each is in the order of its digests.
// opt.Most has no effect.
func NearGroups(ctx context.Context, db *store.DB, opt NearOptions) ([][]split.Digest, error) {
	n, err := openNear(ctx, db, opt)
	if err != nil {
		return nil, err
	}
	sets := newDisjointSets(len(n.rows))
	least := float32(n.opt.Least) * float32(len(n.dims))
	err = joinNear(ctx, n.rows, n.all, least, n.opt.Progress, func(a, b int, _ float32) { sets.join(a, b) })
	if err != nil {
		return nil, err
	}
	byRoot := map[int][]split.Digest{}
	for i, d := range n.digests {
		root := sets.find(i)
		byRoot[root] = append(byRoot[root], d)
	}
	groups := [][]split.Digest{}
	for _, g := range byRoot {
		if len(g) > 1 {
			slices.SortFunc(g, split.Digest.Compare)
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(a, b []split.Digest) int { return a[0].Compare(b[0]) })
	return groups, nil
}

// joinNear joins the numbers of all rows that are similar: at least least, which is a sum over
// networks. all is the rows, one after the other. joined is told of each pair, by one
// goroutine at a time, in no fixed order.
func joinNear(ctx context.Context, rows [][]float32, all []float32, least float32, progress func(done, total int), joined func(a, b int, dot float32)) error {
	type pair struct {
		a, b int
		dot  float32
	}
	if len(rows) == 0 {
		return ctx.Err()
	}
	d := len(all) / len(rows)
	pool := newWorkerPool(0)
	defer pool.close()
	var mu sync.Mutex
	done := 0
	pool.run(func(part int) {
		var tile nearest.Tile
		var found []pair
		for lo := part * nearest.Queries; lo < len(rows) && ctx.Err() == nil; lo += pool.parts() * nearest.Queries {
			hi := min(lo+nearest.Queries, len(rows))
			found = found[:0]
			tile.Above(rows[lo:hi], all[:hi*d], d, least, func(q int, n nearest.Neighbour) {
				if n.Row < lo+q {
					found = append(found, pair{n.Row, lo + q, n.Dot})
				}
			})
			mu.Lock()
			for _, p := range found {
				joined(p.a, p.b, p.dot)
			}
			if done += hi - lo; progress != nil {
				progress(done, len(rows))
			}
			mu.Unlock()
		}
	})
	return ctx.Err()
}

// disjointSets divides the numbers from 0 to n−1 into sets. Each has a number as its root.
type disjointSets struct{ parent []int }

func newDisjointSets(n int) *disjointSets {
	s := &disjointSets{make([]int, n)}
	for i := range s.parent {
		s.parent[i] = i
	}
	return s
}

// find returns the root of a number's set.
func (s *disjointSets) find(i int) int {
	for s.parent[i] != i {
		s.parent[i] = s.parent[s.parent[i]]
		i = s.parent[i]
	}
	return i
}

// join makes one set of the sets of two numbers.
func (s *disjointSets) join(i, j int) {
	i, j = s.find(i), s.find(j)
	s.parent[max(i, j)] = min(i, j)
}
