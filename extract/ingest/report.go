package ingest

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"featstore/split"
	"featstore/store"
	"featstore/store/ownsplit"
)

// A Problem is one file or folder that was left out, with the reason in words.
type Problem struct {
	Path   string `json:"path"` // relative to the root, slash-separated
	Reason string `json:"reason"`
}

func problem(path string, err error) Problem { return Problem{path, err.Error()} }

// A Failure is a photo that could not be used.
type Failure struct {
	Problem
	Before bool `json:"before"` // it failed in an earlier run and was not tried again
}

// A Dispute is a photo whose bytes are under more than one label: they are not used until
// the files are under one label only.
type Dispute struct {
	Digest split.Digest `json:"digest"`
	Labels []string     `json:"labels"`
	Paths  []string     `json:"paths"` // in this folder
}

// A Rival is another folder with photos of this one under other labels: an earlier
// version of it, most often.
type Rival struct {
	Folder string `json:"folder"`
	Photos int    `json:"photos"` // of this folder, in dispute because of it
}

// A ModelCount says what one network had to do.
type ModelCount struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Computed int    `json:"computed"`
}

// A LabelCount is the photos in a label's folder that are in the store now, those
// that are gone from the folder left out.
type LabelCount struct {
	Label  string `json:"label"`
	Photos int    `json:"photos"`
}

// A Report says what a run found and did. Every file found is counted once:
//
//	Found = Unchanged + Touched + Changed + Relabelled + Renamed + New + Duplicates
//	        + len(Failures) + len(NotPhotos) + Vanished
//
// unless the run was interrupted.
type Report struct {
	Root      string `json:"root"`
	MovedFrom string `json:"moved_from,omitempty"` // where the folder lay when it was last seen

	Found      int `json:"found"`
	Unchanged  int `json:"unchanged"`  // size and time as recorded: not opened, unless a network has no vectors of them
	Touched    int `json:"touched"`    // another time, the same bytes
	Changed    int `json:"changed"`    // other bytes than before
	Relabelled int `json:"relabelled"` // moved to another label
	Renamed    int `json:"renamed"`    // moved within the label
	New        int `json:"new"`        // bytes never seen before
	Duplicates int `json:"duplicates"` // new paths of bytes that another file has too
	Vanished   int `json:"vanished"`   // gone between being found and being read

	Read      int   `json:"read"` // files whose bytes were read
	ReadBytes int64 `json:"read_bytes"`
	Computed  int   `json:"computed"` // vectors, of all networks together

	Views        int `json:"views"`         // vectors of views computed, likewise
	ViewsRemoved int `json:"views_removed"` // those of another augmentation, or beyond their number now

	Gone   int `json:"gone"`   // in the store, but no longer in the folder
	Pruned int `json:"pruned"` // of those, dropped

	Models   []ModelCount `json:"models"`
	Labels   []LabelCount `json:"labels"`
	Failures []Failure    `json:"failures"`
	Damaged  []Problem    `json:"damaged"` // used now, although their files are damaged
	Disputed []Dispute    `json:"disputed"`
	Rivals   []Rival      `json:"rivals"` // other folders that give photos of this one other labels

	Labelling  *Labelling         `json:"labelling"`   // what gave the photos their labels
	Own        *ownsplit.Report   `json:"own_splits"`  // null where the policy alone decides
	Groups     *ownsplit.Grouping `json:"groups"`      // null where no list says which photos belong together
	LikeSplits bool               `json:"like_splits"` // folders are named after splits, but were taken as labels

	WithoutLabel int `json:"without_label"` // photos in the store of a folder whose photos have none

	// Suspicious are photos that are used, but look like none of their label: placeholders,
	// thumbnails, one picture many times; of those read in this run also tiny, black and white ones and pages of text.
	Suspicious []Problem `json:"suspicious"`

	NotPhotos   []string  `json:"not_photos"`   // files among the photos that are not photos
	Unlabelled  []string  `json:"unlabelled"`   // photos directly in the folder: they have no label
	EmptyLabels []string  `json:"empty_labels"` // folders without a usable photo
	Links       []Problem `json:"links"`        // not followed
	Unread      []Problem `json:"unread"`       // folders that could not be read

	Seconds float64 `json:"seconds"`
}

// A tally is a report that several workers write.
type tally struct {
	mu sync.Mutex
	Report
}

func newTally(l *listing, networks []network) *tally {
	t := &tally{Report: Report{Root: l.root, Links: l.links, Unread: l.unread}}
	for _, n := range networks {
		t.Models = append(t.Models, ModelCount{ID: n.model.ID, Name: n.model.Name})
	}
	return t
}

