package cli

import (
	"fmt"
	"strconv"
	"strings"

	"featstore/train"
)

// printReport shows how good a head is on a split.
func (a *app) printReport(r *train.Report, misses int) {
	fmt.Fprintln(a.Out, r)
	fmt.Fprintln(a.Out, r.Interval())
	for _, k := range r.TopK {
		if k.K > 1 {
			fmt.Fprintf(a.Out, "the right label is among the %d most probable: %.1f%%\n", k.K, 100*k.Accuracy.Share)
		}
	}
	a.printLabelScores(r)
	a.printConfusion(r)
	fmt.Fprintf(a.Out, "\nprobabilities: log loss %.3f, Brier score %.3f, calibration error %.1f%%\n", r.LogLoss, r.Brier, 100*r.ECE)
	if r.Reject != nil {
		fmt.Fprintf(a.Out, "--reject takes for none of the labels: %v; of the others %.1f%% are right\n", r.Reject.Share, 100*r.Reject.Accepted.Share)
	}
	a.printMisses(r.Misses, misses)
	for _, w := range r.Warnings {
		a.warn("%s", w)
	}
}

func (a *app) printLabelScores(r *train.Report) {
	percent := func(x float64) string { return fmt.Sprintf("%.1f%%", 100*x) }
	t := table{right: "lrrrr"}
	t.row("label", "precision", "recall", "F1", "photos")
	for _, l := range r.Labels {
		if l.Support == 0 {
			t.row(l.Label, "–", "–", "–", "0") // none of the figures means anything
			continue
		}
		t.row(l.Label, percent(l.Precision), percent(l.Recall), percent(l.F1), grouped(l.Support))
	}
	t.row("mean", percent(r.Macro.Precision), percent(r.Macro.Recall), percent(r.Macro.F1), grouped(r.Accuracy.Total))
	fmt.Fprintln(a.Out)
	t.write(a.Out, "  ")
}

// widestMatrix is the number of labels up to which a matrix is readable.
const widestMatrix = 20

// printConfusion shows what is taken for what: a matrix, or for many labels the
// worst pairs.
func (a *app) printConfusion(r *train.Report) {
	if len(r.Confusion.Labels) > widestMatrix {
		t := table{right: "llrr"}
		t.row("is", "taken for", "times", "of")
		for _, m := range r.Confusion.Worst(widestMatrix) {
			t.row(m.Truth, m.Predicted, grouped(m.Count), grouped(m.Support))
		}
		fmt.Fprintln(a.Out)
		t.write(a.Out, "  ")
		return
	}
	t := table{right: "rl" + strings.Repeat("r", len(r.Confusion.Labels))}
	head := []string{"", "is \\ taken for"}
	for i := range r.Confusion.Labels {
		head = append(head, strconv.Itoa(i+1))
	}
	t.row(head...)
	for i, label := range r.Confusion.Labels {
		row := []string{strconv.Itoa(i + 1), label}
		for _, n := range r.Confusion.Counts[i] {
			if n == 0 {
				row = append(row, "·")
			} else {
				row = append(row, grouped(n))
			}
		}
		t.row(row...)
	}
	fmt.Fprintln(a.Out)
	t.write(a.Out, "  ")
}

func (a *app) printMisses(misses []train.Miss, most int) {
	if len(misses) == 0 || most <= 0 {
		return
	}
	fmt.Fprintf(a.Out, "\nwrong, most confident first: is the label right?\n")
	t := table{right: "lrl"}
	for i, m := range misses {
		if i == most {
			break
		}
		t.row("is "+m.Truth, fmt.Sprintf("%s %.1f %%", m.Predicted, 100*m.Probability), strings.Join(m.Paths, " = "))
	}
	t.write(a.Out, "  ")
	if more := len(misses) - most; more > 0 {
		fmt.Fprintf(a.Out, "  and %s more: --misses names them\n", grouped(more))
	}
}
