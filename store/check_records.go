package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// A checker walks a store and collects problems. Its steps return errors only for
// what keeps them from going on.
type checker struct {
	ctx         context.Context
	tx          *Tx
	report      *Report
	progress    func(done, total int64)
	done, total int64
}

func (c *checker) run() error {
	c.report.Finished = true
	if safe, err := c.pages(); err != nil || !safe {
		return err
	}
	for _, part := range []func() error{c.top, c.count, c.roots, c.images, c.digests, c.failures, c.splits, c.models, c.networks,
		c.vectors, c.views, c.heads, c.counts} {
		if err := c.try(part); err != nil {
			return err
		}
	}
	c.tell()
	return nil
}

// try runs a part of the check. Damage ends that part only.
func (c *checker) try(part func() error) error {
	err := func() (err error) {
		defer guard(panicOnFault(), &err)
		return part()
	}()
	if errors.Is(err, ErrCorrupt) {
		c.damaged(err)
		return nil
	}
	return err
}

func (c *checker) tell() {
	if c.progress != nil {
		c.progress(c.done, c.total)
	}
}

// step counts one key read and looks whether the check is to stop.
func (c *checker) step() error {
	c.done++
	if c.done%1024 != 0 {
		return nil
	}
	c.tell()
	return c.ctx.Err()
}

// pages checks the structure of the bbolt file; the buckets read later are those
// whose pages are sound. It returns false if there is no way to tell. It does without
// bbolt's own check, which finds nothing more and reads the mapped file in a
// goroutine where a fault would end the process.
func (c *checker) pages() (safe bool, err error) {
	db := c.tx.db
	info, err := db.file.Stat()
	if err != nil {
		return false, err
	}
	m, err := readMeta(db.file, info.Size())
	if err != nil {
		c.damaged(err)
		return false, nil
	}
	if m.doubt != "" {
		c.report.add("%s; the next change to the store writes it anew", m.doubt)
	}
	all := newPageChecker(db.file, m)
	all.found = c.damaged
	if err := all.pass(all.all()); err != nil {
		return false, err
	}
	if c.report.Finished {
		return true, c.ctx.Err()
	}
	c.tx.pages = newPageChecker(db.file, m)
	return c.tx.pages.once(m.root) == nil, c.ctx.Err()
}

// damaged reports damage that keeps something from being checked.
func (c *checker) damaged(err error) {
	c.report.Finished = false
	c.report.add("%v", err)
}

// top checks the buckets at the top and the keys of meta.
func (c *checker) top() error {
	err := c.tx.bolt.ForEach(func(name []byte, _ *bolt.Bucket) error {
		for _, known := range slices.Concat(topBuckets, [][]byte{networksBucket, checkpointsBucket, viewsBucket}) {
			if bytes.Equal(name, known) {
				return nil
			}
		}
		c.report.add("unknown bucket %q", name)
		return nil
	})
	if err != nil {
		return err
	}
	_, err = c.tx.loadRule()
	return err
}

// count finds out how much there is to read.
func (c *checker) count() error {
	for _, top := range [][]byte{imagesBucket, digestsBucket} {
		if err := c.try(func() error { c.total += int64(c.tx.countKeys(c.tx.top(top))); return nil }); err != nil {
			return err
		}
	}
	models, err := c.tx.modelIDs()
	if err != nil {
		return err
	}
	for _, id := range models {
		for _, top := range [][]byte{featuresBucket, viewsBucket} {
			err := c.tx.eachVectorBucket(top, id, func(_ [][]byte, b *bolt.Bucket) error {
				c.total += int64(b.Sequence())
				return nil
			})
			if err != nil {
				c.report.add("%v", err)
			}
		}
	}
	return c.ctx.Err()
}

// countKeys counts the keys of a bucket and of those within it.
func (tx *Tx) countKeys(b *bolt.Bucket) int {
	n := 0
	b.ForEach(func(k, v []byte) error {
		if v == nil {
			n += tx.countKeys(tx.safe(b.Bucket(k)))
		} else {
			n++
		}
		return nil
	})
	return n
}

