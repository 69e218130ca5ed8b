package report

import (
	"cmp"
	"context"
	"slices"

	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// An Evaluation is how good a head is on one split.
type Evaluation struct {
	Head  string `json:"head"`
	Kind  string `json:"kind"`
	Fresh bool   `json:"fresh"` // the photos are still those that it was trained on
	*train.Report
	Cells []Cell `json:"cells"` // those of the confusion matrix that have photos
}

// A Cell is the photos of one label that were taken for one, another or the same.
type Cell struct {
	Truth     string   `json:"truth"`
	Predicted string   `json:"predicted"`
	Photos    []Judged `json:"photos"` // the most confident first
}

// A Judged photo is one with the probability of what it was taken for.
type Judged struct {
	Digest      split.Digest `json:"digest"`
	Paths       []string     `json:"paths"`
	Probability float64      `json:"probability"`
}

// evaluate judges the head, and notes what each photo was taken for.
func (g *gatherer) evaluate(ctx context.Context) error {
	h := g.opt.Head
	if h == nil {
		return ErrNoHead
	}
	judged := map[split.Digest]verdict{}
	r, err := train.EvaluateBy(ctx, g.db, h, g.opt.Split, func(d split.Digest, row []float32, probs []float64) error {
		if err := h.Predict(row, probs); err != nil {
			return err
		}
		p := slices.Max(probs)
		judged[d] = verdict{h.Labels[slices.Index(probs, p)], p}
		return nil
	})
	if err != nil {
		return err
	}
	e := &Evaluation{Head: g.opt.Name, Kind: h.Kind, Report: r}
	if e.Fresh, err = h.Fresh(g.db); err != nil {
		return err
	}
	if e.Cells, err = cellsOf(g.db, judged); err != nil {
		return err
	}
	g.Evaluation = e
	return nil
}

// A verdict is what a head took a photo for.
type verdict struct {
	label       string
	probability float64
}

// cellsOf puts photos into the cells of the confusion matrix, in the order of labels.
func cellsOf(db *store.DB, judged map[split.Digest]verdict) ([]Cell, error) {
	cells := map[[2]string]*Cell{}
	err := db.View(func(tx *store.Tx) error {
		for d, v := range judged {
			im, err := train.ImageOf(tx, d)
			if err != nil {
				return err
			}
			key := [2]string{im.Label(), v.label}
			if cells[key] == nil {
				cells[key] = &Cell{Truth: key[0], Predicted: key[1]}
			}
			cells[key].Photos = append(cells[key].Photos, Judged{d, im.Paths, v.probability})
		}
		return nil
	})
	out := []Cell{}
	for _, c := range cells {
		slices.SortFunc(c.Photos, func(a, b Judged) int {
			return cmp.Or(cmp.Compare(b.Probability, a.Probability), a.Digest.Compare(b.Digest))
		})
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Truth, b.Truth), cmp.Compare(a.Predicted, b.Predicted))
	})
	return out, err
}
