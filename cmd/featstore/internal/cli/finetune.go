package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"featstore/extract"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// A finetuning is what finetune was asked for.
type finetuning struct {
	cfg    train.TuneConfig
	head   string
	models []string
	from   string
	memory float64 // GB of activations
	resume bool
}

func finetuneCommand(a *app) *cobra.Command {
	f := finetuning{cfg: train.DefaultTuneConfig()}
	cmd := &cobra.Command{
		Use:   "finetune",
		Short: "Train the upper layers of the network too, and say what that brings",
		Long: `Trains the upper layers of the network on the training split, together with a new
layer on top. The lower layers stay as they are, so each photo goes through them once.
The new layer is first fitted on the network as it is. Then both are trained by
AdamW for a few epochs, with a rate that rises and falls once. After each epoch the
averaged weights are tried on the validation split; those with the lowest loss are kept.
Testing photos take no part.

The tuned network is kept in the store, with the vectors of all photos. A logistic head
is trained on these, tested once, and saved as "finetuned", or --head. predict --head
finetuned needs no file; models export writes the network as ONNX. ingest, train,
evaluate and export still take the network that was there before, unless --model names
the tuned one. Later photos need ingest --model with its name.

--from says which part is trained: what lies above a tensor, above a share of the
computation such as 60%, or all of it: input. The photos have to be where they were
when they were ingested.

Every epoch leaves a checkpoint in the store: after Ctrl-C, --resume goes on.

JSON: lines with event "epoch" (epoch, epochs, step, steps, loss, ended, validation,
validation_loss), "progress" and "warning", then one with event "result": head, model, from,
cut, below, epoch, test and frozen_test (correct, total, share, low, high), only_frozen and
only_tuned (photos that only the one or only the other tells wrongly), seconds.` + storeExits(),
		Example: `  featstore finetune
  featstore finetune --from 80% --epochs 3
  featstore predict --head finetuned some.jpg`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.cfg.Validate(); err != nil {
				return err
			}
			if !(f.memory > 0) || f.head == "" || len(f.head) > 1024 {
				return usagef("--cache wants a number above 0, --head a name")
			}
			return a.withStore(store.Options{}, func(db *store.DB) error { return a.finetune(cmd.Context(), db, f) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "what is trained: above this tensor, above a share of the computation such as 60%, or all: input")
	flags.StringVar(&f.head, "head", "finetuned", "name under which the head is saved")
	flags.StringSliceVar(&f.models, "model", nil, "model whose network is tuned, an id or a name (default: the store's only one)")
	flags.IntVar(&f.cfg.Epochs, "epochs", f.cfg.Epochs, "how often each photo is trained on")
	flags.IntVar(&f.cfg.Batch, "batch", f.cfg.Batch, "photos in a minibatch")
	flags.Float64Var(&f.cfg.Rate, "rate", f.cfg.Rate, "highest learning rate")
	flags.Float64Var(&f.cfg.Decay, "weight-decay", f.cfg.Decay, "weight decay, not of biases")
	flags.Float64Var(&f.cfg.Smoothing, "smoothing", f.cfg.Smoothing, "label smoothing")
	flags.Float64Var(&f.cfg.Dropout, "dropout", f.cfg.Dropout, "share of features left out before the new layer")
	flags.Float64Var(&f.cfg.Mixup, "mixup", f.cfg.Mixup, "alpha of mixup; 0 for none")
	flags.StringVar(&f.cfg.Balance, "balance", f.cfg.Balance, "how unequally common labels are trained on: weights or none")
	flags.Uint64Var(&f.cfg.Seed, "seed", 0, "seed of every random choice")
	flags.Float64Var(&f.memory, "cache", 2, "GB of memory that the activations of all photos may take")
	flags.BoolVar(&f.resume, "resume", false, "go on from the checkpoint of an interrupted run")
	return cmd
}

// finetune does the command's work.
func (a *app) finetune(ctx context.Context, db *store.DB, f finetuning) error {
	started := time.Now()
	ids, err := trainingModels(db, f.models)
	if err != nil {
		return err
	}
	base, indexes, err := tuningPhotos(db, ids)
	if err != nil {
		return trainAdvice(err)
	}
	network, err := networkOf(db, base, nil, extract.ModelLimits{})
	if err != nil {
		return err
	}
	cut, err := chooseCut(network, f.from)
	if err != nil {
		return err
	}
	if network, err = networkOf(db, base, nil, extract.ModelLimits{}); err != nil { // one for the tuning alone
		return err
	}
	tuning, err := network.Tune(extract.TuningOptions{Cut: cut.Tensor, Cores: runtime.GOMAXPROCS(0)})
	if errors.Is(err, extract.ErrNoGradient) {
		return hint(err, "train from a higher layer on: --from TENSOR, or --from with a larger share")
	}
	if err != nil {
		return err
	}
	a.say("training what lies above %s, %.0f %% of the computation: %s, %s", cut.Tensor, 100*(1-cut.Below),
		count(indexes[split.Training].Len(), "training photo"), count(f.cfg.Epochs, "epoch"))
	photos, err := a.activations(ctx, db, tuning, network, indexes, f.memory)
	if err != nil {
		return err
	}
	_, before, err := a.headOn(ctx, db, base.ID)
	if err != nil {
		return err
	}
	result, err := a.tune(ctx, db, tuning, photos, len(indexes[split.Training].Labels), f)
	if err != nil {
		return err
	}
	tuned, err := keepTuned(ctx, db, tuning, base, cut, photos, indexes[split.Training])
	if err != nil {
		return fmt.Errorf("keep the tuned network: %w", err)
	}
	head, after, err := a.headOn(ctx, db, tuned.ID)
	if err != nil {
		return err
	}
	if err := saveTunedHead(db, head, f.head); err != nil {
		return err
	}
	return a.reportTuning(f, base, tuned, cut, result, before, after, time.Since(started))
}

// tuningPhotos returns the model to tune and its photos by split, all with the labels of
// the training split.
func tuningPhotos(db *store.DB, ids []string) (m store.Model, indexes [len(split.All)]*store.Index, err error) {
	err = db.View(func(tx *store.Tx) error {
		models, err := tx.Models()
		if err != nil {
			return err
		}
		switch all := store.Untuned(models); {
		case len(ids) > 1:
			return usagef("--model: one network is tuned at a time")
		case len(ids) == 1:
			m, err = tx.Model(ids[0])
		case len(all) == 0:
			return fmt.Errorf("%w: the store has no features yet", train.ErrNoImages)
		default:
			m = all[0]
		}
		for _, s := range split.All {
			if err == nil {
				indexes[s], err = tx.Index([]string{m.ID}, s)
			}
		}
		return err
	})
	if err != nil {
		return m, indexes, err
	}
	labels := indexes[split.Training].Labels
	switch len(labels) {
	case 0:
		return m, indexes, fmt.Errorf("%w: no photo is in the training split", train.ErrNoImages)
	case 1:
		return m, indexes, hint(fmt.Errorf("%w, %q, has training photos", train.ErrOneLabel, labels[0]), "ingest a folder that has one folder of photos a label")
	}
	return m, indexes, nil
}

// chooseCut finds the tensor that --from means.
func chooseCut(n *extract.Network, from string) (extract.Cut, error) {
	cuts, err := n.Cuts()
	if err != nil {
		return extract.Cut{}, err
	}
	if from == "input" {
		return cuts[0], nil
	}
	least := 0.6
	if text, ok := strings.CutSuffix(from, "%"); ok {
		share, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || share < 0 || share > 100 {
			return extract.Cut{}, usagef("--from %s: want 0%% to 100%%", from)
		}
		least = share / 100
	} else if from != "" {
		for _, c := range cuts {
			if c.Tensor == from {
				return c, nil
			}
		}
		var names []string
		for _, c := range cuts {
			names = append(names, c.Tensor)
		}
		return extract.Cut{}, hint(usagef("--from %s: the network cannot be parted there", from), "it can at: %s", strings.Join(clip(names), ", "))
	}
	best := cuts[len(cuts)-1] // of those above the share, the one with the least numbers a photo
	for _, c := range cuts {
		if c.Below >= least && (c.Below < best.Below-0.03 || c.Below < best.Below+0.03 && size(c) < size(best) || best.Below < least) {
			best = c
		}
	}
	if from == "" {
		for _, c := range cuts {
			if c.Tensor == defaultCut {
				best = c
			}
		}
	}
	return best, nil
}

// defaultCut is where the embedded network is parted: five of its blocks are trained.
const defaultCut = "block10.add"

func size(c extract.Cut) int {
	n := 1
	for _, d := range c.Shape {
		n *= d
	}
	return n
}

// tune runs the training with its checkpoints and progress.
func (a *app) tune(ctx context.Context, db *store.DB, tuning *extract.Tuning, photos tuningSet, labels int, f finetuning) (*train.Tuned, error) {
	if f.resume {
		err := db.View(func(tx *store.Tx) (err error) {
			f.cfg.Resume, err = tx.Checkpoint(f.head)
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil, hint(fmt.Errorf("--resume: there is no checkpoint of head %q", f.head), "without --resume the training begins anew")
		}
		if err != nil {
			return nil, err
		}
	}
	f.cfg.Checkpoint = func(state []byte) error {
		return db.Update(func(tx *store.Tx) error { return tx.PutCheckpoint(f.head, state) })
	}
	step := gaugeOf(a, "finetune", "photo")
	defer step.stop()
	result, err := train.Tune(ctx, tunable{tuning}, labels, photos.of(split.Training), photos.of(split.Validation), f.cfg, func(e train.Event) {
		p, ok := e.(train.TuneProgress)
		if !ok {
			return
		}
		step.set(int64(min(p.Step*f.cfg.Batch, p.Epochs*len(photos[split.Training]))), int64(p.Epochs*len(photos[split.Training])))
		if p.Ended {
			a.tellEvent("epoch", p)
		}
	})
	switch {
	case errors.Is(err, context.Canceled):
		return nil, hint(err, "the epochs that ended are kept: go on with --resume")
	case errors.Is(err, train.ErrOtherTuning):
		return nil, hint(err, "begin anew without --resume")
	}
	return result, err
}

// tunable makes an extract.Tuning what train trains.
type tunable struct{ *extract.Tuning }

func (t tunable) Weights() []train.TunedWeights {
	var all []train.TunedWeights
	for _, p := range t.Parameters() {
		all = append(all, train.TunedWeights{Name: p.Name, Values: p.Values, Gradient: p.Gradient, Bias: p.Bias})
	}
	return all
}

// headOn trains a logistic head on a model's vectors and tests it once.
func (a *app) headOn(ctx context.Context, db *store.DB, model string) (*train.Head, *train.Report, error) {
	cfg := train.DefaultsOf(train.KindLogistic)
	cfg.Models, cfg.RejectRate = []string{model}, train.DefaultRejectRate
	return train.Train(ctx, db, cfg, nil)
}

// saveTunedHead saves the head, and removes the checkpoint and the network of an earlier
// head of the same name.
func saveTunedHead(db *store.DB, head *train.Head, name string) error {
	var before store.Head
	err := db.View(func(tx *store.Tx) (err error) {
		before, err = tx.Head(name)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) {
		return err
	}
	head.Version = thisBuild().Version
	if err := head.Save(db, name); err != nil {
		return fmt.Errorf("save head: %w", err)
	}
	return db.Update(func(tx *store.Tx) error {
		for _, id := range before.Models {
			m, err := tx.Model(id)
			if err != nil || m.Tuned == nil || id == head.Models[0] {
				continue
			}
			if err := tx.DeleteModel(id); err != nil && !errors.Is(err, store.ErrInUse) {
				return err
			}
		}
		return tx.DeleteCheckpoint(name)
	})
}

// A tuneResult is the last line of --json.
type tuneResult struct {
	Event      string            `json:"event"`
	Head       string            `json:"head"`
	Model      string            `json:"model"`
	From       string            `json:"from"`
	Cut        string            `json:"cut"`
	Below      float64           `json:"below"` // share of the computation that stayed as it was
	Epoch      int               `json:"epoch"`
	Test       *train.Proportion `json:"test"`
	FrozenTest *train.Proportion `json:"frozen_test"`
	OnlyFrozen int               `json:"only_frozen"`
	OnlyTuned  int               `json:"only_tuned"`
	Seconds    float64           `json:"seconds"`
}

// reportTuning says what tuning has brought.
func (a *app) reportTuning(f finetuning, base, tuned store.Model, cut extract.Cut, result *train.Tuned, before, after *train.Report, took time.Duration) error {
	r := tuneResult{Event: "result", Head: f.head, Model: tuned.ID, From: base.ID, Cut: cut.Tensor, Below: cut.Below, Epoch: result.Epoch, Seconds: took.Seconds()}
	if before != nil && after != nil {
		r.Test, r.FrozenTest = &after.Accuracy, &before.Accuracy
		r.OnlyFrozen, r.OnlyTuned = onlyIn(before.Misses, after.Misses), onlyIn(after.Misses, before.Misses)
	}
	if a.json {
		return a.emit(r)
	}
	if r.Test != nil {
		fmt.Fprintln(a.Out, after)
		fmt.Fprintln(a.Out, after.Interval())
		fmt.Fprintf(a.Out, "without tuning: %.1f%% (%s); of the mistakes %d are gone and %d are new\n", 100*before.Accuracy.Share, before.Interval(), r.OnlyFrozen, r.OnlyTuned)
	} else {
		a.warn("the testing split is empty, so the accuracy stays unknown: add photos")
	}
	a.say("network %s and head %q are in the store, in %s: %s", describeModel(tuned), f.head, durationText(took), run("predict").of("--head", f.head).with("FILE"))
	return nil
}

// onlyIn counts the photos that are in one list of misses and not in the other.
func onlyIn(one, other []train.Miss) int {
	known := map[split.Digest]bool{}
	for _, m := range other {
		known[m.Digest] = true
	}
	n := 0
	for _, m := range one {
		if !known[m.Digest] {
			n++
		}
	}
	return n
}
