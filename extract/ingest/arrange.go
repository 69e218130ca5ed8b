package ingest

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"featstore/split"
	"featstore/store"
)

// arrange gives each file its label, by what the layout says of its folders. Photos
// whose folders leave no label for them become unlabelled.
func (l *listing) arrange(layout store.Layout) {
	l.labels, l.files, l.unlabelled = map[string]struct{}{}, nil, nil
	for _, f := range l.all {
		label, ok := labelIn(f.below(), layout)
		if !ok {
			if namedAsPhoto(f.path) {
				l.unlabelled = append(l.unlabelled, f.path)
			}
			continue
		}
		f.label = label
		if f.err == nil && !utf8.ValidString(f.label) {
			f.err = errLabelName
		}
		l.files = append(l.files, f)
	}
	for _, folder := range l.folders {
		if label, ok := labelIn(l.belowTop(folder+"/"), layout); ok {
			l.labels[label] = struct{}{}
		}
	}
}

// labelIn returns the label in a path: the name of its first folder or, where folders
// may be named after splits, of the first that is not the split's. The name is
// NFC-normalised, so that one name typed on different systems is one label.
func labelIn(path string, layout store.Layout) (string, bool) {
	if !strings.Contains(path, "/") {
		return "", false
	}
	if layout != store.ByLabel {
		if _, label, ok := split.ByFolder(path); ok {
			return norm.NFC.String(label), true
		}
	}
	first, _, _ := strings.Cut(path, "/")
	if _, named := split.Spelling(first); named && layout != store.ByLabel {
		return "", false // train/1.jpg
	}
	return norm.NFC.String(first), true
}

// splitIn returns the split that a path's folders name: one of the first two or, where
// labels come from elsewhere, also the only one.
func splitIn(path string, labelled bool) (split.Split, bool) {
	s, _, ok := split.ByFolder(path)
	if first, _, deep := strings.Cut(path, "/"); !ok && labelled && deep {
		s, ok = split.Spelling(first)
	}
	return s, ok
}

// likeSplits tells whether all files lie in folders that are named after splits, two
// of them or more: then they hardly are labels.
func (l *listing) likeSplits(labelled bool) bool {
	seen := map[split.Split]bool{}
	for _, f := range l.files {
		s, ok := splitIn(f.below(), labelled)
		if !ok {
			return false
		}
		seen[s] = true
	}
	return len(seen) > 1
}