func (c *checker) roots() error {
	b := c.tx.top(rootsBucket)
	return b.ForEach(func(k, v []byte) error {
		r, err := c.tx.decodeRoot(k, v)
		if err != nil {
			c.report.add("%v", err)
		} else if r.ID == 0 || uint64(r.ID) > b.Sequence() {
			c.report.add("root %d has an id that may be given again", r.ID)
		}
		return nil
	})
}

// eachRoot calls fn for each bucket of a top bucket that has one a root.
func (c *checker) eachRoot(top []byte, fn func(id RootID, b *bolt.Bucket) error) error {
	b := c.tx.top(top)
	return b.ForEach(func(k, v []byte) error {
		if v != nil || len(k) != rootSize {
			c.report.add("%s has an unknown key %q", top, k)
			return nil
		}
		id := RootID(binary.BigEndian.Uint64(k))
		if _, err := c.tx.Root(id); err != nil {
			c.report.add("%s: %v", top, err)
		}
		sub := c.tx.safe(b.Bucket(k))
		if k, _ := sub.Cursor().First(); k == nil {
			c.report.add("%s: root %d has an empty bucket", top, id)
		}
		return fn(id, sub)
	})
}

// images checks each image's record and that the index of digests has it.
func (c *checker) images() error {
	return c.eachRoot(imagesBucket, func(id RootID, b *bolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			c.report.Images++
			if err := c.image(id, string(k), v); err != nil {
				c.report.add("root %d: %v", id, err)
			}
			return c.step()
		})
	})
}

func (c *checker) image(id RootID, path string, v []byte) error {
	m, err := c.tx.decodeImage(id, []byte(path), v)
	if err != nil {
		return err
	}
	if err := c.indexed(id, path, m); err != nil {
		return fmt.Errorf("image %s: %w", path, err)
	}
	return nil
}

// indexed tells whether the index of digests has an image.
func (c *checker) indexed(id RootID, path string, m Image) error {
	if m.Label != Unlabelled {
		if err := checkLabel(m.Label); err != nil {
			return err
		}
	} else if c.tx.db.format < unlabelledFormat {
		return fmt.Errorf("it has no label, in a store of format %d", c.tx.db.format)
	}
	in := c.tx.top(digestsBucket).Get(indexKey(m.Digest, id, path))
	if in == nil {
		return fmt.Errorf("its digest %s is not in the index", m.Digest.Short())
	}
	label, err := decodeLabel(in)
	if err != nil {
		return err
	}
	if label != m.Label {
		return fmt.Errorf("it has label %q, in the index %q", m.Label, label)
	}
	return nil
}

// digests checks that each entry of the index has its image.
func (c *checker) digests() error {
	return c.tx.top(digestsBucket).ForEach(func(k, v []byte) error {
		d, id, path, err := parseIndexKey(k)
		if err != nil {
			c.report.add("%v", err)
			return c.step()
		}
		m, err := c.tx.find(id, path)
		switch {
		case err != nil: // reported with the image
		case m == nil:
			c.report.add("the index of digests has image %q of root %d, which is not there", path, id)
		case m.Digest != d:
			c.report.add("the index of digests has image %q of root %d under another digest", path, id)
		}
		return c.step()
	})
}

func (c *checker) failures() error {
	return c.eachRoot(failuresBucket, func(id RootID, b *bolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			if _, err := c.tx.decodeFailure(id, k, v); err != nil {
				c.report.add("%v", err)
			}
			if m, _ := c.tx.find(id, string(k)); m != nil {
				c.report.add("%q of root %d is both an image and a failure", k, id)
			}
			return nil
		})
	})
}

