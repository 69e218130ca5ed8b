package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// renewAfter is the number of batches read in one transaction. A transaction that
// stays open keeps a writer from reusing pages.
const renewAfter = 256

// A Sampler reads minibatches of an index at random. Images are drawn by their rank
// in the index, which makes draws exactly uniform; the keys of a batch are sorted
// and looked up with cursors. One goroutine may use it. Close it.
type Sampler struct {
	db *DB
	ix *Index

	mu      sync.Mutex // against DB.Close
	closed  bool
	tx      *bolt.Tx
	left    int              // batches until tx is renewed
	looked  time.Time        // when it last looked whether others wait
	cursors [][]*bolt.Cursor // per model, per label; nil until used
	views   [][]*bolt.Cursor // likewise, of views

	start   []int      // per label: its first image in the order of the index
	labels  []int      // those that have images
	checked [][]uint64 // per model, a bit an image: checksum seen to be right

	picks []pick
	batch Batch
	joint []float32 // the rows, one after the other
}

// A Batch is what a Sampler has drawn, in the order of the index. All of it is
// valid until the sampler's next call. Rows are copies, which may be written to.
type Batch struct {
	Labels  []int          // per row: index into Index.Labels
	Digests []split.Digest // per row
	Rows    [][]float32    // N rows of Index.Dim floats
}

// A pick is an image, or with another number than 0, a view of one.
type pick struct{ label, rank, view int }

// NewSampler returns a sampler of an index.
func (db *DB) NewSampler(ix *Index) (*Sampler, error) {
	s := &Sampler{db: db, ix: ix}
	n := 0
	for l, keys := range ix.Keys {
		s.start = append(s.start, n)
		n += len(keys)
		if len(keys) > 0 {
			s.labels = append(s.labels, l)
		}
	}
	for range ix.Models {
		s.checked = append(s.checked, make([]uint64, (n+63)/64))
		s.cursors = append(s.cursors, make([]*bolt.Cursor, len(ix.Labels)))
		s.views = append(s.views, make([]*bolt.Cursor, len(ix.Labels)))
	}
	if !db.addSampler(s) {
		return nil, db.wrap(ErrClosed)
	}
	return s, nil
}

// Close ends the sampler. What it handed out is no longer valid.
func (s *Sampler) Close() error {
	s.db.dropSampler(s)
	return s.end()
}

func (s *Sampler) end() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	defer guard(panicOnFault(), &err)
	return s.letGo()
}

// letGo ends the sampler's transaction. The next batch begins another.
func (s *Sampler) letGo() error {
	if s.tx == nil {
		return nil
	}
	tx := s.tx
	s.tx = nil
	return errors.Join(tx.Rollback(), s.db.leave())
}

// Draw draws n images, with replacement: for each, first a label, uniformly among
// those that have images, and then one of its images, uniformly. So
// rare labels are shown as often as common ones, as in the article that package train
// cites. Of an image that has views, one of these or the plain image is drawn, each
// equally likely. The same source gives the same draws on every machine.
func (s *Sampler) Draw(src rand.Source, n int) (*Batch, error) {
	if len(s.labels) == 0 {
		return nil, s.empty()
	}
	s.picks = s.picks[:0]
	for range n {
		l := s.labels[Uniform(src, len(s.labels))]
		rank := Uniform(src, len(s.ix.Keys[l]))
		s.picks = append(s.picks, pick{l, rank, s.ix.DrawView(src, l, rank)})
	}
	return s.read()
}

// DrawImages draws n images, with replacement, each uniformly among all images:
// labels come as often as they are in the split.
func (s *Sampler) DrawImages(src rand.Source, n int) (*Batch, error) {
	if len(s.labels) == 0 {
		return nil, s.empty()
	}
	total := s.ix.Len()
	s.picks = s.picks[:0]
	for range n {
		at := Uniform(src, total)
		l, found := slices.BinarySearch(s.start, at)
		if !found {
			l--
		}
		for len(s.ix.Keys[l]) == 0 { // labels without images share their start with the next
			l++
		}
		rank := at - s.start[l]
		s.picks = append(s.picks, pick{l, rank, s.ix.DrawView(src, l, rank)})
	}
	return s.read()
}

