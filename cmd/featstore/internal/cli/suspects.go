package cli

import (
	"context"
	"fmt"
	"strings"

	"featstore/store"
	"featstore/train"
)

// suspectLine is a photo whose label is doubted, as JSON.
type suspectLine struct {
	Path   string  `json:"path"`
	Label  string  `json:"label"`
	Likely string  `json:"likely"`
	Score  float64 `json:"score"`
	Split  string  `json:"split"`
	Rank   int     `json:"rank"` // from 1; copies of a photo share it
}

// suspects ranks photos by what speaks against their labels.
func (a *app) suspects(ctx context.Context, db *store.DB, e evaluation) error {
	models, err := trainingModels(db, e.models)
	if err != nil {
		return err
	}
	events, stop := a.trainEvents()
	all, err := train.Suspects(ctx, db, train.SuspectOptions{Models: models, Seed: e.cv.Seed}, func(e train.Event) {
		if !a.json { // a line is a photo
			events(e)
		}
	})
	stop()
	if err != nil {
		return trainAdvice(err)
	}
	if a.json {
		return a.emitSuspects(all)
	}
	doubted := 0
	for _, s := range all {
		if s.Score > 0.5 {
			doubted++
		}
	}
	fmt.Fprintf(a.Out, "%s of %s: another label is more probable, to heads trained without the photo; is the label right?\n", grouped(doubted),
		count(len(all), "photo"))
	t := table{right: "rllll"}
	for _, s := range all[:min(e.misses, len(all))] {
		t.row(fmt.Sprintf("%.3f", s.Score), "is "+s.Label, "likely "+s.Likely, s.Split.String(), strings.Join(s.Paths, " = "))
	}
	t.write(a.Out, "  ")
	if more := doubted - e.misses; more > 0 {
		fmt.Fprintf(a.Out, "  and %s more: --misses names them\n", grouped(more))
	}
	return nil
}

func (a *app) emitSuspects(all []train.Suspect) error {
	for i, s := range all {
		for _, path := range s.Paths {
			if err := a.emit(suspectLine{path, s.Label, s.Likely, s.Score, s.Split.String(), i + 1}); err != nil {
				return err
			}
		}
	}
	return nil
}
