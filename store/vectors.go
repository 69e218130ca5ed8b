package store

import (
	"fmt"

	"featstore/split"
)

// HasVector tells whether a model's vector of a digest is in the store, disputed or
// not.
func (tx *Tx) HasVector(model string, d split.Digest) (bool, error) {
	v, err := tx.blob(model, d)
	return v != nil, err
}

// Vector returns a model's vector of a digest, or ErrNotFound. It may alias the
// file: it is read-only and valid until the transaction ends.
func (tx *Tx) Vector(model string, d split.Digest) ([]float32, error) {
	m, err := tx.Model(model)
	if err != nil {
		return nil, err
	}
	v, err := tx.blob(model, d)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fmt.Errorf("vector of %s by model %s: %w", d.Short(), model, ErrNotFound)
	}
	return decodeVector(v, m.Dim, model, d[:])
}

// decodeVector is DecodeBlob for the vector of a model, whose length is known.
func decodeVector(blob []byte, dim int, model string, d []byte) ([]float32, error) {
	vec, err := DecodeBlob(blob)
	if err != nil {
		return nil, fmt.Errorf("%w: vector of %.6x by model %s: %w", ErrCorrupt, d, model, err)
	}
	if len(vec) != dim {
		return nil, fmt.Errorf("%w: vector of %.6x has %d floats, model %s gives %d", ErrCorrupt, d, len(vec), model, dim)
	}
	return vec, nil
}

// blob returns the encoded vector of a digest, nil if there is none.
func (tx *Tx) blob(model string, d split.Digest) ([]byte, error) {
	p, err := tx.place(d)
	if err != nil || p.state == nowhere {
		return nil, err
	}
	b := tx.sub(featuresBucket, p.names(model)...)
	if b == nil {
		return nil, nil
	}
	return b.Get(d[:]), nil
}

// PutVector stores what a model computed from the image with digest d, which must
// be in the store already: its label says where the vector belongs. The vector is
// copied. NaN, infinities and another length than the model's are ErrBadVector.
func (tx *Tx) PutVector(model string, d split.Digest, vec []float32) error {
	if err := checkFinite(vec); err != nil {
		return fmt.Errorf("vector of %s by model %s: %w", d.Short(), model, err)
	}
	return tx.putBlob(model, d, 0, len(vec), AppendBlob(make([]byte, 0, BlobSize(len(vec))), vec))
}

// putBlob stores an encoded vector of dim floats, of a view unless the number is 0. The
// blob must not change until the transaction ends.
func (tx *Tx) putBlob(model string, d split.Digest, view, dim int, blob []byte) error {
	if err := tx.writable(); err != nil {
		return err
	}
	m, err := tx.Model(model)
	if err != nil {
		return err
	}
	if dim != m.Dim {
		return fmt.Errorf("vector of %s: %w: it has %d floats, model %s gives %d", d.Short(), ErrBadVector, dim, model, m.Dim)
	}
	p, err := tx.place(d)
	if err != nil {
		return err
	}
	if p.state == nowhere {
		return fmt.Errorf("vector of %s: no image with that digest: %w", d.Short(), ErrNotFound)
	}
	if view == 0 {
		return tx.give(featuresBucket, model, d[:], p, blob)
	}
	if m.Views == nil || view < 1 || view > m.Views.Count {
		return fmt.Errorf("vector of view %d of %s: model %s has no such view", view, d.Short(), model)
	}
	if _, err := tx.bolt.CreateBucketIfNotExists(viewsBucket); err != nil {
		return err
	}
	return tx.give(viewsBucket, model, viewKey(d, view), p, blob)
}
