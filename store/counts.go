package store

import "fmt"

// counts says how many records and vectors there are. A page that has lost some of
// its keys looks whole, so Check compares what it finds with this record, which each
// transaction keeps.
type counts struct {
	Roots    int `msgpack:"roots"`
	Images   int `msgpack:"images"`
	Failures int `msgpack:"failures"`
	Splits   int `msgpack:"splits"`
	Models   int `msgpack:"models"`
	Heads    int `msgpack:"heads"`
	Vectors  int `msgpack:"vectors"` // of all models
	Views    int `msgpack:"views,omitempty"`
	// LastRoot is the id given last. The sequence of the bucket says it too.
	LastRoot uint64 `msgpack:"last_root"`
}

// of returns the count of what lies in a bucket at the top, nil if that is not
// counted: meta, and the index of digests, of which each image has one key.
func (c *counts) of(top []byte) *int {
	switch string(top) {
	case string(rootsBucket):
		return &c.Roots
	case string(imagesBucket):
		return &c.Images
	case string(failuresBucket):
		return &c.Failures
	case string(splitsBucket):
		return &c.Splits
	case string(modelsBucket):
		return &c.Models
	case string(headsBucket):
		return &c.Heads
	case string(featuresBucket):
		return &c.Vectors
	case string(viewsBucket):
		return &c.Views
	}
	return nil
}

// counted notes that n keys came into a bucket at the top, or went.
func (tx *Tx) counted(top []byte, n int) error {
	if n == 0 || new(counts).of(top) == nil {
		return nil
	}
	if tx.counts == nil {
		c, err := tx.storedCounts()
		if err != nil {
			return err
		}
		tx.counts = &c
	}
	*tx.counts.of(top) += n
	return nil
}

// storedCounts reads the counts as of the last commit.
func (tx *Tx) storedCounts() (counts, error) {
	var c counts
	if err := tx.decode(tx.top(metaBucket).Get(countsKey), &c, metaBucket, countsKey); err != nil {
		return c, fmt.Errorf("counts of records: %w", err)
	}
	return c, nil
}

// saveCounts is the last step of each transaction that changes records.
func (tx *Tx) saveCounts() error {
	if tx.counts == nil {
		return nil
	}
	tx.counts.LastRoot = tx.top(rootsBucket).Sequence()
	return tx.put(tx.top(metaBucket), *tx.counts, metaBucket, countsKey)
}

// countAll counts what is there: to upgrade a store, and to check it.
func (tx *Tx) countAll() counts {
	c := counts{LastRoot: tx.top(rootsBucket).Sequence()}
	for _, top := range topBuckets {
		if n := c.of(top); n != nil {
			*n = tx.countKeys(tx.top(top))
		}
	}
	if b := tx.optional(viewsBucket); b != nil {
		c.Views = tx.countKeys(b)
	}
	return c
}
