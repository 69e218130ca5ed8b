package cli

import (
	"fmt"
	"strings"

	"featstore/extract"
)

// planFlags say whether the steps of a network are listed, and timed.
type planFlags struct{ plan, time, cuts bool }

// printPlan lists the steps of the plan.
func (a *app) printPlan(p *extract.Plan) {
	if p == nil || len(p.Lines) == 0 {
		return
	}
	timed, t := false, &table{right: "rllllrr"}
	for _, l := range p.Lines {
		timed = timed || l.Milliseconds > 0
	}
	head := []string{"step", "operation", "node", "shapes", "algorithm", "weights", "MACs"}
	if timed {
		t.right += "rrr"
		head = append(head, "ms", "GFLOP/s", "share")
	}
	t.row(head...)
	total := 0.0
	for i, l := range p.Lines {
		cells := []string{fmt.Sprint(i + 1), l.Operation, l.Node, shapesText(l), l.Algorithm, sizeOrNone(l.WeightBytes), macsText(l.MACs)}
		if timed {
			total += l.Milliseconds
			rate := ""
			if l.GFLOPS > 0 {
				rate = fmt.Sprintf("%.0f", l.GFLOPS)
			}
			cells = append(cells, fmt.Sprintf("%.3f", l.Milliseconds), rate, fmt.Sprintf("%.1f %%", 100*l.Share))
		}
		t.row(cells...)
	}
	if timed {
		t.row("", "all steps", "", "", "", "", macsText(p.MACs), fmt.Sprintf("%.3f", total), "", "")
	}
	t.write(a.Out, "  ")
}

func shapesText(l extract.PlanLine) string {
	var in []string
	for _, s := range l.Inputs {
		in = append(in, shapeText(s))
	}
	if l.Output == nil {
		return ""
	}
	return strings.Join(in, ", ") + " → " + shapeText(l.Output)
}

func sizeOrNone(bytes int) string {
	if bytes == 0 {
		return ""
	}
	return bytesText(int64(bytes))
}

func macsText(macs int64) string {
	if macs == 0 {
		return ""
	}
	return magnitude(macs)
}