func (c *checker) splits() error {
	return c.tx.top(splitsBucket).ForEach(func(k, v []byte) error {
		if len(k) != digestSize {
			c.report.add("a split's key has %d bytes", len(k))
		} else if _, err := c.tx.decodeSplit(k, v); err != nil {
			c.report.add("%v", err)
		}
		return nil
	})
}

func (c *checker) models() error {
	err := c.tx.top(modelsBucket).ForEach(func(k, v []byte) error {
		if _, err := c.tx.decodeModel(string(k), v); err != nil {
			c.report.add("%v", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.tx.top(featuresBucket).ForEach(func(k, _ []byte) error {
		if _, err := c.tx.Model(string(k)); errors.Is(err, ErrNotFound) {
			c.report.add("there are vectors of an unknown model %q", k)
		}
		return nil
	})
}

func (c *checker) vectors() error {
	models, err := c.tx.modelIDs()
	if err != nil {
		return err
	}
	for _, id := range models {
		m, err := c.tx.Model(id)
		if err != nil {
			continue // reported
		}
		err = c.try(func() error {
			return c.tx.eachVectorBucket(featuresBucket, id, func(names [][]byte, b *bolt.Bucket) error {
				return c.try(func() error { return c.vectorBucket(featuresBucket, m, names, c.tx.safe(b), c.vector) })
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// vectorBucket checks a bucket of vectors, each with check.
func (c *checker) vectorBucket(top []byte, m Model, names [][]byte, b *bolt.Bucket, check func(m Model, here place, k, v []byte) error) error {
	here, err := placeOf(names)
	if err != nil {
		return err
	}
	where := fmt.Sprintf("%s/%s/%v", top, m.ID, here)
	n := 0
	err = b.ForEach(func(k, v []byte) error {
		n++
		if err := check(m, here, k, v); err != nil {
			c.report.add("%s: %v", where, err)
		}
		return c.step()
	})
	if uint64(n) != b.Sequence() {
		c.report.add("%s has %d vectors but counts %d", where, n, b.Sequence())
	}
	if n == 0 {
		c.report.add("%s is empty", where)
	}
	return err
}

// vector checks one vector: bytes, values and place.
func (c *checker) vector(m Model, here place, k, v []byte) error {
	c.report.Vectors++
	if len(k) != digestSize || v == nil {
		return fmt.Errorf("unknown key %.40x", k)
	}
	return c.vectorOf(m, here, split.Digest(k), v)
}

// vectorOf checks bytes, values and place of a vector of a digest.
func (c *checker) vectorOf(m Model, here place, d split.Digest, v []byte) error {
	vec, err := decodeVector(v, m.Dim, m.ID, d[:])
	if err != nil {
		return err
	}
	if err := checkFinite(vec); err != nil {
		return fmt.Errorf("vector of %s: %w", d.Short(), err)
	}
	p, err := c.tx.place(d)
	if err != nil {
		return err
	}
	if p != here {
		return fmt.Errorf("vector of %s belongs %v", d.Short(), p)
	}
	return nil
}

func (c *checker) heads() error {
	return c.tx.top(headsBucket).ForEach(func(k, v []byte) error {
		h, err := c.tx.decodeHead(string(k), v)
		if err == nil {
			err = c.tx.checkHead(h)
		}
		if err != nil {
			c.report.add("%v", err)
		}
		return nil
	})
}

// counts compares what there is with the counts that each transaction keeps.
func (c *checker) counts() error {
	if c.tx.db.format < sealedFormat {
		return nil
	}
	want, err := c.tx.storedCounts()
	if err != nil {
		return err
	}
	got := c.tx.countAll()
	for _, top := range slices.Concat(topBuckets, [][]byte{viewsBucket}) {
		if n := got.of(top); n != nil && *n != *want.of(top) {
			c.report.add("%s: there are %d, it counts %d", top, *n, *want.of(top))
		}
	}
	if got.LastRoot != want.LastRoot {
		c.report.add("the root given last is %d, it counts %d", got.LastRoot, want.LastRoot)
	}
	return nil
}
