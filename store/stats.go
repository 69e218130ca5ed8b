package store

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// Stats is what there is in a store.
type Stats struct {
	Path      string       `json:"path"`
	FileBytes int64        `json:"file_bytes"`
	Format    int          `json:"format"`
	Created   time.Time    `json:"created"`
	Policy    split.Policy `json:"policy"`
	Fixed     int          `json:"fixed_splits"` // digests whose split was set by hand

	// Pending is the policy that splits are on their way to: a change was interrupted,
	// and splits are those of two policies. Resplit finishes it.
	Pending *split.Policy `json:"pending_policy"`

	Roots    []RootStats `json:"roots"`
	Images   int         `json:"images"`   // files
	Distinct int         `json:"distinct"` // different contents among them
	Failures int         `json:"failures"`
	Disputed []Dispute   `json:"disputed"` // contents that have several labels

	Unlabelled int `json:"unlabelled"` // contents that have none

	Labels []LabelStats `json:"labels"` // sorted by label
	Models []ModelStats `json:"models"` // sorted by id
	Heads  []Head       `json:"heads"`  // sorted by name

	Damaged error `json:"-"` // of heads that are damaged and so not among Heads; wraps ErrCorrupt
}

// RootStats counts the files of a photo folder.
type RootStats struct {
	Root
	Images   int `json:"images"`
	Failures int `json:"failures"`
}

// LabelStats counts the images of a label. Splits counts different contents, by
// split.Split; contents in dispute are in no split.
type LabelStats struct {
	Label  string `json:"label"`
	Images int    `json:"images"`
	Splits [3]int `json:"splits"`
}

// ModelStats counts the vectors of a model.
type ModelStats struct {
	Model
	Vectors    int `json:"vectors"`    // with those in dispute
	Disputed   int `json:"disputed"`   // of them
	Unlabelled int `json:"unlabelled"` // of them
	Missing    int `json:"missing"`    // contents in the store without a vector by this model

	// ViewVectors counts views apart from those; nil where the model has none.
	ViewVectors *ViewStats `json:"views"`
}

// A Dispute is one content under several labels.
type Dispute struct {
	Digest split.Digest `json:"digest"`
	At     []Location   `json:"at"`
	Labels []string     `json:"labels"` // of At
}

// Stats counts what is in the store, in one pass over the index of digests. It
// reads no vectors: they are counted where they are put.
func (db *DB) Stats() (Stats, error) {
	var st Stats
	err := db.View(func(tx *Tx) (err error) {
		st, err = tx.Stats()
		return err
	})
	return st, err
}

// Stats is DB.Stats within a transaction.
func (tx *Tx) Stats() (Stats, error) {
	st := Stats{Path: tx.db.path, Format: tx.db.format, Created: tx.db.Created()}
	if info, err := os.Stat(tx.db.path); err == nil {
		st.FileBytes = info.Size()
	}
	for _, step := range []func(*Stats) error{tx.statPolicy, tx.statDigests, tx.statRoots, tx.statModels} {
		if err := step(&st); err != nil {
			return st, err
		}
	}
	st.Heads, st.Damaged = tx.Heads()
	return st, nil
}

func (tx *Tx) statPolicy(st *Stats) error {
	r, err := tx.loadRule()
	if err != nil {
		return err
	}
	st.Policy, st.Pending = r.policy, r.next
	fixed, err := tx.FixedSplits()
	st.Fixed = len(fixed)
	return err
}

