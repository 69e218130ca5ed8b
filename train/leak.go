package train

import (
	"context"
	"fmt"

	"featstore/extract/cpu"
	"featstore/split"
	"featstore/store"
	"featstore/train/internal/nearest"
)

// A Leak counts images of the testing split that nearly equal an image of the training
// split: shots of one burst, copies that were changed a little. The accuracy is too good
// by them.
type Leak struct {
	Least    float64 `json:"least"`    // cosine of the features from which on images count
	Training int     `json:"training"` // images compared
	Testing  int     `json:"testing"`  // images compared: all, or as many as are quickly done
	Near     int     `json:"near"`     // of Testing, those with a training image so near
	Strange  int     `json:"strange"`  // of Testing, those with one of another label so near
}

// What Many takes for many, and a network whose features are too alike to tell.
const (
	leakImages  = 3
	leakShare   = 0.02
	leakStrange = 0.25
)

// Many tells whether the images in question make an accuracy look better than it is:
// three or more, and a fiftieth of those tested. Where a network also finds images of
// different labels that near, its cosines do not tell, and the answer is no.
func (l *Leak) Many() bool {
	return l.Near >= leakImages && float64(l.Near) >= leakShare*float64(l.Testing) && float64(l.Strange) <= leakStrange*float64(l.Near)
}

// String returns a line.
func (l *Leak) String() string {
	return fmt.Sprintf("%d of %s nearly equal a training image (cosine of %g or more), so the accuracy is too good",
		l.Near, images(l.Testing, "testing "), l.Least)
}

// FindLeak compares the images of the testing split with those of the training split.
// It takes a fraction of a second, as it looks at some of the testing images only where
// there are many, spread evenly; and the training images are read one after the other.
func FindLeak(ctx context.Context, db *store.DB, models []string) (*Leak, error) {
	if _, err := cpu.Chosen(); err != nil { // the products cannot report it
		return nil, err
	}
	s := &leakSearch{}
	err := db.View(func(tx *store.Tx) error {
		ids, err := chooseModels(tx, models)
		if err != nil {
			return err
		}
		if s.training, err = tx.Index(ids, split.Training); err != nil {
			return err
		}
		s.testing, err = tx.Index(ids, split.Testing)
		return err
	})
	if err != nil {
		return nil, err
	}
	leak := &Leak{Least: DefaultNear, Training: s.training.Len()}
	if s.training.Len() == 0 || s.testing.Len() == 0 {
		return leak, nil
	}
	if err := s.readTesting(ctx, db); err != nil {
		return nil, err
	}
	if err := s.compare(ctx, db); err != nil {
		return nil, err
	}
	leak.Testing = len(s.rows)
	for i := range s.rows {
		leak.Near += bit(s.near[i])
		leak.Strange += bit(s.strange[i])
	}
	return leak, nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A leakSearch is testing images, and what was found about each.
type leakSearch struct {
	training, testing *store.Index
	scaling           scaling
	rows              [][]float32 // of length 1 for each network
	labels            []string
	near, strange     []bool
}

// leakProducts bounds the multiplications of FindLeak: a second's work at most. At least
// leakLeast testing images are looked at, at most leakMost.
const (
	leakProducts = 2e10
	leakLeast    = 100
	leakMost     = 2000
)

// readTesting reads the testing images that are to be compared.
func (s *leakSearch) readTesting(ctx context.Context, db *store.DB) error {
	all, dim := s.testing.Len(), s.testing.Dim()
	most := int(leakProducts / float64(s.training.Len()) / float64(dim))
	most = min(max(most, leakLeast), leakMost, all)
	s.scaling = scaling{Kind: ScaleL2, Blocks: s.testing.Dims}
	at := 0
	err := db.Each(s.testing, func(label int, d split.Digest, row []float32) error {
		at++
		if at*most/all == (at-1)*most/all {
			return ctx.Err()
		}
		if err := requireFinite(row, d); err != nil {
			return err
		}
		own := make([]float32, dim)
		s.scaling.apply(own, row)
		s.rows, s.labels = append(s.rows, own), append(s.labels, s.testing.Labels[label])
		return ctx.Err()
	})
	s.near, s.strange = make([]bool, len(s.rows)), make([]bool, len(s.rows))
	return err
}

// compare reads the training images in blocks and compares them with all testing images.
func (s *leakSearch) compare(ctx context.Context, db *store.DB) error {
	pool := newWorkerPool(0)
	defer pool.close()
	dim := s.training.Dim()
	block := make([]float32, 0, nearest.Rows*dim)
	labels := make([]string, 0, nearest.Rows)
	tiles := make([]nearest.Tile, pool.parts())
	compare := func() {
		pool.run(func(part int) {
			for lo := part * nearest.Queries; lo < len(s.rows); lo += pool.parts() * nearest.Queries {
				s.compareBlock(&tiles[part], lo, min(lo+nearest.Queries, len(s.rows)), block, labels)
			}
		})
		block, labels = block[:0], labels[:0]
	}
	err := db.Each(s.training, func(label int, d split.Digest, row []float32) error {
		if err := requireFinite(row, d); err != nil {
			return err
		}
		at := len(block)
		block, labels = block[:at+dim], append(labels, s.training.Labels[label])
		s.scaling.apply(block[at:], row)
		if len(labels) == nearest.Rows {
			compare()
		}
		return ctx.Err()
	})
	if err == nil && len(labels) > 0 {
		compare()
	}
	return err
}

// compareBlock compares the testing images from lo to hi with a block of training images.
func (s *leakSearch) compareBlock(tile *nearest.Tile, lo, hi int, block []float32, labels []string) {
	least := float32(DefaultNear) * float32(len(s.training.Dims))
	tile.Above(s.rows[lo:hi], block, s.training.Dim(), least, func(q int, n nearest.Neighbour) {
		s.near[lo+q] = true
		if labels[n.Row] != s.labels[lo+q] {
			s.strange[lo+q] = true
		}
	})
}
