package train

import (
	"context"
	"fmt"

	"featstore/split"
	"featstore/store"
)

// A table holds the features of many images in memory: N×D float32 and some 60
// bytes an image besides. With 1,280 features that is 5.2 KB an image, so 100,000
// images take half a gigabyte.
type table struct {
	labels  int // C
	dims    []int
	rows    [][]float32
	all     []float32 // the rows, one after the other; nil for a subset
	truth   []int
	digests []split.Digest
	places  []place

	views    [][][]float32 // per image, those of its views; nil without any
	perImage int           // of an augmented table: rows of each image
}

// A place says where the store has an image: the rank under its label in an index.
type place struct {
	index int // which of the indexes the table was read from
	rank  int
}

// readTable reads the images of some indexes with the same labels, in their order.
func readTable(ctx context.Context, db *store.DB, indexes ...*store.Index) (*table, error) {
	n, dim := 0, 0
	t := &table{}
	for _, ix := range indexes {
		n += ix.Len()
		dim, t.labels, t.dims = ix.Dim(), len(ix.Labels), ix.Dims
	}
	t.allocate(n, dim)
	at := 0
	for i, ix := range indexes {
		last, rank := -1, 0
		err := db.Each(ix, func(label int, d split.Digest, row []float32) error {
			if label != last {
				last, rank = label, 0
			}
			if err := requireFinite(row, d); err != nil {
				return err
			}
			copy(t.rows[at], row)
			t.truth[at], t.digests[at], t.places[at] = label, d, place{i, rank}
			at++
			rank++
			return ctx.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// requireFinite reports a feature that would poison whatever is computed from it.
func requireFinite(row []float32, d split.Digest) error {
	for k, x := range row {
		if x-x != 0 { // NaN or infinite
			return fmt.Errorf("%w: feature %d of the image with digest %s is %v: remove the image and ingest it again", ErrNotFinite, k, d.Short(), x)
		}
	}
	return nil
}

// allocate makes room for n rows of dim features.
func (t *table) allocate(n, dim int) {
	t.all = make([]float32, n*dim)
	t.rows, t.truth, t.digests, t.places = make([][]float32, n), make([]int, n), make([]split.Digest, n), make([]place, n)
	for i := range t.rows {
		t.rows[i] = t.all[i*dim : (i+1)*dim : (i+1)*dim]
	}
}

// dim is the number of features.
func (t *table) dim() int {
	d := 0
	for _, n := range t.dims {
		d += n
	}
	return d
}

// subset returns the images at some places of the table, sharing their features.
func (t *table) subset(at []int) *table {
	s := &table{labels: t.labels, dims: t.dims}
	for _, i := range at {
		s.rows = append(s.rows, t.rows[i])
		s.truth = append(s.truth, t.truth[i])
		s.digests = append(s.digests, t.digests[i])
		s.places = append(s.places, t.places[i])
		if t.views != nil {
			s.views = append(s.views, t.views[i])
		}
	}
	return s
}

// scaled returns the table, without views, as the classifier of a head with this scaling
// sees it.
func (t *table) scaled(s *scaling) *table {
	if s.identity() {
		return t
	}
	out := &table{labels: t.labels, dims: t.dims, perImage: t.perImage}
	out.allocate(len(t.rows), t.dim())
	copy(out.truth, t.truth)
	copy(out.digests, t.digests)
	copy(out.places, t.places)
	for i, row := range t.rows {
		s.apply(out.rows[i], row)
	}
	return out
}

// counts returns the number of images of each label.
func (t *table) counts() []int {
	n := make([]int, t.labels)
	for _, y := range t.truth {
		n[y]++
	}
	return n
}

// present returns the labels that have images.
func (t *table) present() []int {
	var labels []int
	for l, n := range t.counts() {
		if n > 0 {
			labels = append(labels, l)
		}
	}
	return labels
}

// means returns the mean features of each label, C×D; zero where it has no image.
func (t *table) means(pool *workerPool) []float64 {
	d := t.dim()
	sums := make([]float64, t.labels*d)
	counts := t.counts()
	pool.run(func(part int) {
		lo, hi := share(d, part, pool.parts(), 64)
		for i, row := range t.rows {
			s := sums[t.truth[i]*d+lo : t.truth[i]*d+hi]
			for k, x := range row[lo:hi] {
				s[k] += float64(x)
			}
		}
		for l, n := range counts {
			for k := l*d + lo; n > 0 && k < l*d+hi; k++ {
				sums[k] /= float64(n)
			}
		}
	})
	return sums
}

// scatter returns the sums of squares of each label's features around its means,
// C×D.
func (t *table) scatter(means []float64, pool *workerPool) []float64 {
	d := t.dim()
	sums := make([]float64, len(means))
	pool.run(func(part int) {
		lo, hi := share(d, part, pool.parts(), 64)
		for i, row := range t.rows {
			at := t.truth[i]*d + lo
			mean, s := means[at:at+hi-lo], sums[at:at+hi-lo]
			for k, x := range row[lo:hi] {
				v := float64(x) - mean[k]
				s[k] += float64(v * v)
			}
		}
	})
	return sums
}
