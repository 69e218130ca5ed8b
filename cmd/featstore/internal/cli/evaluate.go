package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// An evaluation is what the command line asks for.
type evaluation struct {
	heads  []string
	saved  bool // heads were named, and not the default taken
	split  string
	misses int
	folds  int
	curve  bool
	kinds  []string
	models []string
	cv     train.CVOptions

	finetune bool // tunes the network in every fold

	average  string // views of photos whose probabilities are averaged
	unknown  string // folder of photos of other things
	suspects bool
}

func evaluateCommand(a *app) *cobra.Command {
	var e evaluation
	var memory memoryFlag
	cmd := &cobra.Command{
		Use:   "evaluate",
		Short: "Say how good a classifier is, where it errs, and which one to choose",
		Long: `Without flags: looks at every photo of the testing split with a trained head and
shows the accuracy with its 95 % interval; precision, recall and F1 of each label;
which labels are confused; how well the probabilities are calibrated; and the photos
that it gets wrong, most confident first: look for wrong labels there.

--average flip judges as predict --average flip does: each photo is also looked at mirrored
left to right, for which its file and the network have to be at hand.

--cv K compares kinds of heads by cross-validation in K folds of the training and
validation splits: every photo is judged by heads that have not seen it, copies of a
photo never lie in two folds, and the testing split is left alone. The test that
follows says whether the difference between the best and another could be chance.
--kinds names the kinds; otherwise it is all but mlp, which takes longer than the others
together. With --head A,B it compares saved heads instead: each is trained anew in every fold
with its own settings and networks, and chooses again what it chose then. --kinds
beside it adds kinds with their default settings. --finetune adds the row finetuned: in
every fold the network is tuned as finetune does with its default settings, without a look
at the fold, but to its last epoch; this takes minutes.

--unknown FOLDER takes photos of other things and shows what predict --reject makes of
them: the share rejected; that of the testing split's, for comparison; the AUROC, which
is the probability that a photo of a label is more similar to the training photos than
one of another thing; each with its 95 % interval; and the photos taken for a label.
Photos that resemble the labels, such as kinds of flowers that are not among them, are
the hard case: try some.

--suspects ranks all photos of all splits by how much speaks against their label, most
first: each is judged by heads that were trained without it. It needs no trained head.
The score is (1 + p of the likely label - p of the photo's)/2: above 0.5 the likely one
is the more probable.

--curve shows the accuracy against the number of training photos: where it still
rises at the end, more photos will help.

JSON: one object: split, average (flip, if asked for), accuracy, top_k, macro, labels,
log_loss, brier, ece, calibration (low, high, confidence, accuracy), confusion,
misclassified, warnings; with --unknown folder, threshold, rejected, known_split,
known (count, total, share, low, high), auroc (area, low, high), left_out, failed,
mistakes (as predict --json has them); with --suspects a line a photo, in order of rank:
path, label, likely, score, split, rank; with --cv lines with event "progress" and one
with event "comparison": folds, repeats, images, labels, heads, best, pairs; with
--curve likewise "curve": kind, points.` + storeExits(exitSomeFailed),
		Example: `  featstore evaluate
  featstore evaluate --split validation --misses 50
  featstore evaluate --average flip
  featstore evaluate --unknown ./other_photos
  featstore evaluate --suspects --misses 60
  featstore evaluate --cv 5
  featstore evaluate --cv 5 --repeats 3 --kinds softmax,logistic
  featstore evaluate --cv 5 --head default,logistic
  featstore evaluate --cv 5 --kinds logistic --finetune
  featstore evaluate --curve --kinds logistic`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			e.saved = cmd.Flags().Changed("head")
			if err := e.sensible(cmd.Flags()); err != nil {
				return err
			}
			if e.unknown != "" {
				most, err := memory.limits()
				if err != nil {
					return err
				}
				return a.evaluateUnknown(cmd.Context(), e, most)
			}
			return a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
				switch {
				case e.suspects:
					return a.suspects(cmd.Context(), db, e)
				case e.curve:
					return a.learningCurve(cmd.Context(), db, e)
				case cmd.Flags().Changed("cv"):
					return a.crossValidate(cmd.Context(), db, e)
				}
				return a.evaluate(cmd.Context(), db, e)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&e.heads, "head", []string{defaultHead}, "name of the head; with --cv: names of heads to compare, joined by commas")
	flags.StringVar(&e.split, "split", split.Testing.String(), "photos to look at: training, validation or testing")
	flags.IntVar(&e.misses, "misses", 20, "how many of the photos that it gets wrong are named")
	flags.StringVar(&e.average, "average", "", "average the probabilities of each photo and its mirror image: "+averageFlip)
	flags.StringVar(&e.unknown, "unknown", "", "folder of photos of other things: are they rejected?")
	memory.register(flags)
	flags.BoolVar(&e.suspects, "suspects", false, "rank all photos by how likely their label is wrong")
	flags.IntVar(&e.folds, "cv", 0, "compare kinds of heads by cross-validation with this many folds")
	flags.BoolVar(&e.finetune, "finetune", false, "with --cv: tune the network in every fold, as finetune does, and compare that too")
	flags.BoolVar(&e.curve, "curve", false, "accuracy against the number of training photos")
	flags.IntVar(&e.cv.Repeats, "repeats", 1, "with --cv: how often the photos are divided into folds again")
	flags.Uint64Var(&e.cv.Seed, "seed", 0, "with --cv and --curve: seed of every random choice")
	flags.StringSliceVar(&e.kinds, "kinds", nil, "with --cv and --curve: kinds of heads, joined by commas (default: all but mlp, which takes long; none beside --head; for --curve softmax)")
	flags.StringSliceVar(&e.models, "model", nil, "with --cv and --curve: models whose vectors are used (default: the store's only one)")
	return cmd
}

