package store

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// An Entry is an image together with the vectors computed from it.
type Entry struct {
	Root RootID
	Path string
	Image
	Vectors map[string][]float32 // by model id; none if they are in the store already

	Views map[string]map[int][]float32 // by model id and number of the view, likewise
}

// WriterOptions bound what a kill can lose and what waits in memory. Zero values
// mean the defaults.
type WriterOptions struct {
	MaxOps    int           // operations in a transaction; default 512
	MaxBytes  int           // of vectors in a transaction; default 16 MB
	MaxDelay  time.Duration // between an operation and its commit; default 1 s
	Committed func(n int)   // called after each commit with its number of operations

}

// A Writer groups changes into large transactions, with sorted keys, on a goroutine
// of its own. Its methods may be called by many goroutines. The first error ends
// it: every later call returns that error, and what was not committed is lost.
type Writer struct {
	db   *DB
	opt  WriterOptions
	ops  chan op
	done chan struct{} // closed when the goroutine has ended

	mu     sync.RWMutex // held for reading while sending on ops
	closed bool

	errMu sync.Mutex
	err   error
}

// op is one operation: an entry with its vectors encoded, a function, or a request
// to commit.
type op struct {
	entry *Entry
	blobs []modelBlob
	do    func(*Tx) error
	flush chan<- struct{}
}

type modelBlob struct {
	model string
	view  int // 0 for the plain image
	dim   int
	blob  []byte
}

// NewWriter starts a writer. Close it.
func (db *DB) NewWriter(opt WriterOptions) *Writer {
	if opt.MaxOps == 0 {
		opt.MaxOps = 512
	}
	if opt.MaxBytes == 0 {
		opt.MaxBytes = 16 << 20
	}
	if opt.MaxDelay == 0 {
		opt.MaxDelay = time.Second
	}
	w := &Writer{db: db, opt: opt, ops: make(chan op, 64), done: make(chan struct{})}
	go w.run()
	return w
}

// Put hands over an image and its vectors: PutImage and PutVector in one
// transaction. The vectors are copied at once. An entry that can never be stored is
// refused here, with no harm to the writer.
func (w *Writer) Put(e Entry) error {
	if err := checkPath(e.Path); err != nil {
		return err
	}
	if err := w.checkLabel(e); err != nil {
		return err
	}
	o := op{entry: &e}
	for model, vec := range e.Vectors {
		if err := o.encode(model, 0, vec); err != nil {
			return err
		}
	}
	for model, views := range e.Views {
		for number, vec := range views {
			if err := o.encode(model, number, vec); err != nil {
				return err
			}
		}
	}
	e.Vectors, e.Views = nil, nil
	return w.send(o)
}

func (o *op) encode(model string, view int, vec []float32) error {
	if err := checkFinite(vec); err != nil {
		return err
	}
	o.blobs = append(o.blobs, modelBlob{model, view, len(vec), AppendBlob(make([]byte, 0, BlobSize(len(vec))), vec)})
	return nil
}

// Do hands over any other change. It runs after everything handed over before it
// and before everything after it. An error ends the writer.
func (w *Writer) Do(fn func(*Tx) error) error { return w.send(op{do: fn}) }

// Flush waits until everything handed over before it is committed.
func (w *Writer) Flush() error {
	flushed := make(chan struct{})
	if err := w.send(op{flush: flushed}); err != nil {
		return err
	}
	select {
	case <-flushed:
	case <-w.done:
	}
	return w.Err()
}

// Close commits what is pending and ends the writer. It returns the writer's error.
func (w *Writer) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.ops)
	}
	w.mu.Unlock()
	<-w.done
	return w.Err()
}

// Err returns the error that ended the writer, nil while it works.
func (w *Writer) Err() error {
	w.errMu.Lock()
	defer w.errMu.Unlock()
	return w.err
}

func (w *Writer) send(o op) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if err := w.Err(); err != nil {
		return err
	}
	if w.closed {
		return ErrClosed
	}
	select {
	case w.ops <- o:
		return nil
	case <-w.done:
		return w.Err()
	}
}

// run commits batches until the channel closes or a batch fails.
func (w *Writer) run() {
	defer close(w.done)
	timer := time.NewTimer(w.opt.MaxDelay)
	defer timer.Stop()
	var b batch
	for {
		select {
		case o, ok := <-w.ops:
			if !ok {
				w.commit(&b)
				return
			}
			if b.n == 0 {
				timer.Reset(w.opt.MaxDelay)
			}
			b.add(o)
			if o.flush == nil && b.n < w.opt.MaxOps && b.bytes < w.opt.MaxBytes {
				continue
			}
			if !w.commit(&b) {
				return
			}
			if o.flush != nil {
				close(o.flush)
			}
		case <-timer.C:
			if !w.commit(&b) {
				return
			}
		}
	}
}

// commit applies a batch in one transaction and empties it.
func (w *Writer) commit(b *batch) bool {
	if b.n == 0 {
		return true
	}
	if err := w.db.Update(b.apply); err != nil {
		w.errMu.Lock()
		w.err = err
		w.errMu.Unlock()
		return false
	}
	if w.opt.Committed != nil {
		w.opt.Committed(b.n)
	}
	*b = batch{}
	return true
}

// A batch is a list of runs. Entries of a run have different paths, so they may be
// stored in any order, and are: sorted by digest. Functions stand alone.
type batch struct {
	runs  []*entryRun
	n     int
	bytes int
}

type entryRun struct {
	entries []op
	paths   map[Location]bool
	do      func(*Tx) error
}

func (b *batch) add(o op) {
	if o.flush != nil {
		return
	}
	b.n++
	if o.do != nil {
		b.runs = append(b.runs, &entryRun{do: o.do})
		return
	}
	for _, m := range o.blobs {
		b.bytes += len(m.blob)
	}
	at := Location{o.entry.Root, o.entry.Path}
	if k := len(b.runs); k == 0 || b.runs[k-1].do != nil || b.runs[k-1].paths[at] {
		b.runs = append(b.runs, &entryRun{paths: map[Location]bool{}})
	}
	r := b.runs[len(b.runs)-1]
	r.entries = append(r.entries, o)
	r.paths[at] = true
}

func (b *batch) apply(tx *Tx) error {
	for _, r := range b.runs {
		if r.do != nil {
			if err := r.do(tx); err != nil {
				return err
			}
			continue
		}
		slices.SortStableFunc(r.entries, func(x, y op) int { return x.entry.Digest.Compare(y.entry.Digest) })
		for _, o := range r.entries {
			if err := o.apply(tx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o op) apply(tx *Tx) error {
	e := o.entry
	if err := tx.PutImage(e.Root, e.Path, e.Image); err != nil {
		return err
	}
	slices.SortFunc(o.blobs, func(x, y modelBlob) int { return cmp.Or(cmp.Compare(x.model, y.model), cmp.Compare(x.view, y.view)) })
	for _, m := range o.blobs {
		if err := tx.putBlob(m.model, e.Digest, m.view, m.dim, m.blob); err != nil {
			return err
		}
	}
	return nil
}

// checkLabel is that of PutImage.
func (w *Writer) checkLabel(e Entry) error {
	if e.Label != Unlabelled {
		return checkLabel(e.Label)
	}
	return w.db.View(func(tx *Tx) error { return tx.checkUnlabelled(e.Root) })
}
