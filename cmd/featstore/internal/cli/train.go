package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"featstore/store"
	"featstore/train"
)

// defaultHead is the name of the head that train makes and predict uses.
const defaultHead = "default"

func trainCommand(a *app) *cobra.Command {
	cfg := train.DefaultConfig()
	var name string
	var models []string
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train a classifier on the store's vectors and say how good it is",
		Long: `Trains a head, a classifier on top of the frozen network, on the training split
and tests it once on the testing split, which has no part in the training. The
head is saved in the store under --name; one of that name is replaced.

The default is one softmax layer: 4,000 steps of gradient descent at rate 0.01 on
minibatches of 100 photos, for which a label is drawn first and then a photo of
it. Every 100 steps it is tried on 100 photos of the validation split, drawn like
a minibatch.

Other heads: logistic (multinomial logistic regression), svm (linear support vector
machines), lda (Gaussians with one shared covariance), bayes (naive Bayes), knn
(nearest neighbours by cosine), centroid (nearest mean: a handful of photos a label
is enough). --head auto tries all of these by cross-validation on training and
validation split, shows the table and keeps the best.

--head mlp puts layers of your own before the output: --hidden 512,128 has one of 512
units and one of 128, fully connected, with rectifiers (ReLU) and dropout. They are
trained by AdamW through one cycle of the learning rate. Every 100 steps the moving
average of the weights is tried on the whole validation split, and the one with the
lowest loss is kept. It takes longer than all other heads together, so auto leaves it
out; featstore evaluate --cv 5 --kinds softmax,mlp tells whether it is worth it.

Labels with few photos: --balance sampler (softmax, mlp) draws every label equally often,
weights has each photo of a rare label count more, none does neither. Where one of the
two is used the probabilities are corrected for how common the labels are in the
training split (logit adjustment); --prior uniform takes all to be equally common.

Where the store has views of training photos (featstore ingest --views) all heads train on
them too: each view is one more row. A photo with its views counts as one photo: labels
are as common as their photos, and C is the weight of a photo. Cross-validation never
divides a photo from its views, and judges on plain photos. --plain leaves views out.

Every head keeps prototypes of its training photos, and how unlike them a photo must be
for predict --reject to take it for none of the labels: about 5 % of new photos of known
labels are then rejected wrongly, or --reject-rate. The threshold follows from the
validation photos; where these are fewer than 1,000, from cross-validation on training
and validation. featstore evaluate --unknown FOLDER shows what it is worth.

Where the testing split has under 30 photos, train adds a cross-validated accuracy: the
training and validation photos are divided into five parts, and each part is judged by a
head with the same settings that was trained on the others. With splits set by hand it
shows the accuracy on the validation photos too, which is a little too good: they choose
the temperature of the probabilities.

Where many photos of the testing split nearly equal one that trains, such as shots of one
burst, train says how many: the accuracy is too good then. featstore split
--group-near-duplicates mends it.

Where there are many labels, or the network's numbers are small, 4,000 steps may be too few.
After training softmax, the layer is fitted a little further by a stronger method. If that
lowers the cross-entropy on the training photos by 0.1 or more, and on the validation photos
by more than chance explains (a paired test, p < 0.05), train says that the head has not
converged: --head auto tries heads that are fitted to the end. Up to 10,000 training photos,
views of them included, are looked at so; with more, or under 20 validation photos, nothing is
said.

The 95 % interval beside the accuracy says how far off it may be because only that
many photos were tested. The same store, seed and version give the same head.

JSON: lines with event "validation" (step, steps, validation, validation_loss,
training, training_loss), "warning" (warning), "near_duplicates" (least, training, testing,
near, strange: photos of the testing split, those that nearly equal a training photo, and one
of another label), "progress" (what, done, total,
per_second, seconds_left), "choice" (kind, chosen, scores) and "comparison" (folds, repeats, images, labels,
heads, best, pairs), then one with event "result": head, kind, models, labels, dim,
config, trained (training, validation,
testing, fixed, views, augment), test (null without a testing split), report, store_changed (true if
another featstore changed the store meanwhile), not_converged (only if the head has not: steps,
images: of the validation split, training and validation: cross-entropy before and after, p), held_out (where the testing split has
under 30 photos: cross_validated, folds, validation).` + storeExits(),
		Example: `  featstore train
  featstore train --steps 8000 --rate 0.005 --name slow
  featstore train --head logistic
  featstore train --head mlp --hidden 512,128
  featstore train --head auto --json`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" || len(name) > 1024 || !utf8.ValidString(name) {
				return usagef("--name %q: want 1 to 1,024 bytes of text", name)
			}
			if err := flagsFit(cmd.Flags(), cfg.Kind); err != nil {
				return err
			}
			return a.train(cmd.Context(), cfg, models, name)
		},
	}
	cmd.Flags().StringVar(&name, "name", defaultHead, "name under which the head is saved")
	cmd.Flags().StringSliceVar(&models, "model", nil, "models whose vectors are used, ids or names, joined by commas (default: the store's only one)")
	headFlags(cmd.Flags(), &cfg)
	return cmd
}

