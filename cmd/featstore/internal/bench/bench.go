// Package bench measures what each step of the way from a photo to a classifier
// costs on the machine at hand.
//
// It has no code of its own for any step: it calls what ingest and train call, with
// photos, a temporary folder and stores that it removes again, and measures the time.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"featstore/extract"
)

// The steps, in the order in which they are measured.
const (
	StepDecode  = "decode"
	StepResize  = "resize"
	StepNetwork = "network"
	StepStore   = "store"
	StepTrain   = "train"
	StepIngest  = "ingest"

	StepFinetune = "finetune" // only when asked for: it takes a network that can be trained
)

// Steps lists all steps.
var Steps = []string{StepDecode, StepResize, StepNetwork, StepStore, StepTrain, StepIngest, StepFinetune}

// A Result says what was run and what the steps took: per photo or vector unless a
// field says otherwise. Figures are medians. Steps that were not asked for are 0.
type Result struct {
	Model   string `json:"model"`
	ModelID string `json:"model_id"`

	Precision string `json:"precision"` // what numbers the network computes with; in fine-tuning floats always

	Width   int    `json:"width"` // pixels that the network sees
	Height  int    `json:"height"`
	Dim     int    `json:"dim"` // floats of a vector
	MACs    int64  `json:"macs"`
	Kernels string `json:"kernels"`
	Cores   int    `json:"cores"` // that Go uses: GOMAXPROCS

	Photos      string `json:"photos"` // "drawn", or where they come from
	PhotoCount  int    `json:"photo_count"`
	PhotoWidth  int    `json:"photo_width"` // means
	PhotoHeight int    `json:"photo_height"`
	PhotoBytes  int    `json:"photo_bytes"`
	Unusable    int    `json:"photos_unusable"`

	DecodeMS float64 `json:"decode_ms,omitempty"` // one core
	ResizeMS float64 `json:"resize_ms,omitempty"` // one core

	NetworkLatencyMS float64 `json:"network_latency_ms,omitempty"` // one photo over all cores
	NetworkCoreMS    float64 `json:"network_core_ms,omitempty"`    // one photo on one core, the others idle
	NetworkStreamMS  float64 `json:"network_stream_ms,omitempty"`  // all cores busy, a photo each: wall time ÷ photos

	StorePutUS  float64 `json:"store_put_us,omitempty"`  // with its share of the commits
	StoreReadUS float64 `json:"store_read_us,omitempty"` // drawn at random, in minibatches
	TrainStepUS float64 `json:"train_step_us,omitempty"` // a minibatch, with its share of the validations
	TrainBatch  int     `json:"train_batch,omitempty"`   // vectors a minibatch
	TrainLabels int     `json:"train_labels,omitempty"`

	IngestPerSecond float64 `json:"ingest_images_per_s,omitempty"` // photos, from files to the store
	IngestPhotos    int     `json:"ingest_photos,omitempty"`       // in a run

	FinetuneMS    float64 `json:"finetune_ms,omitempty"`   // forward, backward and step, an image, all cores
	FinetuneFrom  string  `json:"finetune_from,omitempty"` // the tensor above which is trained
	FinetuneBatch int     `json:"finetune_batch,omitempty"`

	Seconds float64 `json:"seconds"` // that measuring took, with what it needs
}

// Options say what to measure, and for how long.
type Options struct {
	Network *extract.Network
	Photos  Photos
	Steps   []string      // of Steps; none means all but StepFinetune
	Budget  time.Duration // for measuring, divided among the steps; each takes what it needs at least

	From  string // above what fine-tuning trains, see extract.FindCut; "" for the usual
	Batch int    // images of a step of fine-tuning; 0 for DefaultBatch

	// Progress is told what is measured now, and how many measurements of how many are
	// done. It may be nil.
	Progress func(what string, done, total int)
}

// ErrStep: there is no such step.
var ErrStep = errors.New("no such step")

// A bench is one run.
type bench struct {
	Options
	dir    string // temporary
	photos []photoFile
	result Result
}

// A measurement is a part of a step that is measured by itself.
type measurement struct {
	step   string
	what   string // in words
	weight int    // its share of the time
	do     func(*bench, context.Context, time.Duration) error
}

var measurements = []measurement{
	{StepDecode, "decoding", 1, (*bench).decode},
	{StepResize, "resizing", 1, (*bench).resize},
	{StepNetwork, "network, one photo on all cores", 1, (*bench).latency},
	{StepNetwork, "network on one core", 1, (*bench).core},
	{StepNetwork, "network, a photo on each core", 2, (*bench).stream},
	{StepStore, "writing to a store", 1, (*bench).put},
	{StepStore, "reading from a store", 1, (*bench).read},
	{StepTrain, "training", 1, (*bench).train},
	{StepIngest, "the whole ingest", 3, (*bench).ingest},
	{StepFinetune, "fine-tuning", 3, (*bench).finetune},
}

// Run measures. It returns ctx's error when it is interrupted.
func Run(ctx context.Context, opt Options) (_ *Result, err error) {
	started := time.Now()
	list, err := chosen(opt.Steps)
	if err != nil {
		return nil, err
	}
	b := &bench{Options: opt}
	if b.Progress == nil {
		b.Progress = func(string, int, int) {}
	}
	b.Progress("preparing", 0, len(list))
	if b.dir, err = os.MkdirTemp("", "featstore-bench-"); err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() {
		if e := os.RemoveAll(b.dir); err == nil && e != nil {
			err = fmt.Errorf("remove the temporary folder: %w", e)
		}
	}()
	if err := b.describe(); err != nil {
		return nil, err
	}
	if err := b.all(ctx, list); err != nil {
		return nil, err
	}
	b.result.Seconds = time.Since(started).Seconds()
	return &b.result, nil
}

// chosen returns the measurements of some steps.
func chosen(steps []string) ([]measurement, error) {
	for _, s := range steps {
		if !slices.Contains(Steps, s) {
			return nil, fmt.Errorf("%w: %q: choose of %v", ErrStep, s, Steps)
		}
	}
	var list []measurement
	for _, m := range measurements {
		if slices.Contains(steps, m.step) || len(steps) == 0 && m.step != StepFinetune {
			list = append(list, m)
		}
	}
	return list, nil
}

func (b *bench) all(ctx context.Context, list []measurement) error {
	weights := 0
	for _, m := range list {
		weights += m.weight
	}
	for i, m := range list {
		b.Progress(m.what, i, len(list))
		if err := m.do(b, ctx, b.Budget*time.Duration(m.weight)/time.Duration(weights)); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("measure %s: %w", m.what, err)
		}
	}
	b.Progress("done", len(list), len(list))
	return nil
}

// describe notes what is going to be run, and makes it ready.
func (b *bench) describe() error {
	plan, err := b.Network.Plan()
	if err != nil {
		return err
	}
	i := b.Network.Info()
	b.result = Result{
		Model: i.Name, ModelID: i.ID, Precision: i.Precision, Width: plan.Width, Height: plan.Height, Dim: plan.Features, MACs: plan.MACs,
		Kernels: plan.Kernels, Cores: runtime.GOMAXPROCS(0), Photos: b.Photos.From,
	}
	return b.usable()
}
