package page

import (
	"fmt"
	"math"
	"slices"

	"featstore/split"
	"featstore/train"
	"featstore/train/report"
)

// An accuracyView is the accuracy in words, and the interval as a bar.
type accuracyView struct {
	*report.Evaluation
	Unseen bool // the photos had no part in the training
	Words  string
}

func viewAccuracy(e *report.Evaluation) *accuracyView {
	v := &accuracyView{Evaluation: e, Unseen: e.Split == split.Testing && e.Fresh}
	a := e.Accuracy
	width := a.High - a.Low
	switch {
	case width > 0.2:
		v.Words = "That is a wide range: with so few photos to test on, the figure says little. More photos will tell."
	case width > 0.06:
		v.Words = "Two figures that differ by less than this range may be the same by chance."
	default:
		v.Words = "That is a narrow range: the figure can be relied on for photos like these."
	}
	return v
}

// X is a place on the bar, from 0 to 1,000.
func (v *accuracyView) X(share float64) string { return fmt.Sprintf("%.1f", 1000*share) }

// Width is a length on it.
func (v *accuracyView) Width(low, high float64) string { return fmt.Sprintf("%.1f", 1000*(high-low)) }

// A confusionView is the confusion matrix as a picture, with the photos behind each cell.
type confusionView struct {
	Labels []string
	Rows   []confusionRow
	Cells  []cellView
	More   int // labels that are not shown
}

type confusionRow struct {
	Label string
	Cells []confusionCell
}

type confusionCell struct {
	Count int
	Level int // of its colour, 0 to 8
	Right bool
	ID    string // of its photos, "" for none
	Words string
}

type cellView struct {
	ID      string
	Title   string
	Photos  []report.Judged
	More    int
	Mistake bool
}

// mostInMatrix is how many labels a matrix has at most; of more, those confused most often.
const mostInMatrix = 30

func viewConfusion(e *report.Evaluation) *confusionView {
	c := e.Confusion
	shown := shownLabels(c)
	v := &confusionView{More: len(c.Labels) - len(shown)}
	id := map[[2]string]string{}
	for _, cell := range e.Cells {
		t, p := slices.Index(c.Labels, cell.Truth), slices.Index(c.Labels, cell.Predicted)
		if !slices.Contains(shown, t) || !slices.Contains(shown, p) {
			continue
		}
		key := [2]string{cell.Truth, cell.Predicted}
		id[key] = fmt.Sprintf("cell-%d-%d", t+1, p+1)
		title := fmt.Sprintf("%s, rightly named", clean(cell.Truth))
		if t != p {
			title = fmt.Sprintf("%s, taken for %s", clean(cell.Truth), clean(cell.Predicted))
		}
		n := min(mostInCell, len(cell.Photos))
		v.Cells = append(v.Cells, cellView{id[key], title, cell.Photos[:n], len(cell.Photos) - n, t != p})
	}
	for _, t := range shown {
		row := confusionRow{Label: c.Labels[t]}
		support := 0
		for _, n := range c.Counts[t] {
			support += n
		}
		for _, p := range shown {
			n := c.Counts[t][p]
			cell := confusionCell{Count: n, Right: t == p, ID: id[[2]string{c.Labels[t], c.Labels[p]}]}
			if n > 0 {
				cell.Level = 1 + int(math.Round(7*float64(n)/float64(support)))
			}
			cell.Words = fmt.Sprintf("%s: %s taken for %s", count(n, "photo"), clean(c.Labels[t]), clean(c.Labels[p]))
			row.Cells = append(row.Cells, cell)
		}
		v.Rows = append(v.Rows, row)
	}
	for _, t := range shown {
		v.Labels = append(v.Labels, c.Labels[t])
	}
	return v
}

// shownLabels are those of the matrix.
func shownLabels(c *train.Confusion) []int {
	all := make([]int, len(c.Labels))
	wrong := make([]int, len(c.Labels))
	for t, row := range c.Counts {
		all[t] = t
		for p, n := range row {
			if t != p {
				wrong[t], wrong[p] = wrong[t]+n, wrong[p]+n
			}
		}
	}
	if len(all) <= mostInMatrix {
		return all
	}
	slices.SortStableFunc(all, func(a, b int) int { return wrong[b] - wrong[a] })
	all = all[:mostInMatrix]
	slices.Sort(all)
	return all
}