// headFlags are the settings of a head's training.
func headFlags(flags *pflag.FlagSet, cfg *train.Config) {
	flags.StringVar(&cfg.Kind, "head", cfg.Kind, "kind of head: "+strings.Join(train.Kinds, ", ")+" or "+train.KindAuto)
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed of every random choice")
	flags.StringVar(&cfg.Scaling, "scaling", cfg.Scaling, "how features are scaled: "+strings.Join(train.Scalings, ", ")+" (default: what suits the head)")
	flags.StringVar(&cfg.Balance, "balance", cfg.Balance,
		"how unequally common labels are trained on: "+strings.Join(train.Balances, ", ")+" (default: sampler for softmax, else none)")
	flags.BoolVar(&cfg.Plain, "plain", cfg.Plain, "train on plain photos only, not on views of them")
	flags.StringVar(&cfg.Prior, "prior", cfg.Prior,
		"probabilities are for labels as common as in the training split, or equally: "+strings.Join(train.Priors, ", ")+" (default training)")
	flags.Float64Var(&cfg.RejectRate, "reject-rate", cfg.RejectRate,
		"share of known photos that predict --reject may take for none of the labels; 0 to do without")
	flags.Float64Var(&cfg.Strength, "strength", cfg.Strength, "C of logistic and svm (default: chosen by cross-validation on the training split)")
	flags.IntVar(&cfg.Folds, "folds", cfg.Folds, "folds in which C is chosen (default 5)")
	flags.IntVar(&cfg.Neighbours, "neighbours", cfg.Neighbours, "k of knn (default: chosen on the training split)")
	softmax, mlp := train.DefaultsOf(train.KindSoftmax), train.DefaultsOf(train.KindMLP)
	flags.IntVar(&cfg.Steps, "steps", cfg.Steps, fmt.Sprintf("softmax, mlp: minibatches to train on (default %d; mlp %d)", softmax.Steps, mlp.Steps))
	flags.Float64Var(&cfg.Rate, "rate", cfg.Rate, fmt.Sprintf("softmax, mlp: learning rate (default %v; mlp %v)", softmax.Rate, mlp.Rate))
	flags.IntVar(&cfg.Batch, "batch", cfg.Batch, fmt.Sprintf("softmax, mlp: photos in a minibatch (default %d; mlp %d)", softmax.Batch, mlp.Batch))
	flags.IntVar(&cfg.EvalEvery, "eval-every", cfg.EvalEvery, fmt.Sprintf("softmax, mlp: steps between validations (default %d)", softmax.EvalEvery))
	flags.IntVar(&cfg.EvalBatch, "eval-batch", cfg.EvalBatch, fmt.Sprintf("softmax: photos in a validation (default %d)", softmax.EvalBatch))
	flags.Float64Var(&cfg.Deviation, "deviation", cfg.Deviation, "softmax: standard deviation of the initial weights")
	flags.IntSliceVar(&cfg.Hidden, "hidden", cfg.Hidden, fmt.Sprintf("mlp: units of each hidden layer, joined by commas (default %d)", mlp.Hidden[0]))
	flags.Float64Var(&cfg.Dropout, "dropout", cfg.Dropout, "mlp: share of each layer's inputs that is left out in training")
	flags.Float64Var(&cfg.Smoothing, "smoothing", cfg.Smoothing, "mlp: share of a label's weight that is spread over all labels")
	flags.Float64Var(&cfg.Decay, "weight-decay", cfg.Decay, "mlp: share of the weights that is taken away at a step, times the learning rate")
}

