package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"featstore/split"
	"featstore/store"
	"featstore/store/ownsplit"
	"featstore/train"
)

// A groupRequest is what split is asked for about photos that are nearly the same.
type groupRequest struct {
	least  float64
	models []string
}

func (r *groupRequest) register(flags *pflag.FlagSet) {
	flags.Float64Var(&r.least, "group-near-duplicates", train.DefaultNear,
		"put photos that are nearly the same into one split: features with at least this cosine")
	flags.Lookup("group-near-duplicates").NoOptDefVal = fmt.Sprint(train.DefaultNear)
	flags.StringSliceVar(&r.models, "model", nil, "with --group-near-duplicates: models whose vectors are compared (default: the store's only one)")
}

// numberOf counts what is true.
func numberOf(all ...bool) int {
	n := 0
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

// findGroups groups the photos of the store that are nearly the same. The store is only
// read.
func (a *app) findGroups(ctx context.Context, r groupRequest) ([]ownsplit.Group, error) {
	if !(r.least > 0 && r.least <= 1) {
		return nil, usagef("--group-near-duplicates=%g: want a cosine above 0, at most 1", r.least)
	}
	if err := findWritable(a.store); err != nil {
		return nil, err // before it takes time
	}
	var groups []ownsplit.Group
	err := a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
		ids, err := trainingModels(db, r.models)
		if err != nil {
			return err
		}
		progress, stop := a.watchPhotos("compare photos")
		found, err := train.NearGroups(ctx, db, train.NearOptions{Models: ids, Least: r.least, Progress: progress})
		stop()
		if err != nil {
			return trainAdvice(err)
		}
		for _, digests := range found {
			groups = append(groups, ownsplit.Group{Digests: digests})
		}
		return refuseChain(db, found, r.least)
	})
	return groups, err
}

// refuseChain is the error for a group of most photos: no split would get its share.
func refuseChain(db *store.DB, groups [][]split.Digest, least float64) error {
	stats, err := db.Stats()
	if err != nil {
		return err
	}
	for _, g := range groups {
		if 2*len(g) > stats.Distinct && stats.Distinct >= 20 {
			return hint(fmt.Errorf("pairs with a cosine of %g chain %s of %s into one group", least, grouped(len(g)), count(stats.Distinct, "photo")),
				"nothing was changed; with a higher cosine fewer count as nearly the same: %s",
				run("split").with(fmt.Sprintf("--group-near-duplicates=%.3g", least+(1-least)/2)))
		}
	}
	return nil
}

// setGroups puts each group into one split.
func (a *app) setGroups(ctx context.Context, db *store.DB, groups []ownsplit.Group) (*ownsplit.Grouping, error) {
	var done ownsplit.Grouping
	err := a.changeSplits(func(progress func(int, int)) (err error) {
		done, err = ownsplit.SetGroups(ctx, db, groups, progress)
		return err
	})
	return &done, err
}

// splitByGroups puts the groups of a list, read from the file name, each into one split.
func (a *app) splitByGroups(ctx context.Context, db *store.DB, name string, entries []split.Entry) (*ownsplit.Report, *ownsplit.Grouping, error) {
	found, err := matchList(db, name, entries)
	if err != nil {
		return nil, nil, err
	}
	groups, err := ownsplit.GroupWants(found.Wants)
	if err != nil {
		return nil, nil, ownSplitAdvice(fmt.Errorf("read %s: %w", name, err))
	}
	done, err := a.setGroups(ctx, db, groups)
	if err != nil {
		return nil, nil, err
	}
	chosen := map[split.Digest]split.Split{}
	for _, g := range groups {
		for _, d := range g.Digests {
			chosen[d] = g.Split
		}
	}
	found.Wants = slices.Clone(found.Wants)
	for i, w := range found.Wants {
		found.Wants[i].Split = chosen[w.Digest]
	}
	return ownsplit.NewReport(ownsplit.ByList, found, done.Change), done, nil
}

// printGroups tells people what became of groups.
func (a *app) printGroups(g *ownsplit.Grouping) {
	if g == nil {
		return
	}
	fmt.Fprintf(a.Out, "%s of %s, the largest of %s: %s in several splits before\n", count(g.Groups, "group"), count(g.Photos, "photo"),
		grouped(g.Largest), count(g.Straddle, "group")+plural(g.Straddle, " was", " were"))
	what := count(g.Divided, "group") + plural(g.Divided, " is", " are") + " still in several splits, as folders ingested with --split-folders say so"
	warnSome(a, what, g.DividedPaths, itself, g.Divided)
}
