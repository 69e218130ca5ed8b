package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"featstore/cmd/featstore/internal/tunable"
	"featstore/extract"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// tunedHead is the name of the head that finetune makes.
const tunedHead = "finetuned"

// defaultCache is how many GB the cache of activations may take on disk.
const defaultCache = 10

// A finetuning is what finetune was asked for.
type finetuning struct {
	cfg    train.TuneConfig
	head   string
	models []string
	from   string        // see chooseCut
	size   string        // of what the network sees; "" for the model's own
	limit  time.Duration // 0 for none
	cache  float64       // GB of activations on disk
	resume bool
	views  int // of each training photo, at a cut

	augmentText string // --augment
	augment     photo.Augment
}

func finetuneCommand(a *app) *cobra.Command {
	f := finetuning{cfg: train.DefaultTuneConfig()}
	cmd := &cobra.Command{
		Use:   "finetune",
		Short: "Train the upper layers of the network too, and say what that brings",
		Long: `Trains the upper layers of the network on the training split, together with a new
layer on top. The lower layers stay as they are, so each photo goes through them once.
The new layer is first fitted on the network as it is. Then both are trained for a few
epochs, with a rate that rises and falls once. After each epoch the averaged weights are
tried on the validation split; those with the lowest loss are kept, and where it has not
fallen for three epochs the training ends. Testing photos take no part.

The tuned network is kept in the store, with the vectors of all photos. A logistic head
is trained on these, tested once, and saved as "finetuned", or --head. Beside its accuracy
stands that of a logistic head on the network as it was, by the vectors in the store, on
the same photos, with the probability of such a difference by chance (McNemar's exact
test). 8-bit numbers cannot be trained: of the embedded network the floats are, and the
tuned network computes with floats. predict --head
finetuned needs no file; models export writes the network as ONNX. ingest, train,
evaluate and export still take the network that was there before, unless --model names
the tuned one. Photos that come later need ingest --model with its name.

--hidden 512,128 puts layers of your own between the network and the output, fully
connected, with rectifiers. They are trained as train --head mlp does, and then together
with the network; the head that is saved is these layers, an mlp, as they were trained.

--from says which part is trained: what lies above a tensor, above a share of the
computation such as 60% (or up to 5 % more, where fewer activations make the cache
smaller), or all of it: input. The default is 60%, and 80% for fewer than 100 training
photos, or more where the time or the cache is short. From the input, photos are decoded
anew each epoch. The photos have to be where they were when they were ingested.

--size tunes at another size of what the network sees than that of the store's vectors, if
the network takes it. The tuned network then sees photos at this size.

What photos give at the layer below, their activations, is kept in a file beside the
store, <store>.cut, as float16: computed once, for all epochs and later runs. --cache is
its limit in GB; then activations of other layers and networks go first, and what has no
room is computed anew in each epoch. 1 GiB of the disk stays free. The result is the
same with and without it, and it may be deleted at any time. One process uses it; another
goes on without.

With --augment, training photos are seen changed a little: flip,crop=10,scale=10,
brightness=10,color=20,rotate=5 or some of these, as ingest --help explains. Above a cut
the epochs take turns with --views of each photo, itself among them, whose activations are
kept too; with --from input each epoch has new ones. The new layer is fitted on plain
photos first, and validation and testing photos are always plain.

--time ends the training after about so long: as many epochs are planned as fit, from
a measurement of a few steps. What is planned is said beforehand.

Every epoch leaves a checkpoint in the store: after Ctrl-C, --resume goes on with the
settings of the interrupted run.

JSON: a line with event "plan" (model, width, height, cut, below, training, validation, epochs, seconds), lines
with event "epoch" (epoch, epochs, step, steps, loss, ended, validation, validation_loss),
"progress" and "warning", then one with event "result": head, model, from, cut, below, epoch,
test and frozen_test (correct, total, accuracy, low, high), only_frozen and only_tuned (photos
that only the one or only the other tells wrongly), p, seconds.` + storeExits(),
		Example: `  featstore finetune
  featstore finetune --from 80% --epochs 3
  featstore finetune --from input --time 10m
  featstore finetune --size 384
  featstore finetune --augment flip
  featstore finetune --from input --augment flip,crop=10
  featstore finetune --hidden 512
  featstore predict --head finetuned some.jpg`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.sensible(cmd.Flags()); err != nil {
				return err
			}
			return a.withStore(store.Options{}, func(db *store.DB) error { return a.finetune(cmd.Context(), db, f) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "what is trained: above this tensor, above a share of the computation such as 60%, or all: input")
	flags.StringVar(&f.size, "size", "", "pixels a side of what the network sees, or width by height as 384x256 (default: that of the model)")
	flags.StringVar(&f.head, "head", tunedHead, "name under which the head is saved")
	flags.StringSliceVar(&f.models, "model", nil, "model whose network is tuned, an id or a name (default: the store's only one)")
	flags.DurationVar(&f.limit, "time", 0, "about how long it may take, such as 10m")
	flags.Float64Var(&f.cache, "cache", defaultCache, "GB that the activations kept beside the store may take on disk; 0 for none")
	flags.StringVar(&f.augmentText, "augment", "", "how views of training photos differ from them (default: no views)")
	flags.IntVar(&f.views, "views", 2, "with --augment: views of each training photo, itself among them, which epochs take in turns; from the input each epoch has a new one")
	flags.BoolVar(&f.resume, "resume", false, "go on from the checkpoint of an interrupted run")
	tuneFlags(flags, &f.cfg)
	return cmd
}

// tuneFlags are the settings of the training.
func tuneFlags(flags *pflag.FlagSet, cfg *train.TuneConfig) {
	flags.IntVar(&cfg.Epochs, "epochs", cfg.Epochs, "how often each photo is trained on, at most")
	flags.IntVar(&cfg.Patience, "patience", cfg.Patience, "epochs without a lower validation loss after which to end; 0 for never")
	flags.IntVar(&cfg.Batch, "batch", cfg.Batch, "photos in a minibatch")
	flags.StringVar(&cfg.Optimizer, "optimizer", cfg.Optimizer, "adamw, or sgd: gradient descent with momentum 0.9")
	flags.Float64Var(&cfg.Rate, "rate", cfg.Rate, "highest learning rate (sgd: 0.01)")
	flags.Float64Var(&cfg.Warmup, "warmup", cfg.Warmup, "share of the steps in which the rate rises")
	flags.Float64Var(&cfg.Decay, "weight-decay", cfg.Decay, "weight decay, not of biases")
	flags.Float64Var(&cfg.Clip, "clip", cfg.Clip, "longest gradient")
	flags.Float64Var(&cfg.Smoothing, "smoothing", cfg.Smoothing, "label smoothing")
	flags.Float64Var(&cfg.Dropout, "dropout", cfg.Dropout, "share of the inputs of each new layer that is left out")
	flags.Float64Var(&cfg.Mixup, "mixup", cfg.Mixup, "alpha of mixup; 0 for none")
	flags.IntSliceVar(&cfg.Hidden, "hidden", cfg.Hidden, "units of hidden layers between network and output, joined by commas (default: none)")
	flags.StringVar(&cfg.Balance, "balance", cfg.Balance, "how unequally common labels are trained on: weights or none")
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed of every random choice")
}

// resumable are the flags that --resume may stand beside: the others are settings of the
// interrupted run.
var resumable = map[string]bool{"resume": true, "head": true, "cache": true, "store": true, "wait": true, "json": true, "quiet": true, "color": true}

// sensible completes the settings and refuses those that make no sense.
func (f *finetuning) sensible(flags *pflag.FlagSet) (err error) {
	if !flags.Changed("rate") {
		f.cfg.Rate = train.DefaultTuneRate(f.cfg.Optimizer)
	}
	if err := f.cfg.Validate(); err != nil {
		return &usageError{err: err}
	}
	switch {
	case f.head == "" || len(f.head) > 1024:
		return usagef("--head %q: want 1 to 1,024 bytes of text", f.head)
	case !(f.cache >= 0 && f.cache <= 1e6):
		return usagef("--cache %v: want GB, 0 for none", f.cache)
	case f.views < 2:
		return usagef("--views %d: want at least 2, the photo itself and another", f.views)
	case flags.Changed("views") && !flags.Changed("augment"):
		return usagef("--views goes with --augment, which says how they differ")
	case flags.Changed("views") && f.from == "input":
		return usagef("--views goes with a cut above the input: from the input each epoch has new views")
	case f.limit < 0 || flags.Changed("time") && f.limit == 0:
		return usagef("--time %v: want a time such as 10m", f.limit)
	}
	if flags.Changed("augment") && !f.resume {
		if f.augment, err = photo.ParseAugment(f.augmentText); err != nil {
			return &usageError{err: fmt.Errorf("--augment: %w", err)}
		}
	}
	if f.resume {
		flags.Visit(func(flag *pflag.Flag) {
			if !resumable[flag.Name] && err == nil {
				err = usagef("--resume goes on with the settings of the interrupted run: --%s cannot be changed", flag.Name)
			}
		})
	}
	return err
}

// finetune does the command's work.
func (a *app) finetune(ctx context.Context, db *store.DB, f finetuning) (err error) {
	started := time.Now()
	checkpoint, err := f.checkpoint(db)
	if err != nil {
		return err
	}
	photos, err := tuningPhotos(db, f.models)
	if err != nil {
		return trainAdvice(err)
	}
	if err := checkpoint.fits(photos); err != nil {
		return err
	}
	if err := photos.lieWhereTheyDid(db); err != nil {
		return err
	}
	network, err := networkAt(db, photos.model, f.size)
	if err != nil {
		return err
	}
	network = network.InFloat() // 8-bit numbers cannot be trained
	tuning, err := a.planTuning(ctx, network, photos, &f)
	if err != nil {
		return err
	}
	if f.resume {
		f.cfg.Resume = checkpoint.State
	} else if checkpoint.State != nil {
		a.warn("head %q has a checkpoint of an interrupted run, which is given up: --resume would go on with it", f.head)
	}
	if !f.resume {
		if err := dropUnfinished(db, f.head, photos.model.ID); err != nil {
			return err
		}
	}
	source, err := a.tuningSource(ctx, db, network, tuning, photos, photos.known(split.Training), f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	return a.tuneAndKeep(ctx, db, network, tuning, photos, source, f, started)
}

// tuneAndKeep trains, and puts network, vectors and head into the store.
func (a *app) tuneAndKeep(ctx context.Context, db *store.DB, network *extract.Network, tuning *extract.Tuning, photos *tuningSet,
	source *tuningSource, f finetuning, started time.Time) error {
	_, before, err := headOn(ctx, db, photos.model.ID)
	if err != nil {
		return err
	}
	result, err := a.tune(ctx, db, tuning, photos, source, f, started)
	if err != nil {
		return err
	}
	tuned, after, err := a.finishTuning(ctx, db, network, tuning, photos, result, f)
	if err != nil {
		return f.adviseResume(err)
	}
	return a.reportTuning(f, photos.model, tuned, tuning.Cut(), result, before, after, time.Since(started))
}

// finishTuning puts what was trained into the store. What it leaves where it is interrupted
// is taken up by --resume, and removed by a run that begins anew.
func (a *app) finishTuning(ctx context.Context, db *store.DB, network *extract.Network, tuning *extract.Tuning, photos *tuningSet,
	result *train.Tuned, f finetuning) (store.Model, *train.Report, error) {
	tuned, err := a.keepTuned(ctx, db, network, tuning, photos, f.head)
	if err != nil {
		return tuned, nil, fmt.Errorf("keep the tuned network: %w", err)
	}
	head, after, err := f.headOf(ctx, db, tuned, result)
	if err != nil {
		return tuned, nil, err
	}
	return tuned, after, saveTunedHead(db, tuned, head, f.head)
}

// adviseResume says how to go on after epochs that were kept, unless something else is to be
// done first.
func (f *finetuning) adviseResume(err error) error {
	if hinted := new(hintedError); errors.As(err, &hinted) {
		return err
	}
	return hint(err, "the epochs that ended are kept: go on with %s", resumeTuning(f.head))
}

// tune runs the training with its checkpoints and progress.
func (a *app) tune(ctx context.Context, db *store.DB, tuning *extract.Tuning, photos *tuningSet, source *tuningSource,
	f finetuning, started time.Time) (*train.Tuned, error) {
	f.cfg.Checkpoint = func(state []byte) error { return putCheckpoint(db, f, tuning, photos, state) }
	f.cfg.Enough = enough(f.limit, started)
	progress := a.tuningProgress(len(photos.known(split.Training)), f.cfg.Batch)
	defer func() { progress.stop() }()
	network := tunable.Network{Tuning: tuning}
	result, err := train.Tune(ctx, network, len(photos.labels), source.of(split.Training), source.of(split.Validation), f.cfg, progress.tell)
	switch {
	case errors.Is(err, train.ErrOtherTuning):
		return nil, hint(err, "begin anew without --resume")
	case err != nil && progress.ended > 0:
		return nil, f.adviseResume(err)
	}
	return result, err
}

// enough returns what ends the training when another epoch would not fit into the time.
func enough(limit time.Duration, started time.Time) func(int) bool {
	if limit <= 0 {
		return nil
	}
	last, longest := time.Now(), time.Duration(0)
	return func(int) bool {
		now := time.Now()
		longest = max(longest, now.Sub(last))
		last = now
		return now.Sub(started)+longest > limit
	}
}

// tuningCores is how many cores the training takes.
func tuningCores() int { return runtime.GOMAXPROCS(0) }
