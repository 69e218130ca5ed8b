package cli

import (
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"

	"featstore/split"
	"featstore/store"
)

func splitCommand(a *app) *cobra.Command {
	var want split.Policy
	cmd := &cobra.Command{
		Use:   "split",
		Short: "Show or change which photos train, validate and test",
		Long: `Shows how many photos each split has. With flags it changes the rule that
assigns them; nothing is computed again.

A photo's split follows from the bytes of its file and the salt: it is kept when
the photo is moved, renamed or relabelled, on every machine. Another salt makes
another draw. Heads trained before a change have been trained on some of what
tests them now: train again.

JSON, one object: policy (validation, testing, salt), moved, training, validation,
testing.` + storeExits(),
		Example: `  featstore split
  featstore split --salt 2
  featstore split --validation 15 --testing 15`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := cmd.Flags()
			change := flags.Changed("salt") || flags.Changed("validation") || flags.Changed("testing")
			return a.withStore(store.Options{ReadOnly: !change}, func(db *store.DB) error {
				policy := db.Policy()
				if flags.Changed("salt") {
					policy.Salt = want.Salt
				}
				if flags.Changed("validation") {
					policy.Validation = want.Validation
				}
				if flags.Changed("testing") {
					policy.Testing = want.Testing
				}
				moved, err := a.resplit(cmd, db, policy, change)
				if err != nil {
					return err
				}
				return a.reportSplit(db, moved, change)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&want.Salt, "salt", "", "any text: each makes a draw of its own")
	flags.Float64Var(&want.Validation, "validation", 10, "share of the validation split in percent")
	flags.Float64Var(&want.Testing, "testing", 10, "share of the testing split in percent")
	return cmd
}

func (a *app) resplit(cmd *cobra.Command, db *store.DB, policy split.Policy, change bool) (int, error) {
	if !change {
		return 0, nil
	}
	if err := policy.Validate(); err != nil {
		return 0, &usageError{err: err, command: cmd.CommandPath()}
	}
	var done, total atomic.Int64
	stop := a.watch(func() gauge { return gauge{"split", "photo", done.Load(), total.Load()} })
	defer stop()
	moved, err := db.Resplit(cmd.Context(), policy, func(d, t int) { done.Store(int64(d)); total.Store(int64(t)) })
	if err != nil {
		return moved, fmt.Errorf("change splits: %w", err)
	}
	return moved, nil
}

// reportSplit shows the policy and what it comes to.
func (a *app) reportSplit(db *store.DB, moved int, changed bool) error {
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
	p := db.Policy()
	if a.json {
		return a.emit(struct {
			Policy split.Policy `json:"policy"`
			Moved  int          `json:"moved"`
			trainedCounts
		}{p, moved, trainedCounts{sum[split.Training], sum[split.Validation], sum[split.Testing]}})
	}
	t := table{right: "lrr"}
	t.row("split", "share", "photos")
	for i, share := range []float64{100 - p.Validation - p.Testing, p.Validation, p.Testing} {
		t.row(split.Split(i).String(), fmt.Sprintf("%g %%", share), grouped(sum[i]))
	}
	t.write(a.Out, "")
	fmt.Fprintf(a.Out, "salt %q\n", p.Salt)
	if changed {
		fmt.Fprintf(a.Out, "%s changed their split\n", count(moved, "photo"))
		if len(s.Heads) > 0 && moved > 0 {
			a.warn("heads trained before have seen photos that test them now: featstore train")
		}
	}
	return nil
}
