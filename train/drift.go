package train

import (
	"cmp"
	"context"
	"slices"
	"time"

	"featstore/split"
	"featstore/store"
)

// A Drift says whether the newest photos are told apart from those before by their features:
// whether they are another camera's, season's or subject's. It is a classifier two-sample
// test (Lopez-Paz and Oquab 2017): a head is trained to tell which is which, and judged on
// photos that it has not seen. What only comes of other shares of the labels is not counted.
type Drift struct {
	By     string    `json:"by"`               // "folder" or "date"
	Folder string    `json:"folder,omitempty"` // the one that came last
	Since  time.Time `json:"since,omitzero"`   // date of the files
	New    int       `json:"new"`              // photos compared
	Old    int       `json:"old"`
	AUROC  AUROC     `json:"auroc"`  // how often a new photo is taken for newer than an old one: 0.5 is chance
	Strong bool      `json:"strong"` // Shown, and often told apart
}

// Shown tells whether there is a difference that is no chance.
func (d *Drift) Shown() bool { return d.AUROC.Low > 0.5 }

const (
	driftShare  = 5    // the newest fifth, where the date decides
	driftLeast  = 20   // photos on either side, with less nothing is said
	driftMost   = 2000 // photos on either side that are looked at
	driftFolds  = 5
	driftStrong = 0.7 // AUROC from which on the difference is plain
	driftLabel  = 5   // photos of a label on either side, with fewer it is left out
)

// FindDrift compares the photos of the folder that was ingested last with those of the
// others; where there is one folder, the fifth of its files with the latest dates with the
// rest. It returns nil where that cannot be compared: too few photos, or all of one date.
func FindDrift(ctx context.Context, db *store.DB, models []string, seed uint64) (*Drift, error) {
	g, err := gather(ctx, db, models, nil, nil)
	if err != nil {
		return nil, err
	}
	d := &Drift{}
	isNew, err := d.divide(db, g)
	if err != nil || isNew == nil {
		return nil, err
	}
	t := g.driftTable(isNew)
	counts := t.counts()
	if min(counts[0], counts[1]) < driftLeast {
		return nil, nil
	}
	d.Old, d.New = counts[0], counts[1]
	pool := newWorkerPool(0)
	defer pool.close()
	d.AUROC, err = tellApart(ctx, t, seed, pool)
	d.Strong = d.Shown() && d.AUROC.Area >= driftStrong
	return d, err
}

// An arrival is when a photo came, as far as the store knows.
type arrival struct {
	root store.RootID
	time int64 // of the file, nanoseconds since 1970
}

// arrivals returns those of all photos: of copies, the first.
func arrivals(tx *store.Tx) (map[split.Digest]arrival, []store.Root, error) {
	roots, err := tx.Roots()
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(roots, func(a, b store.Root) int { return cmp.Compare(a.ID, b.ID) })
	first := map[split.Digest]arrival{}
	for _, r := range roots {
		for im, err := range tx.Images(r.ID) {
			if err != nil {
				return nil, nil, err
			}
			if old, ok := first[im.Digest]; !ok || old.root == r.ID && im.MTime < old.time {
				first[im.Digest] = arrival{r.ID, im.MTime}
			}
		}
	}
	return first, roots, nil
}

// divide says which photos are new; nil where nobody can tell.
func (d *Drift) divide(db *store.DB, g *gathering) (isNew []bool, err error) {
	var first map[split.Digest]arrival
	var roots []store.Root
	err = db.View(func(tx *store.Tx) (err error) {
		first, roots, err = arrivals(tx)
		return err
	})
	if err != nil || len(roots) == 0 {
		return nil, err
	}
	isNew = make([]bool, len(g.rows))
	if last := roots[len(roots)-1]; len(roots) > 1 {
		d.By, d.Folder = "folder", last.Path
		for i, digest := range g.digests {
			isNew[i] = first[digest].root == last.ID
		}
		return isNew, nil
	}
	var times []int64
	for _, digest := range g.digests {
		times = append(times, first[digest].time)
	}
	slices.Sort(times)
	if len(times) == 0 || times[0] == times[len(times)-1] {
		return nil, nil
	}
	since := times[len(times)-max(len(times)/driftShare, 1)]
	if since == times[0] { // most are of the oldest date: all others are new
		at, _ := slices.BinarySearch(times, since+1)
		since = times[at]
	}
	d.By, d.Since = "date", time.Unix(0, since).UTC()
	for i, digest := range g.digests {
		isNew[i] = first[digest].time >= since
	}
	return isNew, nil
}

// driftTable is the photos that are compared, old ones as label 0 and new ones as 1. The
// mean of each label is taken away.
func (g *gathering) driftTable(isNew []bool) *table {
	byLabel := map[string][2][]int{}
	for i, p := range g.places {
		both := byLabel[p.Label]
		both[bit(isNew[i])] = append(both[bit(isNew[i])], i)
		byLabel[p.Label] = both
	}
	t := &table{labels: 2, dims: g.dims}
	var sides [2][]int
	for _, label := range sortedKeys(byLabel) {
		both := byLabel[label]
		if min(len(both[0]), len(both[1])) < driftLabel {
			continue
		}
		g.centre(slices.Concat(both[0], both[1]))
		for side, at := range both {
			sides[side] = append(sides[side], at...)
		}
	}
	for side, at := range sides {
		for _, k := range spreadEvenly(len(at), driftMost) {
			t.rows, t.truth, t.digests = append(t.rows, g.rows[at[k]]), append(t.truth, side), append(t.digests, g.digests[at[k]])
			t.places = append(t.places, place{})
		}
	}
	return t
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// centre takes the mean of some rows away from them.
func (g *gathering) centre(at []int) {
	mean := make([]float64, g.dim())
	for _, i := range at {
		for k, x := range g.rows[i] {
			mean[k] += float64(x)
		}
	}
	for _, i := range at {
		for k := range g.rows[i] {
			g.rows[i][k] -= float32(mean[k] / float64(len(at)))
		}
	}
}

// tellApart judges how well the two sides are told apart by heads that have not seen the
// photo.
func tellApart(ctx context.Context, t *table, seed uint64, pool *workerPool) (AUROC, error) {
	folds := makeFolds(t.truth, 2, driftFolds, seed, 0)
	var scores [2][]float64
	for fold := range driftFolds {
		outside, inside := foldParts(folds, fold)
		l, _, err := fitLogistic(ctx, t.subset(outside), suspectStrength, nil, choosing.logistic, pool, nil)
		if err != nil {
			return AUROC{}, err
		}
		z := make([]float64, 2)
		for _, i := range inside {
			l.scores(z, t.rows[i:i+1])
			scores[t.truth[i]] = append(scores[t.truth[i]], z[1]-z[0])
		}
	}
	return newAUROC(scores[1], scores[0]), nil
}
