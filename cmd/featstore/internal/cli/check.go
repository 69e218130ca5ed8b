package cli

import (
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
its photo's label and split put it. Nothing is changed.

JSON, one object: problems, more_problems, images, vectors, finished, ok.` + storeExits(),
		Example: "  featstore check",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var done, total atomic.Int64
			stop := a.watch(func() gauge { return gauge{"check", "part", done.Load(), total.Load()} })
			r, err := store.CheckFile(cmd.Context(), a.store, func(d, t int64) { done.Store(d); total.Store(t) })
			if err == nil && r.Finished {
				err = a.checkHeads(&r)
			}
			stop()
			if err != nil {
				return err
			}
			return a.reportCheck(r)
		},
	}
}

// checkHeads adds heads whose parameters cannot be used, which only package train can
// tell.
func (a *app) checkHeads(r *store.Report) error {
	db, err := store.Open(a.store, store.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *store.Tx) error {
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
		fmt.Fprintf(a.Out, "%s is in order: %s, %s\n", printable(a.store), count(r.Images, "photo"), count(r.Vectors, "vector"))
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