// kindFlags says on which kinds of heads a flag has an effect, where not on all.
var kindFlags = map[string][]string{
	"steps": {train.KindSoftmax, train.KindMLP}, "rate": {train.KindSoftmax, train.KindMLP}, "batch": {train.KindSoftmax, train.KindMLP},
	"eval-every": {train.KindSoftmax, train.KindMLP}, "eval-batch": {train.KindSoftmax}, "deviation": {train.KindSoftmax},
	"hidden": {train.KindMLP}, "dropout": {train.KindMLP}, "smoothing": {train.KindMLP}, "weight-decay": {train.KindMLP},
	"strength": {train.KindLogistic, train.KindSVM}, "folds": {train.KindLogistic, train.KindSVM}, "neighbours": {train.KindKNN},
}

// aboveZero are flags for which 0 would mean the default, which nobody means who writes it.
var aboveZero = []string{"steps", "rate", "batch", "eval-every", "eval-batch"}

// flagsFit refuses settings of another kind of head: whoever sets them expects an
// effect.
func flagsFit(flags *pflag.FlagSet, kind string) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		switch kinds := kindFlags[f.Name]; {
		case err != nil:
		case slices.Contains(aboveZero, f.Name) && f.Value.String() == "0":
			err = usagef("--%s 0: want a number above 0", f.Name)
		case kinds != nil && !reaches(kinds, kind):
			err = usagef("--%s has no effect with --head %s: it goes with --head %s", f.Name, kind, headsWith(kinds))
		}
	})
	return err
}

// reaches tells whether a setting of some kinds has an effect on a kind of head, or on
// the choice among several. An unknown kind is refused elsewhere.
func reaches(kinds []string, kind string) bool {
	if kind == train.KindAuto {
		return slices.ContainsFunc(kinds, func(k string) bool { return slices.Contains(train.AutoKinds, k) })
	}
	return slices.Contains(kinds, kind) || !slices.Contains(train.Kinds, kind)
}

// headsWith names the heads that a flag has an effect on.
func headsWith(kinds []string) string {
	named := slices.Clone(kinds)
	if reaches(kinds, train.KindAuto) {
		named = append(named, train.KindAuto)
	}
	if len(named) == 1 {
		return named[0]
	}
	return strings.Join(named[:len(named)-1], ", ") + " or " + named[len(named)-1]
}

// trainingModels returns the ids of the models asked for, or of the only one.
func trainingModels(db *store.DB, words []string) ([]string, error) {
	models, err := storeModels(db, words)
	if err != nil || len(words) == 0 {
		return nil, err // package train takes the only one, and says what is wrong if there is none
	}
	var ids []string
	for _, m := range models {
		ids = append(ids, m.ID)
	}
	return ids, nil
}

