package ingest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"featstore/extract/ingest/annotation"
	"featstore/store"
)

// synsetNames are the files that come with ImageNet and name its ids.
var synsetNames = []string{"LOC_synset_mapping.txt", "synset_words.txt", "words.txt", "imagenet_class_index.json", "map_clsloc.txt"}

// recogniseSynsets finds the names of ImageNet's folders, if the folder has such.
func (r *run) recogniseSynsets() store.LabelSource {
	r.list.arrange(r.layout)
	if !r.list.synsets() {
		return store.LabelSource{}
	}
	for _, f := range r.list.all {
		if !strings.Contains(f.below(), "/") && f.err == nil && slices.Contains(synsetNames, path.Base(f.path)) {
			return store.LabelSource{Names: f.path}
		}
	}
	return store.LabelSource{}
}

// synsets tells whether all labels are ids of ImageNet.
func (l *listing) synsets() bool {
	for label := range l.labels {
		if !annotation.Synset(label) {
			return false
		}
	}
	return len(l.labels) > 0
}

// mostNames is the size in bytes of the largest file of names.
const mostNames = 64 << 20

// nameLabels gives labels the names that a file has for them.
func (r *run) nameLabels(ctx context.Context) error {
	if r.source.Names == "" {
		r.report.Labelling.Synsets = r.list.synsets()
		return nil
	}
	at := r.list.located(r.source.Names)
	data, err := r.list.readFile(ctx, r.source.Names, mostNames)
	if err != nil {
		return fmt.Errorf("%w: names of labels: %s: %w", ErrNoList, at, err)
	}
	names, err := annotation.ParseNames(data)
	if err != nil {
		return fmt.Errorf("read names of labels %s: %w", at, err)
	}
	labels, unnamed := len(r.list.labels), map[string]bool{}
	r.list.rename(func(label string) string {
		name, ok := names[label]
		if !ok {
			unnamed[label] = true
			return label
		}
		return name
	})
	r.report.Labelling.Unnamed = slices.Sorted(maps.Keys(unnamed))
	if n := len(unnamed); n > 0 && n == labels {
		return fmt.Errorf("%w: %s names none of the %d labels, the first is %q", annotation.ErrNames, at, n, r.report.Labelling.Unnamed[0])
	}
	return nil
}

// rename changes the labels of all files.
func (l *listing) rename(name func(label string) string) {
	names := map[string]string{}
	of := func(label string) string {
		n, ok := names[label]
		if !ok {
			n = name(label)
			names[label] = n
		}
		return n
	}
	for i := range l.files {
		l.files[i].label = of(l.files[i].label)
	}
	labels := map[string]struct{}{}
	for label := range l.labels {
		labels[of(label)] = struct{}{}
	}
	l.labels = labels
}

// alikeKey is what labels have in common that differ only in case or blanks.
func alikeKey(label string) string { return strings.ToLower(strings.Join(strings.Fields(label), "")) }

// spellLabels finds labels that differ only in case or blanks, and merges them if asked to:
// into the one that most files have. Blanks around a label of a list are dropped unless it
// becomes another label by that.
func (r *run) spellLabels() {
	if r.source.Kind == store.LabelsNone {
		return
	}
	counts := map[string]int{}
	for label := range r.list.labels {
		counts[label] = 0
	}
	for _, f := range r.list.files {
		counts[f.label]++
	}
	alike := map[string][]string{}
	for label := range counts {
		alike[alikeKey(label)] = append(alike[alikeKey(label)], label)
	}
	into := map[string]string{}
	for _, labels := range alike {
		slices.SortFunc(labels, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
		switch {
		case len(labels) > 1:
			r.report.Labelling.Alike = append(r.report.Labelling.Alike, labels)
			if r.source.Merge {
				for _, l := range labels {
					into[l] = strings.TrimSpace(labels[0])
				}
			}
		case r.labelled():
			into[labels[0]] = strings.TrimSpace(labels[0])
		}
	}
	slices.SortFunc(r.report.Labelling.Alike, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	if len(into) > 0 {
		r.list.rename(func(label string) string { return cmp.Or(into[label], label) })
	}
}
