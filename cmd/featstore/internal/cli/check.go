package cli

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"

	"featstore/store"
	"featstore/train"
)

func checkCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Read the whole store and report damage",
		Long: `Reads every page, record and vector of the store and checks all that can be
checked: checksums, references in both directions, and that each vector lies where
its photo's label and split put it. Nothing is changed. Others can read the store
meanwhile, and write to it when the check is done: it is of one state.

JSON, one object: problems, more_problems, images, vectors, views, finished, ok.` + storeExits(),
		Example: "  featstore check",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var done, total atomic.Int64
			stop := a.watch(func() gauge { return gauge{"check", "part", done.Load(), total.Load()} })
			r, err := a.check(cmd.Context(), func(d, t int64) { done.Store(d); total.Store(t) })
			stop()
			if err != nil {
				return err
			}
			return a.reportCheck(r)
		},
	}
}

// check checks the store, and the parameters of its heads, which only package train
// understands. That it is too damaged to be opened is a result too.
func (a *app) check(ctx context.Context, progress func(done, total int64)) (r store.Report, err error) {
	db, err := store.Open(a.store, a.patient(store.Options{ReadOnly: true}))
	if errors.Is(err, store.ErrCorrupt) {
		return store.Report{Problems: []string{err.Error()}}, nil
	}
	if err != nil {
		return r, err
	}
	defer db.Close()
	if r, err = db.Check(ctx, progress); err != nil || !r.Finished {
		return r, err
	}
	return r, db.View(func(tx *store.Tx) error {
		heads, _ := tx.Heads() // the others are reported
		for _, h := range heads {
			if _, err := train.FromRecord(h); err != nil {
				r.Problems = append(r.Problems, err.Error())
			}
		}
		return nil
	})
}

func (a *app) reportCheck(r store.Report) error {
	if a.json {
		if r.Problems == nil {
			r.Problems = []string{}
		}
		if err := a.emit(struct {
			store.Report
			OK bool `json:"ok"`
		}{r, r.OK()}); err != nil {
			return err
		}
	} else if r.OK() {
		vectors := count(r.Vectors, "vector")
		if r.Views > 0 {
			vectors += ", " + grouped(r.Views) + " of views"
		}
		fmt.Fprintf(a.Out, "%s is in order: %s, %s\n", printable(a.store), count(r.Images, "photo"), vectors)
	} else {
		for _, p := range r.Problems {
			fmt.Fprintln(a.Out, printable(p))
		}
	}
	if r.OK() {
		return nil
	}
	return &exitError{exitCorrupt, fmt.Errorf("%s: %w: %s", a.store, store.ErrCorrupt, count(len(r.Problems)+r.More, "problem"))}
}