// storeModels returns the models asked for, or the only one there is, if there is one.
func storeModels(db *store.DB, words []string) ([]store.Model, error) {
	var models []store.Model
	err := db.View(func(tx *store.Tx) (err error) {
		models, err = tx.Models()
		return err
	})
	if err != nil {
		return nil, err
	}
	var found []store.Model
	for _, word := range words {
		m, err := findModel(models, word)
		if err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	if len(words) > 0 {
		return found, nil
	}
	if models = store.Usual(models); len(models) > 1 {
		var all []string
		for _, m := range models {
			all = append(all, describeModel(m))
		}
		return nil, hint(usagef("the store has vectors of %d models: say which to use with --model", len(models)),
			"they are %s; joined by commas, several are used together", strings.Join(all, ", "))
	}
	return models, nil
}

// train trains and saves a head, and reports on it. The store is open for reading
// while the head is trained, and for writing only to save it.
func (a *app) train(ctx context.Context, cfg train.Config, models []string, name string) error {
	if err := findWritable(a.store); err != nil {
		return err // before it takes time
	}
	var head *train.Head
	var report *train.Report
	var heldOut *train.HeldOut
	var unconverged *train.Unconverged
	err := a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) (err error) {
		if cfg.Models, err = trainingModels(db, models); err != nil {
			return err
		}
		if !cfg.Plain {
			if err := a.adviseViews(db, cfg.Models); err != nil {
				return err
			}
		}
		events, stop := a.trainEvents()
		defer stop()
		if head, report, err = train.Train(ctx, db, cfg, func(e train.Event) {
			if u, ok := e.(*train.Unconverged); ok {
				unconverged = u
			}
			events(e)
		}); err != nil {
			return err
		}
		if report == nil || report.Accuracy.Total < train.EnoughToTest {
			heldOut, err = a.judgeHeldOut(ctx, db, head, name)
		}
		return err
	})
	if errors.Is(err, context.Canceled) {
		return hint(err, "no head was saved; one saved before as %q is as it was", name)
	}
	if err != nil {
		return trainAdvice(err)
	}
	fresh, err := a.saveHead(ctx, head, name)
	if err != nil {
		return err
	}
	a.warnUnconverged(unconverged, models, name)
	return a.reportTraining(cfg, head, report, trainedBeside{heldOut, unconverged, fresh}, name)
}

// warnUnconverged says that a softmax head has not converged, and what to do.
func (a *app) warnUnconverged(u *train.Unconverged, models []string, name string) {
	if u == nil {
		return
	}
	again := run("train", "--head", train.KindAuto).of("--name", name)
	if len(models) > 0 {
		again = again.with("--model", strings.Join(models, ","))
	}
	a.warn("%s; %s tries heads that are fitted to the end", u, again)
}

// findWritable looks whether a head could be saved, as far as permissions go.
func findWritable(path string) error {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil // opening it as a store says more
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("store %s: no head could be saved: %w", path, fs.ErrPermission)
	}
	if err == nil {
		return f.Close()
	}
	return nil
}

// saveHead saves a head, and tells whether the store has the photos that it was
// trained on: they may have changed while it was.
func (a *app) saveHead(ctx context.Context, head *train.Head, name string) (fresh bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, hint(err, "no head was saved; one saved before as %q is as it was", name)
	}
	head.Version = thisBuild().Version
	err = a.withStore(store.Options{}, func(db *store.DB) (err error) {
		fresh, err = head.Fresh(db)
		if err != nil && !errors.Is(err, store.ErrResplitting) && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := head.Save(db, name); err != nil {
			return err
		}
		return dropReplaced(db)
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, fmt.Errorf("save head: the store has changed while it was trained: %w", err)
	}
	if err != nil {
		return false, fmt.Errorf("save head: %w", err)
	}
	return fresh, nil
}

// trainedBeside is what is known of a training beside the head and its test.
type trainedBeside struct {
	heldOut     *train.HeldOut
	unconverged *train.Unconverged
	fresh       bool // the store has not changed meanwhile
}

// reportTraining says what was trained and saved.
func (a *app) reportTraining(cfg train.Config, head *train.Head, report *train.Report, beside trainedBeside, name string) error {
	if !beside.fresh {
		a.warn("the store has changed meanwhile: the head knows its photos as they were before; to train on those of now: %s", retrain(name, head, false))
	}
	if a.json {
		r := trainResult(name, head, report)
		r.Changed, r.HeldOut, r.Unconverged = !beside.fresh, beside.heldOut, beside.unconverged
		return a.emit(r)
	}
	if cfg.Kind == train.KindAuto && !a.quiet {
		fmt.Fprintf(a.Out, "kept: %s, the best in cross-validation\n", head.Kind)
	}
	if report != nil {
		fmt.Fprintln(a.Out, report)
		fmt.Fprintln(a.Out, report.Interval())
		if len(report.Labels) <= widestMatrix && !a.quiet {
			a.printLabelScores(report)
			fmt.Fprintln(a.Out)
		}
	}
	a.printHeldOut(beside.heldOut)
	a.say("saved as head %q: %s tells what is on a photo", name, run("predict").of("--head", listItem(name)).with("FILE"))
	if report != nil {
		a.say("%s shows what it confuses, on which photos", run("evaluate").of("--head", listItem(name)))
	}
	return nil
}