// The questions that evaluate answers, by the flag that asks; none asks how good the
// head is.
const (
	askUnknown  = "unknown"
	askSuspects = "suspects"
	askCV       = "cv"
	askCurve    = "curve"
)

// question returns the flag that says what is asked, "" for none.
func (e evaluation) question(flags *pflag.FlagSet) (asked string, err error) {
	for _, name := range []string{askUnknown, askSuspects, askCV, askCurve} {
		if !flags.Changed(name) {
			continue
		}
		if asked != "" {
			return "", usagef("--%s and --%s cannot be combined: give one of them", asked, name)
		}
		asked = name
	}
	return asked, nil
}

// goesWith says to which questions a flag is of use.
var goesWith = map[string][]string{
	"repeats": {askCV}, "seed": {askCV, askCurve, askSuspects}, "kinds": {askCV, askCurve}, "model": {askCV, askCurve, askSuspects},
	"finetune": {askCV}, "head": {"", askCV, askUnknown}, "split": {""}, "average": {""}, "misses": {"", askUnknown, askSuspects}, memoryFlagName: {askUnknown},
}

// sensible refuses flags that would be without effect: whoever sets them expects one.
func (e evaluation) sensible(flags *pflag.FlagSet) error {
	asked, err := e.question(flags)
	if err != nil {
		return err
	}
	switch {
	case e.average != "" && e.average != averageFlip:
		return usagef("--average %s: want %s", e.average, averageFlip)
	case e.misses < 0:
		return usagef("--misses %d: want 0 or more", e.misses)
	case asked == askUnknown && e.unknown == "":
		return usagef("--unknown: want a folder of photos")
	case e.saved && asked == askCV && flags.Changed("model") && !flags.Changed("kinds"):
		return usagef("--model goes with --kinds: the heads named by --head have networks of their own")
	case len(e.heads) == 0 || asked != askCV && len(e.heads) > 1:
		return usagef("--head %s: want one name, or --cv to compare several", strings.Join(e.heads, ","))
	}
	flags.Visit(func(f *pflag.Flag) {
		if with := goesWith[f.Name]; with != nil && !slices.Contains(with, asked) && err == nil {
			if err = usagef("--%s goes with --%s", f.Name, strings.Join(with, " or --")); slices.Contains(with, "") {
				err = usagef("--%s cannot be combined with --%s", f.Name, asked)
			}
		}
	})
	return err
}