// statDigests counts images by label and split.
func (tx *Tx) statDigests(st *Stats) error {
	labels := map[string]*LabelStats{}
	perRoot := map[RootID]int{}
	err := tx.eachDigest(func(d split.Digest, at []Location, of []string) error {
		st.Distinct++
		st.Images += len(at)
		agree := true
		first := ""
		for i, l := range of {
			perRoot[at[i].Root]++
			if l == Unlabelled {
				continue
			}
			if labels[l] == nil {
				labels[l] = &LabelStats{Label: l}
			}
			labels[l].Images++
			first = cmp.Or(first, l)
			agree = agree && l == first
		}
		if first == Unlabelled {
			st.Unlabelled++
			return nil
		}
		if !agree {
			st.Disputed = append(st.Disputed, Dispute{d, slices.Clone(at), slices.Clone(of)})
			return nil
		}
		s, err := tx.splitOf(d)
		if err == nil {
			labels[first].Splits[s]++
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range labels {
		st.Labels = append(st.Labels, *l)
	}
	slices.SortFunc(st.Labels, func(a, b LabelStats) int { return strings.Compare(a.Label, b.Label) })
	roots, err := tx.Roots()
	if err != nil {
		return err
	}
	for _, r := range roots {
		st.Roots = append(st.Roots, RootStats{Root: r, Images: perRoot[r.ID]})
	}
	return nil
}

// eachDigest calls fn for each digest in the index with the images that have it.
// The slices are reused.
func (tx *Tx) eachDigest(fn func(d split.Digest, at []Location, labels []string) error) error {
	var at []Location
	var labels []string
	var last split.Digest
	names := map[string]string{} // encoded labels already decoded
	c := tx.top(digestsBucket).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		d, root, path, err := parseIndexKey(k)
		if err != nil {
			return err
		}
		if len(at) > 0 && d != last {
			if err := fn(last, at, labels); err != nil {
				return err
			}
			at, labels = at[:0], labels[:0]
		}
		last = d
		label, ok := names[string(v)]
		if !ok {
			if label, err = decodeLabel(v); err != nil {
				return fmt.Errorf("label of %s: %w", d.Short(), err)
			}
			names[string(v)] = label
		}
		at, labels = append(at, Location{root, path}), append(labels, label)
	}
	if len(at) == 0 {
		return nil
	}
	return fn(last, at, labels)
}

func (tx *Tx) statRoots(st *Stats) error {
	for i := range st.Roots {
		r := &st.Roots[i]
		for _, err := range tx.Failures(r.ID) {
			if err != nil {
				return err
			}
			r.Failures++
		}
		st.Failures += r.Failures
	}
	return nil
}

func (tx *Tx) statModels(st *Stats) error {
	models, err := tx.Models()
	if err != nil {
		return err
	}
	for _, m := range models {
		ms := ModelStats{Model: m}
		err := tx.eachVectorBucket(featuresBucket, m.ID, func(names [][]byte, b *bolt.Bucket) error {
			n := int(b.Sequence())
			ms.Vectors += n
			if bytes.Equal(names[1], disputedBucket) {
				ms.Disputed += n
			}
			if bytes.Equal(names[1], unlabelledBucket) {
				ms.Unlabelled += n
			}
			return nil
		})
		if err != nil {
			return err
		}
		ms.Missing = st.Distinct - ms.Vectors
		training := 0
		for _, l := range st.Labels {
			training += l.Splits[split.Training]
		}
		if ms.ViewVectors, err = tx.statViews(m, training); err != nil {
			return err
		}
		st.Models = append(st.Models, ms)
	}
	return nil
}

// eachVectorBucket calls fn for each bucket of a model that holds vectors, plain ones
// or views, with the chain of its names below features or views.
func (tx *Tx) eachVectorBucket(of []byte, model string, fn func(names [][]byte, b *bolt.Bucket) error) error {
	top := tx.vectorBucket(of, []byte(model))
	switch {
	case top == nil && bytes.Equal(of, viewsBucket):
		return nil
	case top == nil:
		return fmt.Errorf("%w: model %s has no bucket", ErrCorrupt, model)
	}
	return top.ForEachBucket(func(name []byte) error {
		b := top.Bucket(name)
		if bytes.Equal(name, disputedBucket) || bytes.Equal(name, unlabelledBucket) {
			return fn([][]byte{[]byte(model), name}, b)
		}
		if _, err := split.Parse(string(name)); err != nil {
			return fmt.Errorf("%w: %s/%s has a bucket %q", ErrCorrupt, of, model, name)
		}
		return tx.safe(b).ForEachBucket(func(label []byte) error {
			return fn([][]byte{[]byte(model), name, label}, b.Bucket(label))
		})
	})
}