// judgeHeldOut finds an accuracy for a head that the testing split says little about.
// That none can be found is no reason not to have the head.
func (a *app) judgeHeldOut(ctx context.Context, db *store.DB, head *train.Head, name string) (*train.HeldOut, error) {
	tell, stop := a.trainEvents()
	defer stop()
	events := func(e train.Event) {
		if _, ok := e.(train.Progress); !ok || !a.json { // the same training gives the same lines: no times
			tell(e)
		}
	}
	heldOut, err := train.JudgeHeldOut(ctx, db, head, events)
	if errors.Is(err, train.ErrTooFew) || errors.Is(err, train.ErrDiverged) || errors.Is(err, train.ErrNoImages) {
		events(train.Warning{Message: "no accuracy: " + err.Error()})
		return nil, nil
	}
	if errors.Is(err, context.Canceled) {
		return nil, hint(err, "no head was saved; one saved before as %q is as it was", name)
	}
	return heldOut, err
}

// printHeldOut shows the accuracies that stand in for that of the testing split.
func (a *app) printHeldOut(h *train.HeldOut) {
	if h == nil {
		return
	}
	if v := h.Validation; v != nil {
		fmt.Fprintf(a.Out, "Validation accuracy = %.1f%%\n", 100*v.Share)
		fmt.Fprintf(a.Out, "95%% interval %.1f%% to %.1f%% (%d of %s, which were used for calibration too)\n", 100*v.Low, 100*v.High, v.Correct,
			count(v.Total, "image"))
	}
	c := h.CrossValidated
	fmt.Fprintf(a.Out, "Cross-validated accuracy = %.1f%%\n", 100*c.Share)
	fmt.Fprintf(a.Out, "95%% interval %.1f%% to %.1f%% (%d of %s that train or validate, each judged by a head trained without it)\n", 100*c.Low,
		100*c.High, c.Correct, count(c.Total, "image"))
}

// A headResult is what is known of a head, as JSON.
type headResult struct {
	Event   string            `json:"event,omitempty"`
	Head    string            `json:"head"`
	Kind    string            `json:"kind"`
	Models  []string          `json:"models"`
	Labels  []string          `json:"labels"`
	Dim     int               `json:"dim"`
	Config  train.Config      `json:"config"`
	Trained trainedPhotos     `json:"trained"`
	Test    *train.Proportion `json:"test"`
	Report  *train.Report     `json:"report,omitempty"`
	Changed bool              `json:"store_changed,omitempty"` // while the head was trained
	HeldOut *train.HeldOut    `json:"held_out,omitempty"`      // where the testing split says little

	Unconverged *train.Unconverged `json:"not_converged,omitempty"`
}

// trainedCounts counts the photos of each split that a head was trained with.
type trainedCounts struct {
	Training   int `json:"training"`
	Validation int `json:"validation"`
	Testing    int `json:"testing"`
}

// trainedPhotos are the photos a head was trained with.
type trainedPhotos struct {
	trainedCounts
	Fixed int `json:"fixed"` // of them, in a split that was set by hand

	Views   int    `json:"views,omitempty"` // of training photos, trained on too
	Augment string `json:"augment,omitempty"`
}

func trainResult(name string, h *train.Head, r *train.Report) headResult {
	result := headResult{
		Event: "result", Head: name, Kind: h.Kind, Models: h.Models, Labels: h.Labels, Dim: h.Dim,
		Config: h.Config, Trained: countTrained(h.Trained), Report: r,
	}
	if r != nil {
		result.Test = &r.Accuracy
	}
	return result
}

func countTrained(t store.TrainedOn) (c trainedPhotos) {
	c.Fixed, c.Views, c.Augment = t.Fixed, t.Views, augmentText(t.Augment)
	for _, label := range t.Counts {
		c.Training += label[0]
		c.Validation += label[1]
		c.Testing += label[2]
	}
	return c
}

// trainAdvice adds what can be done about a store that trains nothing.
func trainAdvice(err error) error {
	if errors.Is(err, train.ErrNoImages) {
		return hint(err, "bring photos into the store first: %s", run("ingest", "FOLDER"))
	}
	return err
}