// evaluate judges a saved head on one split.
func (a *app) evaluate(ctx context.Context, db *store.DB, e evaluation) error {
	which, err := split.Parse(e.split)
	if err != nil {
		return &usageError{err: fmt.Errorf("--split: %w", err)}
	}
	name := e.heads[0]
	head, err := train.Load(db, name)
	if err != nil {
		return headAdvice(db, name, err)
	}
	report, err := a.judge(ctx, db, head, which, e)
	if err != nil {
		return err
	}
	if fresh, err := head.Fresh(db); err != nil {
		return err
	} else if !fresh {
		report.Warnings = append(report.Warnings,
			a.text("the photos have changed since head %q was trained: some that it was trained on may be among these; %s", name,
				retrainIn(db, name, head)))
	}
	if which == split.Training {
		report.Warnings = append(report.Warnings, "the head was trained on these photos: the figures say how well it remembers them, not how good it is")
	}
	if a.json {
		return a.emit(report)
	}
	a.printReport(report, e.misses)
	return nil
}

// configs returns the configurations of the kinds asked for.
func (e evaluation) configs(db *store.DB, otherwise []string) ([]train.Config, error) {
	models, err := trainingModels(db, e.models)
	if err != nil {
		return nil, err
	}
	kinds := e.kinds
	if len(kinds) == 0 {
		kinds = otherwise
	}
	var configs []train.Config
	for _, kind := range kinds {
		if !slices.Contains(train.Kinds, kind) {
			return nil, usagef("--kinds: there is no head %q: want some of %s", kind, strings.Join(train.Kinds, ", "))
		}
		cfg := train.DefaultConfig()
		cfg.Kind, cfg.Models, cfg.Seed = kind, models, e.cv.Seed
		configs = append(configs, cfg)
	}
	return configs, nil
}

// candidates returns what is to be compared: the heads named, and the kinds.
func (e evaluation) candidates(db *store.DB) ([]train.Candidate, error) {
	var all []train.Candidate
	if e.saved {
		for _, name := range e.heads {
			head, err := train.Load(db, name)
			if err != nil {
				return nil, headAdvice(db, name, err)
			}
			all = append(all, train.Candidate{Name: name, Config: head.Recipe()})
		}
		if len(e.kinds) == 0 {
			return all, nil
		}
	}
	configs, err := e.configs(db, train.AutoKinds)
	if err != nil {
		return nil, err
	}
	for _, cfg := range configs {
		all = append(all, train.Candidate{Config: cfg})
	}
	return all, nil
}

func (a *app) crossValidate(ctx context.Context, db *store.DB, e evaluation) (err error) {
	if e.folds < 2 || e.cv.Repeats < 1 {
		return usagef("--cv %d --repeats %d: want at least 2 folds and 1 repeat", e.folds, e.cv.Repeats)
	}
	candidates, err := e.candidates(db)
	if err != nil {
		return err
	}
	e.cv.Folds = e.folds
	if e.finetune {
		tuned, closeSource, err := a.tuningCandidate(ctx, db, e)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeSource()) }()
		candidates = append(candidates, tuned)
	}
	events, stop := a.trainEvents()
	c, err := train.CrossValidate(ctx, db, candidates, e.cv, events)
	stop()
	if err != nil {
		return trainAdvice(err)
	}
	if a.json {
		a.emitEvent("comparison", c)
		return nil
	}
	for i := range c.Heads { // their names are lines of a table
		c.Heads[i].Name, c.Heads[i].Failed = printable(c.Heads[i].Name), printable(c.Heads[i].Failed)
	}
	fmt.Fprintln(a.Out, c)
	for _, pair := range c.Pairs {
		fmt.Fprintln(a.Out, printable(pair.String()))
	}
	return nil
}

func (a *app) learningCurve(ctx context.Context, db *store.DB, e evaluation) error {
	configs, err := e.configs(db, []string{train.KindSoftmax})
	if err != nil {
		return err
	}
	if len(configs) != 1 {
		return usagef("--curve is of one kind of head: got %s", strings.Join(e.kinds, ", "))
	}
	events, stop := a.trainEvents()
	c, err := train.LearningCurve(ctx, db, configs[0], e.cv, events)
	stop()
	if err != nil {
		return trainAdvice(err)
	}
	if a.json {
		a.emitEvent("curve", c)
		return nil
	}
	fmt.Fprintln(a.Out, c)
	return nil
}
