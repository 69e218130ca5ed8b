package train

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"featstore/extract/cpu"
	"featstore/split"
	"featstore/store"
	"featstore/train/internal/nearest"
)

// A NearOptions says what counts as nearly the same photo. Zero values mean defaults.
type NearOptions struct {
	Models   []string // ids; none means the store's only one
	Least    float64  // cosine of the features from which on photos are listed; default DefaultNear
	Most     int      // pairs to return, the most similar; default 1,000
	Progress func(done, total int)
}

// DefaultNear is a cosine that different photos rarely reach: with Lite0 at 320, 4 of
// the 499,500 pairs of 1,000 flower photos. Of the same photo in another form, these
// reach it: mirrored 97 %, a fifth brighter 95 %, a tenth cropped away most of them;
// but few of those saved at JPEG quality 60 (half of them reach 0.85) and none of those
// at half the size.
const DefaultNear = 0.9

// A NearImage is one of two similar photos.
type NearImage struct {
	Digest split.Digest `json:"digest"`
	Split  split.Split  `json:"split"`
	Label  string       `json:"label"`
	Paths  []string     `json:"paths"` // every file with these bytes
}

// A NearPair is two photos in different splits that the networks take for nearly the
// same.
type NearPair struct {
	Cosine float64   `json:"cosine"`
	A      NearImage `json:"a"` // in the split that comes first: training, validation, testing
	B      NearImage `json:"b"`
}

// Near is what NearDuplicates found.
type Near struct {
	Models   []string   `json:"models"`
	Least    float64    `json:"least"`
	Compared int        `json:"compared"` // pairs of photos
	Found    int        `json:"found"`    // of them, as similar as Least or more
	Affected int        `json:"affected"` // photos of the testing split among them
	Pairs    []NearPair `json:"pairs"`    // the most similar first, at most NearOptions.Most
}

// NearDuplicates compares every photo with every photo of the other splits, and lists
// the pairs whose features have a cosine of at least opt.Least: shots of one burst,
// and the same picture mirrored, cropped or otherwise changed a little. Where such a
// pair straddles splits, a head is tested on what it was trained on, and its accuracy
// is too good. What is found are candidates, to be looked at: see DefaultNear.
//
// The comparison is exact, in blocks, on all processors; the features are in memory,
// 4·D bytes a photo. With several models the cosine is the mean of theirs.
func NearDuplicates(ctx context.Context, db *store.DB, opt NearOptions) (*Near, error) {
	n, err := openNear(ctx, db, opt)
	if err != nil {
		return nil, err
	}
	if err := n.compare(ctx); err != nil {
		return nil, err
	}
	return n.result(db)
}

// openNear checks the options and reads all photos.
func openNear(ctx context.Context, db *store.DB, opt NearOptions) (*nearSearch, error) {
	if _, err := cpu.Chosen(); err != nil { // the products cannot report it
		return nil, err
	}
	if opt.Least == 0 {
		opt.Least = DefaultNear
	}
	if !(opt.Least > 0 && opt.Least <= 1) {
		return nil, fmt.Errorf("%w: a cosine of %v: want more than 0 and at most 1", ErrConfig, opt.Least)
	}
	if opt.Most == 0 {
		opt.Most = 1000
	}
	return readNear(ctx, db, opt)
}

// nearSearch is the photos of all splits, and the similar pairs among them.
type nearSearch struct {
	opt     NearOptions
	models  []string
	indexes []*store.Index // by split
	*table                 // rows of length 1
	starts  []int          // where each split begins in the table, and the end

	mu       sync.Mutex
	pairs    []nearPair
	found    int
	affected map[int]bool
}

// A nearPair is two rows of the table.
type nearPair struct {
	cosine float32
	a, b   int
}

