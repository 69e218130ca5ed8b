package cli

import (
	"fmt"
	"sync"
	"time"

	"featstore/extract"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// A tuningProgress shows how far the training is.
type tuningProgress struct {
	app           *app
	images, batch int
	ended         int // epochs

	mu    sync.Mutex
	phase string // of the computation, each of which has a rate of its own
	now   gauge
	stop  func()
}

// tuningProgress shows a training on so many images until it is stopped.
func (a *app) tuningProgress(images, batch int) *tuningProgress {
	return &tuningProgress{app: a, images: images, batch: batch, stop: func() {}}
}

// show shows how far a phase is.
func (p *tuningProgress) show(phase string, now gauge) {
	if phase != p.phase {
		p.stop()
	}
	p.mu.Lock()
	p.now = now
	p.mu.Unlock()
	if phase != p.phase {
		p.phase, p.stop = phase, p.app.watch(p.read)
	}
}

func (p *tuningProgress) read() gauge {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// tell takes the events of the training.
func (p *tuningProgress) tell(e train.Event) {
	switch e := e.(type) {
	case train.Progress:
		unit := "photo"
		if e.What == train.ProgressNewLayers {
			unit = "step"
		}
		p.show(e.What, gauge{e.What, unit, int64(e.Done), int64(e.Total)})
	case train.TuneProgress:
		p.show("finetune", p.epochs(e))
		if e.Ended {
			p.ended++
			p.app.tellEvent("epoch", e)
		}
	}
}

// epochs counts the photos from where this run began.
func (p *tuningProgress) epochs(t train.TuneProgress) gauge {
	first := t.Epoch - p.ended
	total := (t.Epochs - first + 1) * p.images
	inEpoch := t.Step - (t.Epoch-1)*(t.Steps/t.Epochs)
	what := "finetune" // a stable name for programs, which are told the rest by "epoch" events
	if !p.app.json {
		what = fmt.Sprintf("finetune: epoch %d of %d, step %d of %d, loss %.3f", t.Epoch, t.Epochs, t.Step, t.Steps, t.Loss)
	}
	return gauge{
		what: what, unit: "photo",
		done: int64((t.Epoch-first)*p.images + min(inEpoch*p.batch, p.images)), total: int64(total),
	}
}

// A tuningResult is the last line of --json.
type tuningResult struct {
	Event      string            `json:"event"`
	Head       string            `json:"head"`
	Model      string            `json:"model"`
	From       string            `json:"from"`
	Cut        string            `json:"cut"`
	Below      float64           `json:"below"` // share of the computation that stayed as it was
	Epoch      int               `json:"epoch"` // whose weights were kept
	Test       *train.Proportion `json:"test"`
	FrozenTest *train.Proportion `json:"frozen_test"`
	OnlyFrozen int               `json:"only_frozen"`
	OnlyTuned  int               `json:"only_tuned"`
	P          *float64          `json:"p"` // of so different counts by chance
	Seconds    float64           `json:"seconds"`
}

// reportTuning says what tuning has brought.
func (a *app) reportTuning(f finetuning, base, tuned store.Model, cut extract.Cut, result *train.Tuned, before, after *train.Report, took time.Duration) error {
	r := tuningResult{Event: "result", Head: f.head, Model: tuned.ID, From: base.ID, Cut: cut.Tensor, Below: cut.Below, Epoch: result.Epoch, Seconds: took.Seconds()}
	if before != nil && after != nil {
		r.Test, r.FrozenTest = &after.Accuracy, &before.Accuracy
		r.OnlyFrozen, r.OnlyTuned = onlyIn(before.Misses, after.Misses), onlyIn(after.Misses, before.Misses)
		p := train.McNemar(r.OnlyFrozen, r.OnlyTuned)
		r.P = &p
	}
	if a.json {
		return a.emit(r)
	}
	if r.Test == nil {
		a.warn("the testing split is empty, so the accuracy stays unknown: add photos")
	} else {
		fmt.Fprintln(a.Out, after)
		fmt.Fprintln(a.Out, after.Interval())
		fmt.Fprintf(a.Out, "Without tuning: %.1f%%\n", 100*before.Accuracy.Share)
		fmt.Fprintln(a.Out, before.Interval())
		fmt.Fprintln(a.Out, r.difference())
	}
	a.say("network %s and head %q are in the store after %s: %s tells what is on a photo", describeModel(tuned), f.head, durationText(took),
		run("predict").of("--head", listItem(f.head)).with("FILE"))
	if base.Precision == extract.Precision8Bit {
		a.say("it computes with floats, which take about three times as long as the 8 bits of the vectors before")
	}
	return nil
}

// difference says whether the two heads differ by more than chance.
func (r tuningResult) difference() string {
	verdict := "no difference shown"
	if *r.P < 0.05 {
		verdict = "tuning is worse"
		if r.OnlyFrozen > r.OnlyTuned {
			verdict = "tuning is better"
		}
	}
	return fmt.Sprintf("Of the mistakes %d are gone and %d are new: %s (p = %.3f)", r.OnlyFrozen, r.OnlyTuned, verdict, *r.P)
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
