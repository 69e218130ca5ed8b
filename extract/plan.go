package extract

import (
	"context"
	"time"
)

// A PlanLine is one step of a compiled network.
type PlanLine struct {
	Operation   string  `json:"operation"`           // what it computes
	Node        string  `json:"node"`                // the model's node that it is there for
	Inputs      [][]int `json:"inputs,omitempty"`    // shapes of the values that it reads, as in the model
	Output      []int   `json:"output,omitempty"`    // shape of its result
	Algorithm   string  `json:"algorithm,omitempty"` // how it computes that, where there are several ways
	WeightBytes int     `json:"weight_bytes"`        // packed weights, held once
	MACs        int64   `json:"macs"`                // multiplications by the direct method, with an addition each

	// Where the steps were timed:
	Milliseconds float64 `json:"milliseconds,omitempty"` // the shortest time of several runs, on one core
	GFLOPS       float64 `json:"gflops,omitempty"`       // billions of multiplications and additions a second
	Share        float64 `json:"share,omitempty"`        // of the time of all steps, from 0 to 1
}

// timedRounds is how often steps are timed.
const timedRounds = 10

// ListSteps fills Plan.Lines with the steps of the compiled network, in their order, and
// if timed with the time that each takes on one core. Without a plan it does nothing.
func (r *Inspection) ListSteps(ctx context.Context, timed bool) error {
	if r.Plan == nil || r.network == nil {
		return nil
	}
	p, err := r.network.compiled()
	if err != nil {
		return err
	}
	r.Plan.Lines = nil
	for _, l := range p.Lines() {
		r.Plan.Lines = append(r.Plan.Lines, PlanLine{Operation: l.Operation, Node: l.Node, Inputs: l.Inputs, Output: l.Output,
			Algorithm: l.Algorithm, WeightBytes: l.WeightBytes, MACs: l.MACs})
	}
	if !timed {
		return nil
	}
	times, err := p.Time(ctx, timedRounds)
	if err != nil {
		return err
	}
	setTimes(r.Plan.Lines, times)
	return nil
}

func setTimes(lines []PlanLine, times []time.Duration) {
	total := 0.0
	for _, t := range times {
		total += t.Seconds()
	}
	for i, t := range times {
		l := &lines[i]
		if t <= 0 {
			continue // shorter than the clock can tell
		}
		l.Milliseconds, l.Share = t.Seconds()*1e3, t.Seconds()/total
		l.GFLOPS = 2 * float64(l.MACs) / t.Seconds() / 1e9
	}
}