// update changes the report while no other worker does.
func (t *tally) update(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

func (t *tally) read(bytes int) {
	t.update(func() { t.Read++; t.ReadBytes += int64(bytes) })
}

func (t *tally) notPhoto(f file) {
	t.update(func() { t.NotPhotos = append(t.NotPhotos, f.path) })
}

func (t *tally) failed(f file, reason string, before bool) {
	t.update(func() {
		t.Failures = append(t.Failures, Failure{Problem{f.path, reason}, before})
	})
}

// done counts a photo that is in the store under its path.
func (t *tally) done(w task, out outcome) {
	t.update(func() {
		t.computed(w, out)
		switch {
		case (w.missing || w.reread) && w.old.Digest == out.digest:
			t.Unchanged++
		case w.old == nil && out.known:
			t.Duplicates++
		case w.old == nil:
			t.New++
		case w.old.Digest != out.digest:
			t.Changed++
		case w.old.Label != w.label:
			t.Relabelled++
		default:
			t.Touched++
		}
	})
}

// renamed counts a photo that took the place of one that is gone.
func (t *tally) renamed(w task, out outcome, old store.ImageEntry) {
	t.update(func() {
		t.computed(w, out)
		if old.Label == w.label {
			t.Renamed++
		} else {
			t.Relabelled++
		}
	})
}

func (t *tally) computed(w task, out outcome) {
	if out.warning != "" {
		t.Damaged = append(t.Damaged, Problem{w.path, out.warning})
	}
	t.Computed += len(out.computed)
	t.Views += out.newViews
	for i := range t.Models {
		if slices.Contains(out.computed, t.Models[i].ID) {
			t.Models[i].Computed++
		}
	}
}

// conclude adds what only the finished store can tell, and puts everything into
// an order that does not depend on which worker was first. Which labels have no photo
// is known only once all have been looked at.
func (r *run) conclude(complete bool) error {
	t := r.report
	slices.SortFunc(t.Damaged, func(a, b Problem) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(t.Failures, func(a, b Failure) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(t.NotPhotos)
	slices.Sort(t.Unlabelled)
	photos := map[string]int{}
	rivals := map[store.RootID]int{}
	disputed := map[split.Digest]*Dispute{}
	gone := map[string]bool{}
	for _, path := range r.gone.left() {
		gone[path] = true
	}
	err := r.db.View(func(tx *store.Tx) error {
		for image, err := range tx.Images(r.root) {
			if err != nil {
				return err
			}
			switch {
			case gone[image.Path]:
			case image.Label == store.Unlabelled:
				t.WithoutLabel++
			default:
				photos[image.Label]++
			}
			at, of, err := tx.Locations(image.Digest)
			if err != nil {
				return err
			}
			if len(at) < 2 {
				continue // as most are
			}
			r.suspectCopies(image, at, of)
			labels, err := tx.Labels(image.Digest)
			if err != nil {
				return err
			}
			if len(labels) < 2 {
				continue
			}
			if disputed[image.Digest] == nil {
				disputed[image.Digest] = &Dispute{Digest: image.Digest, Labels: labels}
			}
			d := disputed[image.Digest]
			d.Paths = append(d.Paths, image.Path)
			r.countRivals(image, at, of, rivals)
		}
		return t.nameRivals(tx, rivals)
	})
	for _, label := range slices.Sorted(maps.Keys(photos)) {
		t.Labels = append(t.Labels, LabelCount{label, photos[label]})
	}
	for _, d := range disputed {
		t.Disputed = append(t.Disputed, *d)
	}
	slices.SortFunc(t.Disputed, func(a, b Dispute) int { return cmp.Compare(a.Paths[0], b.Paths[0]) })
	for _, label := range slices.Sorted(maps.Keys(r.list.labels)) {
		if complete && photos[label] == 0 {
			t.EmptyLabels = append(t.EmptyLabels, label)
		}
	}
	t.Labels, t.Failures, t.Disputed = some(t.Labels), some(t.Failures), some(t.Disputed)
	t.NotPhotos, t.Unlabelled, t.EmptyLabels = some(t.NotPhotos), some(t.Unlabelled), some(t.EmptyLabels)
	t.Rivals = some(t.Rivals)
	r.suspectNames()
	slices.SortFunc(t.Suspicious, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Reason, b.Reason)) })
	t.Suspicious = some(t.Suspicious)
	t.Links, t.Unread, t.Damaged = some(t.Links), some(t.Unread), some(t.Damaged)
	return err
}

// countRivals counts an image for each other folder that has its bytes under another
// label. at and labels are those of its digest.
func (r *run) countRivals(image store.ImageEntry, at []store.Location, labels []string, rivals map[store.RootID]int) {
	counted := map[store.RootID]bool{r.root: true}
	for i, l := range at {
		if labels[i] != image.Label && labels[i] != store.Unlabelled && image.Label != store.Unlabelled && !counted[l.Root] {
			counted[l.Root] = true
			rivals[l.Root]++
		}
	}
}

func (t *tally) nameRivals(tx *store.Tx, rivals map[store.RootID]int) error {
	for id, n := range rivals {
		root, err := tx.Root(id)
		if err != nil {
			return err
		}
		t.Rivals = append(t.Rivals, Rival{root.Path, n})
	}
	slices.SortFunc(t.Rivals, func(a, b Rival) int { return cmp.Or(cmp.Compare(b.Photos, a.Photos), cmp.Compare(a.Folder, b.Folder)) })
	return nil
}

// some returns the list, empty instead of nil: [] in JSON, not null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Kept returns how many of the files found are in the store now.
func (r *Report) Kept() int {
	return r.Unchanged + r.Touched + r.Changed + r.Relabelled + r.Renamed + r.New + r.Duplicates
}
