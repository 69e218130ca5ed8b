package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"featstore/cmd/featstore/internal/bench"
	"featstore/extract"
)

// A benchmark is what the command line asks for.
type benchmark struct {
	*app
	nets    networkFlags
	folder  string
	only    []string
	seconds float64
	from    string // of fine-tuning
	batch   int
}

func benchCommand(a *app) *cobra.Command {
	b := benchmark{app: a}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine is, step by step",
		Long: `Measures the steps from a photo to a classifier: decoding, resizing, the network,
writing to a store and reading from it, training; and the whole of an ingest. It runs
the same code as ingest and train. Figures are medians; other programs that run at the
same time distort them.

--only finetune measures fine-tuning: forward, backward and the weights' step, for the
embedded network from block 11 on at 320 pixels in minibatches of 32. --from takes a
tensor above which is trained, input for all layers, or a share of the computation that
stays frozen, such as 60%, as finetune does. models inspect lists the tensors.

Photos are drawn pictures of 500×375 pixels, in JPEG files as large as those of photos,
or at most 100 of your own with --photos. The store has as many vectors as there
are photos in TensorFlow's flower_photos, 3,670, or fewer if vectors are long. All files
are temporary.

GOMAXPROCS=2 in the environment lets it use two cores, FEATSTORE_KERNELS=avx2 or
=portable other kernels than the fastest.

` + networkHelp + `

JSON, one object, figures for one photo or vector unless said otherwise:
  decode_ms, resize_ms  on one core
  network_latency_ms    one photo, its work spread over all cores
  network_core_ms       one photo on one core
  network_stream_ms     a photo on each core: wall time by photos
  store_put_us          with its share of the commits
  store_read_us         drawn at random
  train_step_us         a minibatch
  ingest_images_per_s   from files to the store, all cores
  finetune_ms           forward, backward and step, an image, all cores
and what was run: model, model_id, precision, width, height, dim, macs, kernels, cores, photos,
photo_count, photo_width, photo_height, photo_bytes, photos_unusable, train_batch,
train_labels, ingest_photos, finetune_from, finetune_batch, seconds, version, revision, modified, go, os, arch.` +
			exits(exitOK, exitFailure, exitUsage, exitInterrupted),
		Example: `  featstore bench
  featstore bench --photos ./flower_photos --size 224
  featstore bench --only network --model net.onnx --preprocess imagenet
  featstore bench --only finetune --from input --size 224
  featstore bench --json`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return b.run(cmd.Context())
		},
	}
	b.nets.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&b.folder, "photos", "", "folder of photos to measure with (default: drawn ones)")
	flags.StringSliceVar(&b.only, "only", nil, "steps to measure: "+strings.Join(bench.Steps, ", ")+" (default: all but finetune)")
	flags.StringVar(&b.from, "from", "", "what fine-tuning trains: above a tensor, input, or a share of the work (default: embedded: block 11 on; else 60%)")
	flags.IntVar(&b.batch, "batch", bench.DefaultBatch, "images of a step of fine-tuning")
	flags.Float64Var(&b.seconds, "seconds", 10, "time to spend on measuring")
	return cmd
}

func (b *benchmark) run(ctx context.Context) error {
	if !(b.seconds > 0 && b.seconds <= 3600) {
		return usagef("--seconds %v: want a number above 0, at most 3600", b.seconds)
	}
	if b.batch < 1 || b.batch > 1024 {
		return usagef("--batch %d: want 1 to 1024 images", b.batch)
	}
	network, err := b.network()
	if err != nil {
		return err
	}
	photos, err := b.photos(ctx)
	if err != nil {
		return err
	}
	on, stop := b.progress()
	r, err := bench.Run(ctx, bench.Options{
		Network: network, Photos: photos, Steps: b.only, Budget: time.Duration(b.seconds * float64(time.Second)), Progress: on,
		From: b.from, Batch: b.batch,
	})
	stop()
	switch {
	case errors.Is(err, bench.ErrStep):
		return usagef("--only: %w", err)
	case errors.Is(err, extract.ErrCut):
		return hint(usagef("--from: %w", err), "%s lists where it can be", run("models", "inspect", argument(b.nets.models[0])))
	case errors.Is(err, extract.ErrModel):
		return networkAdvice(b.nets.models[0], err)
	case err != nil:
		return err
	}
	if b.json {
		return b.emit(struct {
			*bench.Result
			build
		}{r, thisBuild()})
	}
	b.print(r)
	return nil
}

