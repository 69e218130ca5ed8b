package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
)

// How much of the computation stays as it is where nobody says: for few photos more, as
// they cannot teach much.
const (
	usualShare     = 0.6
	fewToTuneShare = 0.8
	fewToTune      = 100
)

// planTuning chooses the cut and the epochs, says what is planned, and returns the network
// parted there.
func (a *app) planTuning(ctx context.Context, network *extract.Network, photos *tuningSet, f *finetuning) (*extract.Tuning, error) {
	cuts, err := network.Cuts()
	if errors.Is(err, extract.ErrModel) {
		return nil, hint(err, "the store's vectors of it stay usable: %s", run("train"))
	}
	if err != nil {
		return nil, err
	}
	all, training := photos.count(), len(photos.known(split.Training))
	cut, err := chooseCut(cuts, f.from, training)
	if err != nil {
		return nil, err
	}
	views := all + (f.viewCount()-1)*training
	for f.from == "" && f.cache > 0 && activationBytes(cut, views) > f.cacheBytes() && cut.Tensor != cuts[len(cuts)-1].Tensor {
		cut = extract.CutAbove(cuts, cut)
	}
	for {
		tuning, err := parted(network, cuts, cut)
		if err != nil {
			return nil, err
		}
		outlook, err := a.cacheOutlook(network, cut, photos, f)
		if err != nil {
			return nil, err
		}
		estimate, err := measureTuning(ctx, network, tuning, photos, outlook)
		if err != nil {
			return nil, err
		}
		const fewest = 3 // epochs that are worth it
		if epochs := estimate.epochsIn(f.limit); !f.resume && epochs < f.cfg.Epochs {
			if next := extract.CutAbove(cuts, cut); f.from == "" && epochs < min(fewest, f.cfg.Epochs) && next.Tensor != cut.Tensor {
				cut = next
				continue
			}
			f.cfg.Epochs = max(epochs, 1)
		}
		return tuning, a.tellPlan(photos, network, cut, f.cfg.Epochs, estimate.seconds(f.cfg.Epochs))
	}
}

// cacheBytes is how large the file of activations may become.
func (f *finetuning) cacheBytes() float64 { return f.cache * 1e9 }

// viewCount is how many views of each training photo are kept at a cut.
func (f *finetuning) viewCount() int {
	if f.augment == (photo.Augment{}) {
		return 1
	}
	return f.views
}

// activationBytes is what the activations of views take, as float16.
func activationBytes(c extract.Cut, views int) float64 {
	return 2 * float64(c.Len()) * float64(views)
}

// chooseCut finds the tensor that --from means, or the default for so many photos.
func chooseCut(cuts []extract.Cut, from string, training int) (extract.Cut, error) {
	switch {
	case from == "" && training < fewToTune:
		return extract.CutAt(cuts, fewToTuneShare), nil
	case from == "":
		return extract.CutAt(cuts, usualShare), nil
	}
	cut, err := extract.FindCut(cuts, from)
	if err != nil {
		var names []string
		for _, c := range cuts {
			names = append(names, c.Tensor)
		}
		return cut, hint(usagef("--from %w", err), "it can at: %s", strings.Join(clip(names), ", "))
	}
	return cut, nil
}

// parted parts the network. Where it cannot be trained through it names the lowest cut
// above which it can.
func parted(network *extract.Network, cuts []extract.Cut, cut extract.Cut) (*extract.Tuning, error) {
	tuning, err := network.Tune(extract.TuningOptions{Cut: cut.Tensor, Cores: tuningCores()})
	if !errors.Is(err, extract.ErrNoGradient) {
		return tuning, err
	}
	at := slices.IndexFunc(cuts, func(c extract.Cut) bool { return c.Tensor == cut.Tensor })
	above := cuts[at+1:]
	lowest := sort.Search(len(above), func(i int) bool { // what can be trained from a cut on can from all above
		_, err := network.Tune(extract.TuningOptions{Cut: above[i].Tensor, Images: 1, Cores: 1})
		return err == nil
	})
	if lowest == len(above) {
		return nil, hint(fmt.Errorf("the network cannot be trained from %s on: %w", cut.Tensor, err), "no part of it can: take another network")
	}
	c := above[lowest]
	return nil, hint(fmt.Errorf("the network cannot be trained from %s on: %w", cut.Tensor, err),
		"the lowest tensor from which it can is %s, above %.0f %% of the computation: --from %s", c.Tensor, 100*c.Below, argument(c.Tensor))
}

// otherwiseTuned says in what a network that is tuned differs from a model's own.
func otherwiseTuned(m store.Model, network *extract.Network) string {
	var how []string
	i := network.Info()
	if m.Precision == extract.Precision8Bit {
		how = append(how, "in float")
	}
	if own, err := recordedRequest(m); err == nil && (own.Preprocess.Width != i.Preprocess.Width || own.Preprocess.Height != i.Preprocess.Height) {
		how = append(how, fmt.Sprintf("at %d×%d", i.Preprocess.Width, i.Preprocess.Height))
	}
	if how == nil {
		return ""
	}
	return ", tuned " + strings.Join(how, " ")
}

// A tuningPlan is the first line of --json.
type tuningPlan struct {
	Event      string  `json:"event"`
	Model      string  `json:"model"`
	Width      int     `json:"width"` // of what the network sees
	Height     int     `json:"height"`
	Cut        string  `json:"cut"`
	Below      float64 `json:"below"` // share of the computation that stays as it is
	Training   int     `json:"training"`
	Validation int     `json:"validation"`
	Epochs     int     `json:"epochs"`
	Seconds    float64 `json:"seconds"` // estimated
}

func (a *app) tellPlan(photos *tuningSet, network *extract.Network, cut extract.Cut, epochs int, estimate time.Duration) error {
	training, validation := len(photos.known(split.Training)), len(photos.known(split.Validation))
	if validation == 0 {
		a.warn("the validation split is empty: the weights after the last epoch are kept, as none can be chosen")
	}
	how := network.Info().Preprocess
	if a.json {
		return a.emit(tuningPlan{"plan", photos.model.ID, how.Width, how.Height, cut.Tensor, cut.Below, training, validation, epochs, estimate.Seconds()})
	}
	a.say("network: %s%s", describeModel(photos.model), otherwiseTuned(photos.model, network))
	a.say("training what lies above %s, %.0f %% of the computation, on %s for %s: about %s", cut.Tensor, 100*(1-cut.Below),
		count(training, "photo"), count(epochs, "epoch"), durationText(estimate))
	return nil
}
