package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"featstore/store"
)

// A Survey is what all rows of a source have in common.
type Survey struct {
	Rows     int `json:"rows"`
	Labelled int `json:"labelled"`
	Paths    int `json:"paths"`   // rows that have one
	Digests  int `json:"digests"` // likewise
	Splits   int `json:"splits"`  // likewise
	Known    int `json:"known"`   // rows whose paths lead into folders of the store

	labels [sha256.Size]byte // of all labels, in order
	placer *placer
}

// ErrNoPhotos: none of the rows' paths leads to a photo.
var ErrNoPhotos = errors.New("none of the paths leads to a photo in the folder")

// NewSurvey reads a source without its vectors. photos is a folder of photos, absolute, or empty.
func NewSurvey(ctx context.Context, db *store.DB, src *Source, photos string) (*Survey, error) {
	var roots []store.Root
	err := db.View(func(tx *store.Tx) (err error) {
		roots, err = tx.Roots()
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &Survey{placer: newPlacer(src, roots)}
	s.placer.photos = photos
	hash := sha256.New()
	found, whole, example := photos == "", false, ""
	err = src.Each(ctx, false, func(r *Row) error {
		s.Rows++
		count := func(there bool, n *int) {
			if there {
				*n++
			}
		}
		count(r.Label != "", &s.Labelled)
		count(r.Path != "", &s.Paths)
		count(r.Digest != noDigest, &s.Digests)
		count(r.Fixed, &s.Splits)
		count(s.placer.isKnown(r), &s.Known)
		fmt.Fprintf(hash, "%q\n", r.Label)
		for _, p := range append([]string{r.Path}, r.Copies...) {
			s.placer.meet(p, &whole)
			if !found && p != "" {
				example = p
				found = s.placer.findPhotos(p)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.Rows == 0 {
		return nil, fmt.Errorf("%w: it has no rows", ErrSource)
	}
	if !found {
		return nil, fmt.Errorf("%w %s: the last is %q", ErrNoPhotos, photos, example)
	}
	hash.Sum(s.labels[:0])
	if c := s.placer.common; whole || c == "/" || c == "." {
		s.placer.common = "" // they share none
	}
	return s, nil
}

// ModelID is the id of the model that a name and a dimension make.
func ModelID(name string, dim int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "featstore imported model\n%q\n%d\n", name, dim))
	return hex.EncodeToString(sum[:8])
}

// Photo returns where a row's photo is, if the folder of photos is known.
func (s *Survey) Photo(r *Row) (path string, ok bool) {
	if s.placer.photos == "" {
		return "", false
	}
	at, err := s.placer.place(r, r.Path)
	return filepath.Join(at.root, filepath.FromSlash(at.path)), err == nil
}
