package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"featstore/extract/ingest"
	"featstore/extract/photo"
	"featstore/store"
)

// defaultAugment is what views are like unless --augment says otherwise.
const defaultAugment = "flip,crop=10,scale=10,brightness=10"

// viewsFlags say which views of training photos are kept.
type viewsFlags struct {
	count   int
	augment string
}

func (f *viewsFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.count, "views", 0, "views to keep of each training photo; 0 removes them (default: as many as the store has)")
	flags.StringVar(&f.augment, "augment", defaultAugment, "with --views: how they differ from the photo")
}

// apply puts the flags into opt.
func (f *viewsFlags) apply(cmd *cobra.Command, opt *ingest.Options) error {
	changed := cmd.Flags().Changed
	switch {
	case !changed("views") && changed("augment"):
		return usagef("--augment goes with --views, which says how many")
	case !changed("views"):
		return nil
	case f.count < 0 || f.count > store.MaxViews:
		return usagef("--views %d: want 0 to %d", f.count, store.MaxViews)
	case f.count == 0 && changed("augment"):
		return usagef("--views 0 removes views: it takes no --augment")
	}
	augment, err := photo.ParseAugment(f.augment)
	if err != nil {
		return &usageError{err: fmt.Errorf("--augment: %w", err)}
	}
	opt.Views = &ingest.Views{Count: f.count, Augment: augment}
	return nil
}

// viewStats is what stats shows of a network's views.
type viewStats struct {
	Count     int    `json:"count"` // of each training photo
	Augment   string `json:"augment"`
	Vectors   int    `json:"vectors"`
	Missing   int    `json:"missing"`
	Elsewhere int    `json:"elsewhere"` // of photos that have left the training split
}

func viewStatsOf(m store.ModelStats) *viewStats {
	v := m.ViewVectors
	if v == nil {
		return nil
	}
	return &viewStats{v.Count, augmentText(v.Augment), v.Vectors, v.Missing, v.Elsewhere}
}

// augmentText is an augmentation as --augment takes it.
func augmentText(canonical string) string {
	text, _, _ := strings.Cut(canonical, ";")
	return text
}

// lackingViews says which networks lack views, and the command that computes them. With
// ids, only these networks are looked at.
func (a *app) lackingViews(st store.Stats, ids ...string) []string {
	folder := "FOLDER"
	if len(st.Roots) == 1 {
		folder = argument(st.Roots[0].Path)
	}
	var lacking []string
	for _, m := range st.Models {
		if v := m.ViewVectors; v != nil && v.Missing > 0 && (len(ids) == 0 || slices.Contains(ids, m.ID)) {
			lacking = append(lacking, a.text("%s lacks %s of training photos: %s computes them", describeModel(m.Model), count(v.Missing, "view"),
				run("ingest", folder)))
		}
	}
	return lacking
}

// adviseViews says how views come to be there that a head would be trained on. That they
// are missing, training says itself.
func (a *app) adviseViews(db *store.DB, ids []string) error {
	var models []store.Model
	err := db.View(func(tx *store.Tx) (err error) { models, err = tx.Models(); return err })
	if err != nil || !slices.ContainsFunc(models, func(m store.Model) bool { return m.Views != nil }) {
		return err
	}
	st, err := db.Stats()
	for _, lacking := range a.lackingViews(st, ids...) {
		a.hint(lacking)
	}
	return err
}
