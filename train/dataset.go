package train

import (
	"fmt"
	"slices"
	"strings"

	"featstore/extract/cpu"
	"featstore/split"
	"featstore/store"
)

// A dataset is what a head is trained on: the images of each split as they were
// at one moment. All indexes have the labels of the training split, in its order.
type dataset struct {
	db     *store.DB
	models []string
	labels []string
	splits [len(split.All)]*store.Index
	// strangers counts, by split, the images of labels without training images.
	strangers [len(split.All)]int
	// unusedViews tells that the models have views, but not all of them the same.
	unusedViews bool
}

// openDataset reads the keys of the images that have features of all the models,
// none meaning the only one in the store. It refuses data that no head can be
// trained on, and kernels that do not exist.
func openDataset(db *store.DB, models []string) (*dataset, error) {
	if _, err := cpu.Chosen(); err != nil { // the products cannot report it
		return nil, err
	}
	d := &dataset{db: db}
	err := db.View(func(tx *store.Tx) (err error) {
		if d.models, err = chooseModels(tx, models); err != nil {
			return err
		}
		for _, s := range split.All {
			if d.splits[s], err = tx.Index(d.models, s); err != nil {
				return err
			}
		}
		return d.openViews(tx)
	})
	if err != nil {
		return nil, err
	}
	d.labels = d.splits[split.Training].Labels
	if err := d.trainable(); err != nil {
		return nil, err
	}
	for s, ix := range d.splits {
		d.splits[s], d.strangers[s] = ix.Align(d.labels)
	}
	return d, nil
}

// chooseModels checks the models asked for, or finds the only one there is.
func chooseModels(tx *store.Tx, asked []string) ([]string, error) {
	if len(asked) > 0 {
		return slices.Clone(asked), nil
	}
	all, err := tx.Models()
	if err != nil {
		return nil, err
	}
	all = store.Usual(all)
	switch len(all) {
	case 0:
		return nil, fmt.Errorf("%w: the store has no features yet: ingest a folder of labelled photos first", ErrNoImages)
	case 1:
		return []string{all[0].ID}, nil
	}
	var names []string
	for _, m := range all {
		names = append(names, fmt.Sprintf("%s (%s)", m.ID, m.Name))
	}
	return nil, fmt.Errorf("%w: the store has features of several networks: choose one, or several to concatenate: %s", ErrConfig, strings.Join(names, ", "))
}

// trainable reports why no head can be trained.
func (d *dataset) trainable() error {
	train := d.splits[split.Training]
	others := d.splits[split.Validation].Len() + d.splits[split.Testing].Len()
	switch {
	case train.Len() == 0 && others > 0:
		return fmt.Errorf("%w: no image is in the training split, %d are in the others: %w: ingest more photos, or give the training split a larger share",
			ErrNoImages, others, ErrEmptySplit)
	case train.Len() == 0 && train.Incomplete > 0:
		return fmt.Errorf("%w: no image has features of all the networks: ingest the photos with each of them", ErrNoImages)
	case train.Len() == 0:
		return fmt.Errorf("%w: ingest a folder that has one folder of photos a label", ErrNoImages)
	case len(d.labels) == 1:
		return fmt.Errorf("%w, %q, has training images: a classifier needs two or more: ingest a folder that has one folder of photos a label",
			ErrOneLabel, d.labels[0])
	}
	return nil
}

// index returns the images of a split.
func (d *dataset) index(s split.Split) *store.Index { return d.splits[s] }

// trainedOn describes the dataset for the head's record.
func (d *dataset) trainedOn() (store.TrainedOn, error) {
	fingerprint := d.index(split.Training).Fingerprint()
	t := store.TrainedOn{Policy: d.db.Policy(), Counts: make([][3]int, len(d.labels)), Fingerprint: fingerprint[:]}
	for s, ix := range d.splits {
		for l, keys := range ix.Keys {
			t.Counts[l][s] = len(keys)
		}
	}
	err := d.db.View(func(tx *store.Tx) error {
		fixed, err := tx.FixedSplits()
		for _, ix := range d.splits {
			for _, keys := range ix.Keys {
				for _, key := range keys {
					if _, ok := fixed[key]; ok {
						t.Fixed++
					}
				}
			}
		}
		return err
	})
	return t, err
}

