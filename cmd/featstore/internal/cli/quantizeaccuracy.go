package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/store"
	"featstore/train"
)

// comparableRoots returns the folders whose photos the store knows, at least one.
func (a *app) comparableRoots() (roots []store.Root, err error) {
	err = a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
		return db.View(func(tx *store.Tx) error {
			roots, err = tx.Roots()
			if err == nil && len(roots) == 0 {
				err = hint(fmt.Errorf("store %s has no photos to compare accuracies on", a.store), "fill it first: %s", run("ingest", "FOLDER"))
			}
			return err
		})
	})
	return roots, err
}

// compareAccuracy cross-validates heads on the features of both networks, of the photos
// below the roots. The store that these are from stays as it is.
func (a *app) compareAccuracy(ctx context.Context, roots []store.Root, exact, rounded *extract.Network, opt train.CVOptions) (err error) {
	dir, err := os.MkdirTemp("", "featstore-quantize-")
	if err != nil {
		return fmt.Errorf("make a store for the comparison: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := store.Open(filepath.Join(dir, "compare.db"), store.Options{Create: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, r := range roots {
		if _, err := a.runIngest(ctx, db, []*extract.Network{exact, rounded}, r.Path, ingest.Options{Layout: &r.Layout}); err != nil {
			return ingestAdvice(err, r.Path)
		}
	}
	var candidates []train.Candidate
	for _, n := range []struct {
		name    string
		network *extract.Network
	}{{"float", exact}, {"8 bits", rounded}} {
		cfg := train.DefaultConfig()
		cfg.Kind, cfg.Models = train.KindLogistic, []string{n.network.Info().ID}
		candidates = append(candidates, train.Candidate{Name: n.name, Config: cfg})
	}
	events, stop := a.trainEvents()
	c, err := train.CrossValidate(ctx, db, candidates, opt, events)
	stop()
	if err != nil {
		return trainAdvice(err)
	}
	if a.json {
		a.emitEvent("comparison", c)
		return nil
	}
	fmt.Fprintln(a.Out, c)
	for _, pair := range c.Pairs {
		fmt.Fprintln(a.Out, printable(pair.String()))
	}
	return nil
}
