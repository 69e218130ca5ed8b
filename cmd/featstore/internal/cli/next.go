package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"featstore/store"
	"featstore/train"
)

// A nextRequest is what the command line asks for.
type nextRequest struct {
	count  int
	seed   uint64
	models []string
}

func nextCommand(a *app) *cobra.Command {
	var r nextRequest
	cmd := &cobra.Command{
		Use:   "next",
		Short: "Say which photos to label next",
		Long: `Chooses photos without a label (ingest --unlabelled) such that labelling them teaches
most: those that a classifier is least decided about, as long as they differ from each
other. It learns from the labels that there are, except those of the testing split, and
needs no trained head. Without two labels it chooses typical photos of all kinds.

Labelling 20 photos at a time this way, 100 handwritten digits teach about as much as 180
drawn at random. To label photos, put them into folders named after the labels, and
run ingest on these.

JSON, a line a photo, the least decided first: path, likely, probability, margin (by which
likely is more probable than the next), rank.` + storeExits(),
		Example: `  featstore ingest ./new_photos --unlabelled
  featstore next --count 20`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.count < 1 {
				return usagef("--count %d: want a number of at least 1", r.count)
			}
			return a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error { return a.next(cmd.Context(), db, r) })
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&r.count, "count", 20, "photos to name")
	flags.Uint64Var(&r.seed, "seed", 0, "seed of every random choice")
	flags.StringSliceVar(&r.models, "model", nil, "models whose vectors are used, ids or names, joined by commas (default: the store's only one)")
	return cmd
}

// A nextLine is a photo to label, as JSON.
type nextLine struct {
	Path        string  `json:"path"`
	Likely      string  `json:"likely"` // "" where there is nothing to learn from
	Probability float64 `json:"probability"`
	Margin      float64 `json:"margin"`
	Rank        int     `json:"rank"` // from 1; copies of a photo share it
}

// next shows the photos to label next.
func (a *app) next(ctx context.Context, db *store.DB, r nextRequest) error {
	models, err := trainingModels(db, r.models)
	if err != nil {
		return err
	}
	progress, stop := a.watchPhotos("read vectors")
	s, err := train.Next(ctx, db, train.NextOptions{Models: models, Count: r.count, Seed: r.seed, Progress: progress})
	stop()
	if errors.Is(err, train.ErrNoUnlabelled) {
		return hint(err, "%s brings some in", run("ingest", "FOLDER", "--unlabelled"))
	}
	if err != nil {
		return trainAdvice(err)
	}
	if a.json {
		return a.emitNext(s)
	}
	fmt.Fprintf(a.Out, "%s to label next, of %s without a label; learnt from %s\n", count(len(s.Photos), "photo"), grouped(s.Unlabelled),
		count(s.Labelled, "photo"))
	t := table{right: "ll"}
	for _, p := range s.Photos {
		likely := ""
		if p.Likely != "" {
			likely = fmt.Sprintf("%s %.0f %%", p.Likely, 100*p.Probability)
		}
		t.row(likely, strings.Join(p.Paths, " = "))
	}
	t.write(a.Out, "  ")
	return nil
}

func (a *app) emitNext(s *train.Suggestions) error {
	for i, p := range s.Photos {
		for _, path := range p.Paths {
			if err := a.emit(nextLine{path, p.Likely, p.Probability, p.Margin, i + 1}); err != nil {
				return err
			}
		}
	}
	return nil
}
