package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"featstore/extract"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// unknownResult says what a head makes of photos of other things, as JSON.
type unknownResult struct {
	Folder string `json:"folder"`
	*train.UnknownReport
	LeftOut  int          `json:"left_out"` // of the folder: their bytes are in the store
	Failed   int          `json:"failed"`
	Mistakes []prediction `json:"mistakes"` // taken for a label, most confident first
}

// evaluateUnknown judges how well a head tells photos of other things from its labels.
func (a *app) evaluateUnknown(ctx context.Context, e evaluation, most extract.ModelLimits) error {
	name := e.heads[0]
	p, err := a.newPredictor([]string{name}, nil, most)
	if err != nil {
		return err
	}
	p.top, p.reject, p.digests = 1, true, true
	head := p.heads[0].Head
	if _, ok := head.Similarity(make([]float32, head.Dim)); !ok {
		return hint(fmt.Errorf("head %q: %w", name, train.ErrCannotReject), "train it with one: %s", retrainToReject(name, head, len(p.networks) > 1))
	}
	var all []prediction
	done, err := p.run(ctx, photoSource{app: a, args: []string{e.unknown}}, 0, true, func(r predicted) error {
		if r.err != "" {
			a.warn("%s: %s", r.photo.Path, r.err)
			return nil
		}
		all = append(all, r.by...)
		return nil
	})
	if err != nil {
		return err
	}
	result := unknownResult{Folder: e.unknown, Failed: done.failed}
	err = a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
		unknown, err := notInStore(db, all)
		if err != nil {
			return err
		}
		result.LeftOut = len(all) - len(unknown)
		all = unknown
		var similarities []float64
		for _, r := range unknown {
			similarities = append(similarities, *r.Similarity)
		}
		result.UnknownReport, err = train.EvaluateUnknown(ctx, db, head, similarities)
		return err
	})
	if errors.Is(err, train.ErrTooFew) {
		return hint(errors.New("no photo of other things to judge by"), "give a folder of photos that show none of the labels")
	}
	if err != nil {
		return err
	}
	result.Mistakes = acceptedFirst(all)
	if err := a.reportUnknown(result, e.misses); err != nil {
		return err
	}
	if done.failed > 0 {
		return &exitError{code: exitSomeFailed}
	}
	return nil
}

// notInStore leaves out the photos whose bytes the store has: they are not unknown.
func notInStore(db *store.DB, all []prediction) (unknown []prediction, err error) {
	err = db.View(func(tx *store.Tx) error {
		for _, r := range all {
			labels, err := tx.Labels(r.digest)
			if err != nil {
				return err
			}
			if len(labels) == 0 {
				unknown = append(unknown, r)
			}
		}
		return nil
	})
	return unknown, err
}

// acceptedFirst returns the photos that were not rejected, the most similar first.
func acceptedFirst(all []prediction) []prediction {
	accepted := slices.DeleteFunc(slices.Clone(all), func(r prediction) bool { return r.Rejected })
	slices.SortStableFunc(accepted, func(a, b prediction) int { return cmp.Compare(*b.Similarity, *a.Similarity) })
	return append([]prediction{}, accepted...)
}

func (a *app) reportUnknown(r unknownResult, most int) error {
	if r.LeftOut > 0 {
		a.warn("%s of %s %s in the store under a label, and left out", count(r.LeftOut, "photo"), r.Folder, plural(r.LeftOut, "is", "are"))
	}
	if a.json {
		return a.emit(r)
	}
	what := map[split.Split]string{split.Testing: "testing", split.Validation: "validation (used to choose the threshold)"}[r.KnownSplit]
	fmt.Fprintf(a.Out, "Photos of other things rejected = %v\n", r.Rejected)
	fmt.Fprintf(a.Out, "Photos of known labels rejected, %s split = %v\n", what, r.Known)
	fmt.Fprintf(a.Out,
		"AUROC = %.3f (95%% interval %.3f to %.3f): how often a photo of a label is nearer to the training photos than one of another thing\n",
		r.AUROC.Area, r.AUROC.Low, r.AUROC.High)
	if len(r.Mistakes) == 0 || most == 0 {
		return nil
	}
	fmt.Fprintf(a.Out, "\ntaken for a label, most similar first (threshold %.3f):\n", r.Threshold)
	t := table{right: "rll"}
	for _, m := range r.Mistakes[:min(most, len(r.Mistakes))] {
		t.row(fmt.Sprintf("%.3f", *m.Similarity), fmt.Sprintf("%s %.1f %%", m.Label, 100*m.Probability), m.Path)
	}
	t.write(a.Out, "  ")
	if more := len(r.Mistakes) - most; more > 0 {
		fmt.Fprintf(a.Out, "  and %s more: --misses names them\n", grouped(more))
	}
	return nil
}
