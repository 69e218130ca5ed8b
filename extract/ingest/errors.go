package ingest

import "errors"

// Errors of Run that concern the whole folder.
var (
	ErrNotFolder = errors.New("not a folder")                                       // the root is a file
	ErrNoPhotos  = errors.New("no photos found")                                    // nothing below the root
	ErrNoLabels  = errors.New("no labels: photos must lie in one folder per label") // photos only directly in the root
)

// Reasons why single files and links are left out.
var (
	errLoop       = errors.New("link leads back to a folder that holds it")
	errReadBefore = errors.New("link leads to a folder already read")
	errLabelName  = errors.New("the label's folder has a name that is not UTF-8: rename it")
)
