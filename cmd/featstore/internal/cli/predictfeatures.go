package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/extract/userfile"
	"featstore/store"
	"featstore/store/importer"
)

// checkFeatures refuses what does not go with --features.
func (q *predicting) checkFeatures(cmd *cobra.Command, args []string) error {
	if !cmd.Flags().Changed("features") {
		if cmd.Flags().Changed("paths") {
			return usagef("--paths goes with --features")
		}
		return nil
	}
	if len(args) > 0 {
		return usagef("--features: its rows are predicted, so no photos are taken")
	}
	for _, flag := range []string{"average", "watch", "sort-into", "null", "model", "workers"} {
		if cmd.Flags().Changed(flag) {
			return usagef("--features and --%s: there are no photos", flag)
		}
	}
	return nil
}

// predictFeatures predicts rows of vectors that were computed elsewhere.
func (a *app) predictFeatures(ctx context.Context, q predicting) (err error) {
	src, err := importer.Open(q.features, importer.Options{Paths: q.paths, OpenFile: userfile.Open})
	if err != nil {
		return importAdvice(fmt.Errorf("read %s: %w", q.features, err))
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	p, err := a.newFeaturePredictor(q, src)
	if err != nil {
		return err
	}
	if err := p.table.header(); err != nil {
		return err
	}
	var done predictionCount
	progress, stop := func(int, int) {}, func() {}
	if !p.json && !isTerminal(p.Out) {
		progress, stop = a.watchRows("predict")
	}
	defer stop()
	err = src.Each(ctx, true, func(r *importer.Row) error {
		done.photos++
		progress(done.photos, max(src.Rows, 0))
		said, err := p.predictRow(r)
		if err != nil {
			return err
		}
		if said.err != "" {
			done.failed++
		}
		return p.show(said)
	})
	if errors.Is(err, importer.ErrSource) {
		err = importAdvice(fmt.Errorf("read %s: %w", q.features, err))
	}
	if err != nil {
		return err
	}
	return someFailed(done.failed, done.photos)
}

// newFeaturePredictor reads the heads, which must take vectors of the file's size.
func (a *app) newFeaturePredictor(q predicting, src *importer.Source) (*predictor, error) {
	p, err := a.featureHeads(q)
	if err != nil {
		return nil, err
	}
	p.top, p.least, p.reject, p.table = q.top, q.least, q.reject, newPredictionTable(p, q.format)
	for _, h := range p.heads {
		h.networks = []int{0}
		if h.Dim != src.Dim {
			return nil, hint(fmt.Errorf("head %q takes %s, the rows of %s have %s", h.name, count(h.Dim, "feature"), q.features, grouped(src.Dim)),
				"they must be of what it was trained on, the features of several networks one behind the other")
		}
	}
	return p, p.checkReject(q)
}

// featureHeads reads heads, of a store or of a file, which need no networks.
func (a *app) featureHeads(q predicting) (*predictor, error) {
	if q.classifier != "" {
		return a.openPredictor(q, extract.ModelLimits{})
	}
	p := &predictor{app: a}
	err := a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
		for _, name := range q.heads {
			h, err := a.loadHead(db, name)
			if err != nil {
				return err
			}
			p.heads = append(p.heads, h)
		}
		return nil
	})
	return p, err
}

// predictRow predicts one row of vectors.
func (p *predictor) predictRow(r *importer.Row) (predicted, error) {
	out := predicted{photo: ingest.PhotoFile{Path: r.Name()}, err: r.Problem}
	if out.err != "" {
		return out, nil
	}
	for _, h := range p.heads {
		said, err := p.ask(h, [][][]float32{{r.Vector}})
		if err != nil {
			return out, err
		}
		said.Path = r.Name()
		out.by = append(out.by, said)
	}
	return out, nil
}
