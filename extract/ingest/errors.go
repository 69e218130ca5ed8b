package ingest

import (
	"errors"
	"fmt"
)

// Errors of Run that concern the whole folder.
var (
	ErrNotFolder = errors.New("not a folder") // the root is a file
	ErrNoPhotos  = errors.New("no photos")    // nothing below the root
	ErrNoLabels  = errors.New("no labels")    // photos only directly in the root
	ErrOverlap   = errors.New("overlaps a folder that is in the store already")

	// ErrTwoSources: splits by folders and by a list at the same time.
	ErrTwoSources = errors.New("its folders give the splits already: a list cannot give them too")
)

// Reasons why single files and links are left out.
var (
	errLoop       = errors.New("link leads back to a folder that holds it")
	errBrokenLink = errors.New("link to a file that does not exist")
	errReadBefore = errors.New("link leads to a folder already read")
	errLabelName  = errors.New("the label's folder has a name that is not UTF-8: rename it")
	errChanging   = errors.New("file kept changing while it was being read: ingest again later")
	errNotPhoto   = errors.New("not a photo")
)

// usable reports why a folder as a whole cannot be used.
func (l *listing) usable() error {
	switch {
	case len(l.files) > 0:
		return nil
	case len(l.unlabelled) > 0:
		photos := "its only photo lies"
		if n := len(l.unlabelled); n > 1 {
			photos = fmt.Sprintf("its %d photos lie", n)
		}
		return fmt.Errorf("%s: %w: %s directly in it, not in folders named after their labels", l.root, ErrNoLabels, photos)
	case len(l.unread) > 0:
		return fmt.Errorf("%s: %w: %s: %s", l.root, ErrNoPhotos, l.unread[0].Path, l.unread[0].Reason)
	}
	return fmt.Errorf("%s: %w in it", l.root, ErrNoPhotos)
}