// Read reads given images: of label labels[i] (an index into Index.Labels) the one
// of rank ranks[i] (an index into its Keys). The batch is in the order of the
// index, as if it had been drawn. views are their numbers of views, 0 being the plain
// image; nil means that all are plain.
func (s *Sampler) Read(labels, ranks, views []int) (*Batch, error) {
	s.picks = s.picks[:0]
	for i, l := range labels {
		if l < 0 || l >= len(s.ix.Keys) || ranks[i] < 0 || ranks[i] >= len(s.ix.Keys[l]) {
			return nil, s.db.wrap(fmt.Errorf("no image of rank %d under label %d in the index: %w", ranks[i], l, ErrNotFound))
		}
		p := pick{label: l, rank: ranks[i]}
		if views != nil {
			p.view = views[i]
		}
		if p.view < 0 || p.view > s.ix.views(l, p.rank) {
			return nil, s.db.wrap(fmt.Errorf("no view %d of the image of rank %d under label %d in the index: %w", p.view, p.rank, l, ErrNotFound))
		}
		s.picks = append(s.picks, p)
	}
	return s.read()
}

func (s *Sampler) empty() error {
	return s.db.wrap(fmt.Errorf("no images in the %v split to draw from", s.ix.Split))
}

// Uniform returns a number in [0,n), each equally likely. n must be positive. A Sampler
// draws with it, and so does whoever chooses images for Sampler.Read at random.
//
// It is Lemire's method ("Fast random integer generation in an interval", 2019), written
// out because trained heads depend on it bit by bit.
func Uniform(src rand.Source, n int) int {
	bound := uint64(n)
	hi, lo := bits.Mul64(src.Uint64(), bound)
	if lo < bound {
		for reject := -bound % bound; lo < reject; {
			hi, lo = bits.Mul64(src.Uint64(), bound)
		}
	}
	return int(hi)
}

// read fetches the picks.
func (s *Sampler) read() (*Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, s.db.wrap(ErrClosed)
	}
	if err := s.fetch(); err != nil {
		return nil, s.db.wrap(err)
	}
	return &s.batch, nil
}

// fetch sorts the picks and makes them the batch.
func (s *Sampler) fetch() (err error) {
	defer guard(panicOnFault(), &err)
	if err := s.renew(); err != nil {
		return err
	}
	slices.SortFunc(s.picks, func(a, b pick) int {
		if a.label != b.label {
			return a.label - b.label
		}
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		return a.view - b.view
	})
	s.batch.Labels, s.batch.Digests, s.batch.Rows, s.joint = s.batch.Labels[:0], s.batch.Digests[:0], s.batch.Rows[:0], s.joint[:0]
	if want := len(s.picks) * s.ix.Dim(); cap(s.joint) < want {
		s.joint = make([]float32, 0, want)
	}
	for _, p := range s.picks {
		row, err := s.row(p)
		if err != nil {
			return err
		}
		s.batch.Labels = append(s.batch.Labels, p.label)
		s.batch.Digests = append(s.batch.Digests, s.ix.Keys[p.label][p.rank])
		s.batch.Rows = append(s.batch.Rows, row)
	}
	return nil
}

// crowded is DB.crowded, which asks the system, but not with every small batch: those
// who wait try again only after lockRetry.
func (s *Sampler) crowded() bool {
	if now := time.Now(); now.Sub(s.looked) >= lockRetry {
		s.looked = now
		return s.db.crowded()
	}
	return false
}

// renew begins a transaction if there is none, or the last one is old.
func (s *Sampler) renew() error {
	crowded := s.crowded()
	if s.tx != nil && s.left > 0 && !crowded {
		s.left--
		return nil
	}
	if err := s.letGo(); err != nil {
		return err
	}
	if err := s.db.usable(); err != nil {
		return err
	}
	if crowded {
		s.db.pauseSamplers(s)
	}
	if err := s.db.enter(); err != nil {
		return err
	}
	tx, err := s.db.bolt.Begin(false)
	if err != nil {
		return errors.Join(err, s.db.leave())
	}
	s.tx, s.left = tx, renewAfter-1
	for m := range s.cursors {
		clear(s.cursors[m])
		clear(s.views[m])
	}
	return nil
}