// readNear reads all photos, one split after the other.
func readNear(ctx context.Context, db *store.DB, opt NearOptions) (*nearSearch, error) {
	n := &nearSearch{opt: opt, affected: map[int]bool{}, starts: []int{0}}
	err := db.View(func(tx *store.Tx) (err error) {
		if n.models, err = chooseModels(tx, opt.Models); err != nil {
			return err
		}
		for _, s := range split.All {
			ix, err := tx.Index(n.models, s)
			if err != nil {
				return err
			}
			n.indexes = append(n.indexes, ix)
			n.starts = append(n.starts, n.starts[s]+ix.Len())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n.table, err = readTable(ctx, db, n.indexes...); err != nil {
		return nil, err
	}
	s := scaling{Kind: ScaleL2, Blocks: n.dims}
	for _, row := range n.rows {
		s.apply(row, row)
	}
	return n, nil
}

// compare compares each split with those before it.
func (n *nearSearch) compare(ctx context.Context) error {
	pool := newWorkerPool(0)
	defer pool.close()
	total := len(n.rows) - n.starts[1] // photos that are compared with those of earlier splits
	var done atomic.Int64
	pool.run(func(part int) {
		var tile nearest.Tile
		for s := 1; s < len(split.All); s++ {
			lo, hi := n.starts[s], n.starts[s+1]
			for at := lo + part*nearest.Queries; at < hi && ctx.Err() == nil; at += pool.parts() * nearest.Queries {
				end := min(at+nearest.Queries, hi)
				n.keep(n.compareBlock(&tile, at, end, lo))
				if d := done.Add(int64(end - at)); n.opt.Progress != nil {
					n.opt.Progress(int(d), total)
				}
			}
		}
	})
	return ctx.Err()
}

// compareBlock compares the rows from at to end with all before the row limit, and
// returns the similar pairs.
func (n *nearSearch) compareBlock(tile *nearest.Tile, at, end, limit int) (found []nearPair) {
	networks, d := float32(len(n.dims)), n.dim()
	tile.Above(n.rows[at:end], n.all[:limit*d], d, float32(n.opt.Least)*networks, func(q int, other nearest.Neighbour) {
		found = append(found, nearPair{other.Dot / networks, other.Row, at + q})
	})
	return found
}

// keep counts pairs, and keeps the most similar.
func (n *nearSearch) keep(found []nearPair) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.found += len(found)
	for _, p := range found {
		if p.b >= n.starts[split.Testing] {
			n.affected[p.b] = true
		}
	}
	n.pairs = append(n.pairs, found...)
	if len(n.pairs) > 2*n.opt.Most {
		n.trim()
	}
}

// trim drops all but the most similar pairs.
func (n *nearSearch) trim() {
	slices.SortFunc(n.pairs, func(x, y nearPair) int {
		return cmp.Or(cmp.Compare(y.cosine, x.cosine), cmp.Compare(x.b, y.b), cmp.Compare(x.a, y.a))
	})
	n.pairs = n.pairs[:min(len(n.pairs), n.opt.Most)]
}

// result names the photos.
func (n *nearSearch) result(db *store.DB) (*Near, error) {
	n.trim()
	training, validation, testing := n.starts[1], n.starts[2]-n.starts[1], n.starts[3]-n.starts[2]
	out := &Near{
		Models: n.models, Least: n.opt.Least, Found: n.found, Affected: len(n.affected), Pairs: []NearPair{},
		Compared: training*validation + (training+validation)*testing,
	}
	err := db.View(func(tx *store.Tx) error {
		for _, p := range n.pairs {
			a, err := n.image(tx, p.a)
			if err != nil {
				return err
			}
			b, err := n.image(tx, p.b)
			if err != nil {
				return err
			}
			out.Pairs = append(out.Pairs, NearPair{float64(min(p.cosine, 1)), a, b})
		}
		return nil
	})
	return out, err
}

func (n *nearSearch) image(tx *store.Tx, row int) (NearImage, error) {
	ix := n.indexes[n.places[row].index]
	im := NearImage{Digest: n.digests[row], Split: ix.Split, Label: ix.Labels[n.truth[row]]}
	var err error
	im.Paths, err = pathsOf(tx, im.Digest)
	return im, err
}
