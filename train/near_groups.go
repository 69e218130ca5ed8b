package train

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

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
	if err := n.join(ctx, sets); err != nil {
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

// join joins all similar photos.
func (n *nearSearch) join(ctx context.Context, sets *disjointSets) error {
	pool := newWorkerPool(0)
	defer pool.close()
	var mu sync.Mutex
	var done atomic.Int64
	total := len(n.rows)
	pool.run(func(part int) {
		var tile nearest.Tile
		for at := part * nearest.Queries; at < total && ctx.Err() == nil; at += pool.parts() * nearest.Queries {
			end := min(at+nearest.Queries, total)
			found := n.compareBlock(&tile, at, end, end) // each also with itself
			mu.Lock()
			for _, p := range found {
				sets.join(p.a, p.b)
			}
			mu.Unlock()
			if d := done.Add(int64(end - at)); n.opt.Progress != nil {
				n.opt.Progress(int(d), total)
			}
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
