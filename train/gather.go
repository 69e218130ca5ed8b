package train

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"featstore/extract/cpu"
	"featstore/split"
	"featstore/store"
)

// A gathering holds the features of photos of a store in memory, wherever they lie: N×D
// float32. They are in the order of their digests.
type gathering struct {
	models  []string
	dims    []int
	digests []split.Digest
	places  []store.Placement
	rows    [][]float32 // of length 1 for each network
}

// gather reads the photos at all places that keep wants, nil meaning all.
func gather(ctx context.Context, db *store.DB, models []string, keep func(store.Placement) bool, progress func(done, total int)) (*gathering, error) {
	if _, err := cpu.Chosen(); err != nil { // the products cannot report it
		return nil, err
	}
	g := &gathering{}
	err := db.View(func(tx *store.Tx) (err error) {
		if g.models, err = chooseModels(tx, models); err != nil {
			return err
		}
		for _, id := range g.models {
			m, err := tx.Model(id)
			if err != nil {
				return err
			}
			g.dims = append(g.dims, m.Dim)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := g.read(ctx, db, keep, progress); err != nil {
		return nil, err
	}
	g.sort()
	return g, nil
}

// read scans the store. The order of what it finds is not fixed.
func (g *gathering) read(ctx context.Context, db *store.DB, keep func(store.Placement) bool, progress func(done, total int)) error {
	opt := store.ScanOptions{Models: g.models, Keep: keep, Workers: runtime.GOMAXPROCS(0)}
	total, err := db.CountVectors(opt)
	if err != nil {
		return err
	}
	scale := scaling{Kind: ScaleL2, Blocks: g.dims}
	var mu sync.Mutex
	return db.Scan(ctx, opt, func(_ int, b *store.Block) error {
		rows, err := g.joined(b, &scale)
		mu.Lock()
		defer mu.Unlock()
		g.digests = append(g.digests, b.Digests...)
		g.rows = append(g.rows, rows...)
		for range b.Digests {
			g.places = append(g.places, b.Placement)
		}
		if progress != nil {
			progress(len(g.digests), total)
		}
		return err
	})
}

// joined returns the rows of a block, the features of all networks one after the other.
func (g *gathering) joined(b *store.Block, scale *scaling) ([][]float32, error) {
	dim := 0
	for _, d := range g.dims {
		dim += d
	}
	all := make([]float32, len(b.Digests)*dim)
	rows := make([][]float32, len(b.Digests))
	for i := range rows {
		rows[i] = all[i*dim : (i+1)*dim : (i+1)*dim]
		at := 0
		for m, d := range g.dims {
			at += copy(rows[i][at:], b.Vectors[m][i*d:(i+1)*d])
		}
		if err := requireFinite(rows[i], b.Digests[i]); err != nil {
			return nil, err
		}
		scale.apply(rows[i], rows[i])
	}
	return rows, nil
}

// sort brings the photos into the order of their digests.
func (g *gathering) sort() {
	order := make([]int, len(g.digests))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return g.digests[a].Compare(g.digests[b]) })
	*g = *g.pick(order)
}

// pick returns the photos at some places of the gathering.
func (g *gathering) pick(at []int) *gathering {
	out := &gathering{models: g.models, dims: g.dims}
	for _, i := range at {
		out.digests = append(out.digests, g.digests[i])
		out.places = append(out.places, g.places[i])
		out.rows = append(out.rows, g.rows[i])
	}
	return out
}

// where returns the places in the gathering of photos that want is true of.
func (g *gathering) where(want func(store.Placement) bool) []int {
	var at []int
	for i, p := range g.places {
		if want(p) {
			at = append(at, i)
		}
	}
	return at
}

// dim is the number of features.
func (g *gathering) dim() int {
	d := 0
	for _, n := range g.dims {
		d += n
	}
	return d
}

// table returns the photos that have a label, as what heads are fitted to, and the labels.
func (g *gathering) table(at []int) (t *table, labels []string) {
	for _, i := range at {
		labels = append(labels, g.places[i].Label)
	}
	slices.Sort(labels)
	labels = slices.Compact(labels)
	t = &table{labels: len(labels), dims: g.dims}
	for _, i := range at {
		y, _ := slices.BinarySearch(labels, g.places[i].Label)
		t.rows, t.truth, t.digests = append(t.rows, g.rows[i]), append(t.truth, y), append(t.digests, g.digests[i])
	}
	return t, labels
}
