package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"featstore/store"
	"featstore/train"
)

// A nearRequest is what stats is asked for about photos that are nearly the same.
type nearRequest struct {
	least  float64
	most   int
	models []string
}

func (r *nearRequest) register(flags *pflag.FlagSet) {
	flags.Float64Var(&r.least, "near-duplicates", train.DefaultNear,
		"list photos in different splits that are nearly the same: features with at least this cosine")
	flags.Lookup("near-duplicates").NoOptDefVal = fmt.Sprint(train.DefaultNear)
	flags.IntVar(&r.most, "pairs", 20, "with --near-duplicates: pairs to name; 1,000 at most with --json")
	flags.StringSliceVar(&r.models, "model", nil, "with --near-duplicates: models whose vectors are compared (default: the store's only one)")
}

// mostPairs is how many pairs are in the JSON, and can be named.
const mostPairs = 1000

// findNear compares photos across splits.
func (a *app) findNear(ctx context.Context, db *store.DB, r nearRequest) (*train.Near, error) {
	if r.most < 1 || r.most > mostPairs {
		return nil, usagef("--pairs %d: want a number from 1 to %s", r.most, grouped(mostPairs))
	}
	if !(r.least > 0 && r.least <= 1) {
		return nil, usagef("--near-duplicates=%g: want a cosine above 0, at most 1", r.least)
	}
	ids, err := trainingModels(db, r.models)
	if err != nil {
		return nil, err
	}
	progress, stop := a.watchPhotos("compare across splits")
	near, err := train.NearDuplicates(ctx, db, train.NearOptions{Models: ids, Least: r.least, Most: mostPairs, Progress: progress})
	stop()
	return near, trainAdvice(err)
}

// printNear names the pairs, the most alike first.
func (a *app) printNear(near *train.Near, most int) {
	if near == nil {
		return
	}
	fmt.Fprintf(a.Out, "\nnearly the same in different splits (cosine of %g or more): %s", near.Least, count(near.Found, "pair"))
	if near.Affected > 0 {
		fmt.Fprintf(a.Out, ", with %s that test", count(near.Affected, "photo"))
	}
	fmt.Fprintln(a.Out)
	t := table{right: "rlll"}
	for _, p := range near.Pairs[:min(most, len(near.Pairs))] {
		t.row(fmt.Sprintf("%.3f", p.Cosine), p.A.Split.String(), p.A.Label, strings.Join(p.A.Paths, " = "))
		t.row("", p.B.Split.String(), p.B.Label, strings.Join(p.B.Paths, " = "))
	}
	t.write(a.Out, "  ")
	if n := near.Found - most; n > 0 {
		fmt.Fprintf(a.Out, "  and %s more: --pairs names up to %s\n", grouped(n), grouped(mostPairs))
	}
}

// warnLeak says that photos test which nearly equal one that trains, and what to do.
func (a *app) warnLeak(l *train.Leak) {
	a.warn("%s", l)
	a.hint(a.text("%s puts them together into one split; %s lists them", run("split", "--group-near-duplicates"), run("stats", "--near-duplicates")))
}

// leakOf looks for photos that test and nearly equal one that trains, by a network's
// vectors, and warns where they are many.
func (a *app) leakOf(ctx context.Context, db *store.DB, model string) error {
	leak, err := train.FindLeak(ctx, db, []string{model})
	for _, other := range []error{store.ErrResplitting, train.ErrNotFinite, store.ErrStale, context.Canceled} {
		if errors.Is(err, other) {
			return nil // the photos are in the store; train and split say the rest
		}
	}
	if err != nil || !leak.Many() {
		return err
	}
	if a.json {
		a.emitEvent("near_duplicates", leak)
	}
	a.warnLeak(leak)
	return nil
}