// network returns the one network to measure.
func (b *benchmark) network() (*extract.Network, error) {
	if len(b.nets.models) == 0 {
		b.nets.models = []string{embedded}
	}
	if n := len(b.nets.models); n > 1 {
		return nil, usagef("bench measures one network at a time, got %d", n)
	}
	networks, err := b.nets.load(nil, nil)
	if err != nil {
		return nil, err
	}
	return networks[0], nil
}

func (b *benchmark) photos(ctx context.Context) (bench.Photos, error) {
	if b.folder == "" {
		return bench.Draw(ctx)
	}
	files, err := expand(ctx, []string{b.folder})
	if err != nil {
		return bench.Photos{}, err
	}
	if len(files) == 0 {
		return bench.Photos{}, hint(fmt.Errorf("no photos found in %s", b.folder), "give a folder that holds photos, or none for drawn ones")
	}
	return bench.Read(ctx, b.folder, files)
}

// progress shows which measurement is under way. JSON is one object, so there is none
// then.
func (b *benchmark) progress() (on func(what string, done, total int), stop func()) {
	if b.json {
		return nil, func() {}
	}
	var mu sync.Mutex
	var now gauge
	stop = b.watch(func() gauge {
		mu.Lock()
		defer mu.Unlock()
		return now
	})
	on = func(what string, done, total int) {
		mu.Lock()
		defer mu.Unlock()
		now = gauge{"bench: " + what, "step", int64(done), int64(total)}
	}
	return on, stop
}

func (b *benchmark) print(r *bench.Result) {
	build := thisBuild()
	fmt.Fprintf(b.Out, "%s at %d×%d in %s: %s features, %.2f billion multiplications\n", r.Model, r.Width, r.Height, precisionText(r.Precision), grouped(r.Dim), float64(r.MACs)/1e9)
	fmt.Fprintf(b.Out, "%s, %s kernels, %s/%s\n", count(r.Cores, "core"), r.Kernels, build.OS, build.Arch)
	what := "drawn pictures"
	if b.folder != "" {
		what = plural(r.PhotoCount, "photo", "photos") + " of " + r.Photos
	}
	fmt.Fprintf(b.Out, "%s %s, %d×%d and %s on average\n\n", grouped(r.PhotoCount), what, r.PhotoWidth, r.PhotoHeight, bytesText(int64(r.PhotoBytes)))
	t := table{right: "lrl"}
	row := func(name string, value float64, unit, about string) {
		if value > 0 {
			t.row(name, figure(value)+" "+unit, about)
		}
	}
	row("decode", r.DecodeMS, "ms", "a photo, one core")
	row("resize", r.ResizeMS, "ms", "a photo, one core")
	row("network", r.NetworkCoreMS, "ms", "a photo, one core")
	row("", r.NetworkLatencyMS, "ms", "one photo over all cores")
	row("", r.NetworkStreamMS, "ms", "a photo, all cores busy with one each")
	row("store", r.StorePutUS, "µs", "a vector written")
	row("", r.StoreReadUS, "µs", "a vector read at random")
	row("train", r.TrainStepUS, "µs", fmt.Sprintf("a step of %s", count(r.TrainBatch, "vector")))
	row("ingest", r.IngestPerSecond, "/s", "photos, from files to the store")
	row("finetune", r.FinetuneMS, "ms", fmt.Sprintf("an image from %s on, all cores, in steps of %d", r.FinetuneFrom, r.FinetuneBatch))
	t.write(b.Out, "  ")
	if r.Unusable > 0 {
		b.warn("%s could not be used and %s left out", count(r.Unusable, "photo"), plural(r.Unusable, "was", "were"))
	}
}

// figure writes a number with three digits that count.
func figure(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
