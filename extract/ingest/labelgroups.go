package ingest

import (
	"context"
	"errors"
	"path/filepath"

	"featstore/split"
	"featstore/store"
	"featstore/store/ownsplit"
)

// said is the split that a list gives a photo: 0 for none, else one more than the split.
type said uint8

func says(s split.Split) said { return said(s) + 1 }

func (s said) split() (split.Split, bool) { return split.Split(s - 1), s > 0 }

// groupPhotos puts each group that the list of labels names into one split. It comes last:
// where a group goes depends on the labels in the store.
func (r *run) groupPhotos(ctx context.Context) error {
	if r.source.GroupColumn == "" {
		return nil
	}
	var wants []ownsplit.Want
	err := r.db.View(func(tx *store.Tx) error {
		for _, f := range r.list.files {
			image, err := tx.Image(r.root, f.path)
			if errors.Is(err, store.ErrNotFound) {
				continue // it could not be used
			}
			if err != nil {
				return err
			}
			w := ownsplit.Want{Path: filepath.Join(r.list.root, filepath.FromSlash(f.path)), Digest: image.Digest, Group: f.group, Free: true}
			if s, ok := f.said.split(); ok {
				w.Split, w.Free = s, false
			}
			wants = append(wants, w)
		}
		return nil
	})
	if err != nil {
		return err
	}
	groups, err := ownsplit.GroupWants(wants)
	if err != nil {
		return err
	}
	done, err := ownsplit.SetGroups(ctx, r.db, groups, nil)
	if err != nil {
		return err
	}
	r.report.Groups = &done
	if done.Moved == 0 || !r.keepsViews() {
		return nil
	}
	return r.again(ctx)
}

// keepsViews tells whether training photos have views: photos that came into the training
// split lack theirs.
func (r *run) keepsViews() bool {
	for _, a := range r.augment {
		if a != nil {
			return true
		}
	}
	return false
}

// again computes what is missing since photos changed their split. The report counts files
// once, so only what was computed is added.
func (r *run) again(ctx context.Context) error {
	first := r.report
	r.report = newTally(r.list, r.networks)
	r.claims = claims{}
	defer func() {
		first.Computed += r.report.Computed
		first.Views += r.report.Views
		for i := range first.Models {
			first.Models[i].Computed += r.report.Models[i].Computed
		}
		r.report = first
	}()
	work, err := r.plan()
	if err != nil {
		return err
	}
	r.writer = r.db.NewWriter(store.WriterOptions{})
	err = r.each(ctx, work.fresh)
	return errors.Join(err, r.writer.Close())
}
