package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"featstore/split"
	"featstore/store"
	"featstore/store/ownsplit"
)

func splitCommand(a *app) *cobra.Command {
	var want split.Policy
	var list, groupColumn string
	var clear bool
	var near groupRequest
	cmd := &cobra.Command{
		Use:   "split",
		Short: "Show or change which photos train, validate and test",
		Long: `Shows how many photos each split has. With flags it changes the rule that
assigns them; nothing is computed again.

A photo's split follows from the bytes of its file and the salt: it is kept when
the photo is moved, renamed or relabelled, on every machine. Another salt makes
another division. Heads trained before a change were trained on some of the photos that
now test them: train again.

You can say yourself where photos belong: --file names a CSV of path,split, as written
by hand, by a data set's authors or by featstore export. A header may name the columns,
among others. Paths are absolute or relative to the ingested folder; train, val, test
and the like are understood. Photos it does not name stay where they are. The same bytes
in two splits are an error that names them, and nothing is changed. --clear gives all
photos back to the rule, also those of folders ingested with --split-folders, --split-column or
--group-column.

Photos that belong together should be in one split, or a head is tested on what it
was trained on. --group-near-duplicates compares all photos as featstore stats
--near-duplicates does, takes those that are chained by such pairs for a group, and puts
each group into one split; a lower cosine finds more, and larger groups.
--file LIST --group-column NAME does so for groups of your own, such as bursts, patients
or places: the CSV has a header, a column of paths and one of the groups' names. It may
say splits too; then a group goes where it says. A group that is in one split already
stays there, the others are dealt out so that the splits get their shares of each label. Their
splits are set by hand then and stay; photos that come later are in no group until
the command is given again. Photos in folders ingested with --split-folders stay where
these say, and their groups join them. Groups are not kept: cross-validation deals photos
into folds one by one, so a group may be in several folds.

JSON, one object: policy (validation, testing, salt), pending_policy (null unless a
change was interrupted), moved, training, validation,
testing, fixed (photos whose split was set by hand), own_splits (null without --file; by,
training, validation, testing, fixed, moved, unknown, unlisted with their first paths), groups (only where
photos were grouped: groups, photos, largest, straddle, divided, fixed, moved, divided_paths),
released (folders whose --split-folders, --split-column or --group-column no longer counts).` + storeExits(),
		Example: `  featstore split
  featstore split --salt 2
  featstore split --validation 15 --testing 15
  featstore split --file splits.csv
  featstore split --group-near-duplicates
  featstore split --file patients.csv --group-column patient
  featstore split --clear`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := cmd.Flags()
			rule := flags.Changed("salt") || flags.Changed("validation") || flags.Changed("testing")
			grouping := flags.Changed("group-near-duplicates")
			if numberOf(rule, list != "", clear, grouping) > 1 {
				return usagef("--file, --clear, --group-near-duplicates and a new rule cannot be combined: give one of them")
			}
			if flags.Changed("group-column") && list == "" {
				return usagef("--group-column goes with --file")
			}
			if flags.Changed("group-column") && strings.TrimSpace(groupColumn) == "" {
				return usagef("--group-column %q: want the name of a column", groupColumn)
			}
			if flags.Changed("model") && !grouping {
				return usagef("--model goes with --group-near-duplicates")
			}
			change := rule || list != "" || clear || grouping
			var entries []split.Entry
			var groups []ownsplit.Group
			var err error
			switch { // before the store is held
			case list != "":
				entries, err = a.readSplitList(cmd.Context(), list, groupColumn)
			case grouping:
				groups, err = a.findGroups(cmd.Context(), near)
			}
			if err != nil {
				return err
			}
			return a.withStore(store.Options{ReadOnly: !change}, func(db *store.DB) error {
				var r splitResult
				var err error
				switch {
				case groupColumn != "":
					if r.Own, r.Groups, err = a.splitByGroups(cmd.Context(), db, list, entries); err == nil {
						r.Moved = r.Groups.Moved
					}
				case list != "":
					if r.Own, err = a.splitByList(cmd.Context(), db, list, entries); err == nil {
						r.Moved = r.Own.Moved
					}
				case grouping:
					if r.Groups, err = a.setGroups(cmd.Context(), db, groups); err == nil {
						r.Moved = r.Groups.Moved
					}
				case clear:
					r.Moved, r.Released, err = a.clearSplits(cmd.Context(), db)
				case rule:
					r.Moved, err = a.resplit(cmd, db, changedPolicy(flags, db.Policy(), want))
				}
				if err != nil {
					return err
				}
				return a.reportSplit(db, r, change)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&want.Salt, "salt", "", "any text; each makes another division")
	flags.Float64Var(&want.Validation, "validation", 10, "share of the validation split in percent")
	flags.Float64Var(&want.Testing, "testing", 10, "share of the testing split in percent")
	flags.StringVar(&list, "file", "", "CSV of path,split that says which photos are in which split; - reads standard input")
	flags.StringVar(&groupColumn, "group-column", "", "with --file: the column that names the group of a photo; a group goes into one split")
	flags.BoolVar(&clear, "clear", false, "forget splits set by hand")
	near.register(flags)
	return cmd
}

// changedPolicy is the policy with what the flags say about it.
func changedPolicy(flags *pflag.FlagSet, policy, want split.Policy) split.Policy {
	if flags.Changed("salt") {
		policy.Salt = want.Salt
	}
	if flags.Changed("validation") {
		policy.Validation = want.Validation
	}
	if flags.Changed("testing") {
		policy.Testing = want.Testing
	}
	return policy
}

func (a *app) resplit(cmd *cobra.Command, db *store.DB, policy split.Policy) (moved int, err error) {
	if err := policy.Validate(); err != nil {
		return 0, &usageError{err: err, command: cmd.CommandPath()}
	}
	err = a.changeSplits(func(progress func(int, int)) (err error) {
		moved, err = db.Resplit(cmd.Context(), policy, progress)
		return err
	})
	if err != nil {
		return moved, fmt.Errorf("change splits: %w", err)
	}
	return moved, nil
}

// finishSplit is the command that finishes a change of splits that was interrupted.
func finishSplit(p split.Policy) command {
	return run("split", "--salt", p.Salt, "--validation", fmt.Sprint(p.Validation), "--testing", fmt.Sprint(p.Testing))
}

func (a *app) clearSplits(ctx context.Context, db *store.DB) (moved int, released []string, err error) {
	err = a.changeSplits(func(progress func(int, int)) error {
		c, folders, err := ownsplit.Clear(ctx, db, progress)
		moved, released = c.Moved, folders
		return err
	})
	return moved, released, err
}

// A splitResult is what the command did and what splits there are now, as JSON.
type splitResult struct {
	Policy  split.Policy  `json:"policy"`
	Pending *split.Policy `json:"pending_policy"`
	Moved   int           `json:"moved"`
	trainedCounts
	Fixed    int                `json:"fixed"`
	Own      *ownsplit.Report   `json:"own_splits"`
	Groups   *ownsplit.Grouping `json:"groups,omitempty"`
	Released []string           `json:"released,omitempty"`
}

// reportSplit shows the policy and what it comes to.
func (a *app) reportSplit(db *store.DB, r splitResult, changed bool) error {
	s, err := db.Stats()
	if err != nil {
		return err
	}
	var sum [3]int
	for _, l := range s.Labels {
		for i, n := range l.Splits {
			sum[i] += n
		}
	}
	r.Policy, r.Pending, r.Fixed = s.Policy, s.Pending, s.Fixed
	r.trainedCounts = trainedCounts{sum[split.Training], sum[split.Validation], sum[split.Testing]}
	if a.json {
		return a.emit(r)
	}
	if r.Own != nil {
		a.printOwnSplits(r.Own)
	}
	a.printGroups(r.Groups)
	p := r.Policy
	t := table{right: "lrr"}
	t.row("split", "share", "photos")
	for i, share := range []float64{100 - p.Validation - p.Testing, p.Validation, p.Testing} {
		t.row(split.Split(i).String(), fmt.Sprintf("%g %%", share), grouped(sum[i]))
	}
	t.write(a.Out, "")
	fmt.Fprintf(a.Out, "salt %q\n", p.Salt)
	if s.Pending != nil {
		fmt.Fprintf(a.Out, "pending: a change was interrupted, these photos are split by two rules; %s finishes it\n",
			printable(a.complete(finishSplit(*s.Pending))))
	}
	if s.Fixed > 0 {
		fmt.Fprintf(a.Out, "%s set by hand, whatever the shares\n", count(s.Fixed, "split"))
	}
	if !changed {
		return nil
	}
	fmt.Fprintf(a.Out, "%s changed their split\n", count(r.Moved, "photo"))
	for _, folder := range r.Released {
		a.say("%s only gives labels now: splits by its folders or list are not taken any more", folder)
	}
	for _, lacking := range a.lackingViews(s) {
		a.warn("%s", lacking)
	}
	if len(s.Heads) > 0 && r.Moved > 0 {
		a.warn("heads trained before have seen photos that test them now: %s", a.retrainAll(s))
	}
	return nil
}
