package bench

import (
	"context"
	"slices"
	"time"
)

// fewest is how often anything is measured at least.
const fewest = 3

// repeat calls do until the budget is spent, but at least fewest times, after one
// call that does not count. do returns what it measured.
func repeat(ctx context.Context, budget time.Duration, do func() (time.Duration, error)) ([]time.Duration, error) {
	if _, err := do(); err != nil {
		return nil, err
	}
	var took []time.Duration
	for started := time.Now(); len(took) < fewest || time.Since(started) < budget; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d, err := do()
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	return took, nil
}

// timed measures a call.
func timed(do func() error) (time.Duration, error) {
	started := time.Now()
	err := do()
	return time.Since(started), err
}

// median returns the value in the middle, the mean of the two for an even number.
func median(took []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(took))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
func microseconds(d time.Duration) float64 { return d.Seconds() * 1e6 }
