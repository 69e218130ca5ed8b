package cli

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

// show prints what is said of a photo, after it has been put into its folder, if it is to be
// sorted.
func (p *predictor) show(r predicted) error {
	if r.err == "" && p.sorter != nil {
		if err := p.sorter.place(p.ctx, &r); err != nil {
			return err
		}
	}
	if r.err != "" {
		return p.photoFailed(r.photo.Path, r.err)
	}
	for _, said := range r.by {
		var err error
		switch {
		case p.table != nil:
			err = p.table.write(said)
		case p.json:
			err = p.emit(said)
		default:
			_, err = fmt.Fprintf(p.Out, "%s: %s\n", printable(said.Path), printable(p.text(said)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// text says in words what a head makes of a photo.
func (p *predictor) text(said prediction) string {
	var parts []string
	for _, l := range said.Top {
		parts = append(parts, fmt.Sprintf("%s %.1f %%", l.Label, 100*l.Probability))
	}
	text := strings.Join(parts, ", ")
	switch {
	case said.Rejected:
		text = "none of the labels (" + text + ")"
	case said.Unsure:
		text = "unsure (" + text + ")"
	}
	if len(p.heads) > 1 {
		text = said.Head + ": " + text
	}
	switch said.Sorted {
	case sortWould:
		text += " → " + said.SortedTo + " (not yet)"
	case sortDone:
		text += " → " + said.SortedTo
	case sortBefore:
		text += " → " + said.SortedTo + " (there before)"
	}
	return text
}

// A predictionTable writes predictions as CSV or TSV: see the help of predict.
type predictionTable struct {
	*csv.Writer
	top int
}

// newPredictionTable returns nil for no format. A terminal gets names made harmless, files and
// pipes get them as they are.
func newPredictionTable(p *predictor, format string) *predictionTable {
	if format == "" {
		return nil
	}
	out := p.Out
	if !isTerminal(out) {
		out = bare(out)
	}
	t := &predictionTable{csv.NewWriter(out), p.top}
	if format == formatTSV {
		t.Comma = '\t'
	}
	return t
}

// header writes the names of the columns.
func (t *predictionTable) header() error {
	if t == nil {
		return nil
	}
	row := []string{"path", "head", "label", "probability", "rejected", "unsure", "similarity", "sorted_to"}
	for k := 2; k <= t.top; k++ {
		row = append(row, fmt.Sprintf("label_%d", k), fmt.Sprintf("probability_%d", k))
	}
	return t.flush(row)
}

// write writes the row of a prediction.
func (t *predictionTable) write(said prediction) error {
	similarity := ""
	if said.Similarity != nil {
		similarity = number(*said.Similarity)
	}
	row := []string{said.Path, said.Head, said.Label, number(said.Probability), strconv.FormatBool(said.Rejected), strconv.FormatBool(said.Unsure),
		similarity, said.SortedTo}
	for k := 1; k < t.top; k++ {
		if k < len(said.Top) {
			row = append(row, said.Top[k].Label, number(said.Top[k].Probability))
		} else {
			row = append(row, "", "")
		}
	}
	return t.flush(row)
}

func (t *predictionTable) flush(row []string) error {
	if err := t.Write(row); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	t.Flush()
	if err := t.Error(); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// number writes all digits that a number has.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
