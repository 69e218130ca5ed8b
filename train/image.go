package train

import (
	"errors"
	"fmt"

	"featstore/split"
	"featstore/store"
)

// An Image is a photo of the store, as results name it.
type Image struct {
	Digest split.Digest `json:"digest"`
	Paths  []string     `json:"paths"`  // every file with these bytes
	Labels []string     `json:"labels"` // none, one, or several in dispute
	Split  string       `json:"split"`  // "" unless it has one label
}

// Label is the photo's label, "" for none and for several.
func (im Image) Label() string {
	if len(im.Labels) == 1 {
		return im.Labels[0]
	}
	return ""
}

// ImageOf names a photo, or returns store.ErrNotFound.
func ImageOf(tx *store.Tx, d split.Digest) (im Image, err error) {
	im.Digest = d
	if im.Paths, err = pathsOf(tx, d); err != nil {
		return im, err
	}
	if len(im.Paths) == 0 {
		return im, fmt.Errorf("image %s: %w", d.Short(), store.ErrNotFound)
	}
	labels, err := tx.Labels(d)
	im.Labels = append([]string{}, labels...)
	if err != nil || len(labels) != 1 {
		return im, err
	}
	s, err := tx.Split(d)
	im.Split = s.String()
	return im, err
}

// FindImage returns the photo with these bytes and its features, those of all models one
// after the other; ok is false if the store lacks the photo or one of its vectors.
func FindImage(tx *store.Tx, models []string, d split.Digest) (im Image, features []float32, ok bool, err error) {
	if im, err = ImageOf(tx, d); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return im, nil, false, err
	}
	for _, id := range models {
		v, err := tx.Vector(id, d)
		if errors.Is(err, store.ErrNotFound) {
			return im, nil, false, nil
		}
		if err != nil {
			return im, nil, false, err
		}
		features = append(features, v...)
	}
	return im, features, true, nil
}