// row returns a copy of the vectors of a pick, joined: what leaves the sampler does
// not lie in the mapped file, whose end may go at any time.
func (s *Sampler) row(p pick) ([]float32, error) {
	from := len(s.joint)
	for m := range s.ix.Models {
		v, err := s.vector(m, p)
		if err != nil {
			return nil, err
		}
		s.joint = append(s.joint, v...)
	}
	return s.joint[from:len(s.joint):len(s.joint)], nil
}

// vector looks up one model's vector of a pick. The checksum of a plain image's is
// computed the first time only.
func (s *Sampler) vector(m int, p pick) ([]float32, error) {
	cursors := s.cursors
	if p.view > 0 {
		cursors = s.views
	}
	c := cursors[m][p.label]
	if c == nil {
		var err error
		if c, err = s.ix.cursor(newTx(s.db, s.tx), m, p.label, p.view > 0); err != nil {
			return nil, err
		}
		cursors[m][p.label] = c
	}
	d := &s.ix.Keys[p.label][p.rank]
	if p.view > 0 {
		key := viewKey(*d, p.view)
		k, v := c.Seek(key)
		if !bytes.Equal(k, key) {
			return nil, s.ix.stale(m, d)
		}
		return decodeVector(v, s.ix.Dims[m], s.ix.Models[m], d[:])
	}
	k, v := c.Seek(d[:])
	if !bytes.Equal(k, d[:]) {
		return nil, s.ix.stale(m, d)
	}
	at := s.start[p.label] + p.rank
	if bit := uint64(1) << (at % 64); s.checked[m][at/64]&bit == 0 {
		vec, err := decodeVector(v, s.ix.Dims[m], s.ix.Models[m], d[:])
		if err == nil {
			s.checked[m][at/64] |= bit
		}
		return vec, err
	}
	data, _, err := blobFloats(v)
	if err != nil || len(data) != 4*s.ix.Dims[m] {
		return decodeVector(v, s.ix.Dims[m], s.ix.Models[m], d[:])
	}
	return floatsOf(data), nil
}

// DrawView draws a view of an image: 0, the plain image, or one of its views, each
// equally likely. Nothing is drawn where there is no view.
func (ix *Index) DrawView(src rand.Source, label, rank int) int {
	if n := ix.views(label, rank); n > 0 {
		return Uniform(src, n+1)
	}
	return 0
}

// cursor returns a cursor over a model's vectors of a label, or over those of views.
func (ix *Index) cursor(tx *Tx, m, label int, views bool) (*bolt.Cursor, error) {
	p := place{state: placed, split: ix.Split, label: ix.Labels[label]}
	top := featuresBucket
	if views {
		top = viewsBucket
	}
	b := tx.placeBucket(top, ix.Models[m], p)
	if b == nil {
		return nil, fmt.Errorf("%w: label %q of model %s has no images in the %v split any more", ErrStale, p.label, ix.Models[m], ix.Split)
	}
	return b.Cursor(), nil
}

func (ix *Index) stale(m int, d *split.Digest) error {
	return fmt.Errorf("%w: the vector of %s by model %s is no longer in the %v split", ErrStale, d.Short(), ix.Models[m], ix.Split)
}

// addSampler notes a sampler that Close must end, unless the store is closed.
func (db *DB) addSampler(s *Sampler) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return false
	}
	if db.samplers == nil {
		db.samplers = map[*Sampler]bool{}
	}
	db.samplers[s] = true
	return true
}

func (db *DB) dropSampler(s *Sampler) {
	db.mu.Lock()
	defer db.mu.Unlock()
	delete(db.samplers, s)
}

// pauseSamplers ends the transactions of all samplers but one, as far as they are
// idle, so that another process can have the store.
func (db *DB) pauseSamplers(but *Sampler) {
	db.mu.Lock()
	open := slices.Collect(maps.Keys(db.samplers))
	db.mu.Unlock()
	for _, s := range open {
		if s != but && s.mu.TryLock() {
			s.letGo() // an error comes again where the sampler is used
			s.mu.Unlock()
		}
	}
}

// endSamplers ends all samplers: bbolt's Close would wait for their transactions.
func (db *DB) endSamplers() error {
	db.mu.Lock()
	db.closed = true
	open := slices.Collect(maps.Keys(db.samplers))
	db.samplers = nil
	db.mu.Unlock()
	var errs []error
	for _, s := range open {
		errs = append(errs, s.end())
	}
	return errors.Join(errs...)
}