// fewImages is the number of training images below which a label is warned about;
// retrain.py has the same.
const fewImages = 20

// warnings says what is doubtful about the data, and what to do.
func (d *dataset) warnings() []string {
	out := d.leftOut()
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if few := d.labelsWhere(split.Training, func(n int) bool { return n < fewImages }); len(few) > 0 {
		warn("fewer than %d training images of %s: expect it to be mistaken often; add photos", fewImages, list(few))
	}
	for _, s := range []split.Split{split.Validation, split.Testing} {
		what := map[split.Split]string{split.Validation: "training goes unwatched", split.Testing: "the accuracy is one of cross-validation"}[s]
		none := d.labelsWhere(s, func(n int) bool { return n == 0 })
		switch {
		case d.index(s).Len() == 0:
			warn("the %v split is empty, so %s: add photos, or give the split a larger share", s, what)
		case len(none) > 0:
			warn("the %v split has no image of %s, so it does not show how well that is told apart: add photos, or give the split a larger share",
				s, list(none))
		}
	}
	if n := d.index(split.Validation).Len(); n < enoughToCalibrate {
		warn("only %s, so the probabilities are not calibrated: add photos, or give the validation split a larger share", images(n, "validation "))
	}
	if n := d.strangers[split.Testing]; n > 0 {
		warn("%s without a training image, so %s mistaken: add photos of such labels", labelled(n, split.Testing), choose(n, "it counts as", "they count as"))
	}
	return out
}

// leftOut says which images take no part, and why.
func (d *dataset) leftOut() []string {
	var out []string
	if n := d.index(split.Training).Incomplete + d.index(split.Validation).Incomplete; n > 0 {
		out = append(out, fmt.Sprintf("%s features of some of the networks only and %s left out: ingest the photos with each network",
			choose(n, "1 image has", fmt.Sprintf("%d images have", n)), choose(n, "is", "are")))
	}
	if n := d.strangers[split.Validation]; n > 0 {
		out = append(out, fmt.Sprintf("%s without a training image, so %s left out: add photos of such labels", labelled(n, split.Validation),
			choose(n, "it is", "they are")))
	}
	return out
}

// labelled begins a sentence on the labels of n images of a split.
func labelled(n int, s split.Split) string {
	return fmt.Sprintf("%s of the %v split %s", images(n, ""), s, choose(n, "has a label", "have labels"))
}

// choose returns the word for one thing or for several.
func choose(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

// images counts images of a kind: "1 validation image", "20 validation images".
func images(n int, kind string) string {
	if n == 1 {
		return "1 " + kind + "image"
	}
	return fmt.Sprintf("%d %simages", n, kind)
}

// labelsWhere returns the labels whose number of images in a split fulfils a
// condition.
func (d *dataset) labelsWhere(s split.Split, cond func(n int) bool) []string {
	var labels []string
	for l, keys := range d.index(s).Keys {
		if cond(len(keys)) {
			labels = append(labels, d.labels[l])
		}
	}
	return labels
}

// list joins some names for a message.
func list(names []string) string {
	const most = 5
	var quoted []string
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	s := strings.Join(quoted, ", ")
	if more := len(names) - most; more > 0 {
		s += fmt.Sprintf(" and %d more labels", more)
	}
	return s
}

// Fresh tells whether a head's training images are still those of the store: none
// was added, removed or relabelled, and none changed its split.
func (h *Head) Fresh(db *store.DB) (bool, error) {
	ix, err := db.Index(h.Models, split.Training)
	if err != nil {
		return false, err
	}
	now := ix.Fingerprint()
	return string(now[:]) == string(h.Trained.Fingerprint), nil
}
