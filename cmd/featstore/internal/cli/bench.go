package cli

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"featstore/cmd/featstore/internal/bench"
	"featstore/cmd/featstore/internal/drawn"
	"featstore/extract"
	"featstore/extract/ingest"
)

func benchCommand(a *app) *cobra.Command {
	var nets networkFlags
	var limit int
	var budget time.Duration
	cmd := &cobra.Command{
		Use:   "bench [FOLDER]",
		Short: "Measure what each step costs on this machine",
		Long: `Measures, step by step: decoding a photo, resizing it, the network (one photo over
all cores, one core alone, and all cores busy with photos of their own), putting a
vector into a store and reading one at random, a training step, and the whole of an
ingest. Photos are taken evenly from FOLDER; without one, pictures of 500×375
pixels are drawn. Each figure is the median over a second or more.

JSON, one object: network, width, height, cores, photos, decode_ms, resize_ms,
network_latency_ms, network_core_ms, network_stream_ms, store_put_us,
store_read_us, train_step_us, ingest_images_per_s.` + exits(exitOK, exitFailure, exitUsage, exitInterrupted),
		Example: `  featstore bench
  featstore bench ./flower_photos --json
  featstore bench --size 224`,
		Args: args(0, 1, "a folder of photos, or nothing"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || budget <= 0 {
				return usagef("--limit and --time want something above 0")
			}
			if len(nets.models) == 0 {
				nets.models = []string{embedded}
			}
			networks, err := nets.load()
			if err != nil {
				return err
			}
			if len(networks) != 1 {
				return usagef("bench measures one network at a time, got %d", len(networks))
			}
			photos, err := benchPhotos(cmd.Context(), args, limit)
			if err != nil {
				return err
			}
			return a.bench(cmd.Context(), networks[0], photos, budget)
		},
	}
	nets.register(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "photos to measure with")
	cmd.Flags().DurationVar(&budget, "time", time.Second, "time to spend on each figure")
	return cmd
}

func (a *app) bench(ctx context.Context, n *extract.Network, photos [][]byte, budget time.Duration) error {
	dir, err := os.MkdirTemp("", "featstore-bench")
	if err != nil {
		return fmt.Errorf("make room for measuring: %w", err)
	}
	defer os.RemoveAll(dir)
	r, err := bench.Run(ctx, n, photos, dir, bench.Options{Budget: budget, Step: func(what string) { a.say("measuring: %s", what) }})
	if err != nil {
		return err
	}
	if a.json {
		return a.emit(r)
	}
	fmt.Fprintf(a.Out, "%s at %d×%d, %s, %s\n", r.Network, r.Width, r.Height, count(r.Cores, "core"), count(r.Photos, "photo"))
	t := table{right: "lrl"}
	milli := func(what string, v float64, note string) { t.row(what, fmt.Sprintf("%.2f ms", v), note) }
	micro := func(what string, v float64, note string) { t.row(what, fmt.Sprintf("%.2f µs", v), note) }
	milli("decode", r.Decode, "a photo, one core")
	milli("resize", r.Resize, "a photo, one core")
	milli("network", r.NetworkCore, "a photo, one core")
	milli("", r.NetworkLatency, "a photo over all cores")
	milli("", r.NetworkStream, "a photo, all cores busy with photos of their own")
	micro("store", r.StorePut, "a vector written")
	micro("", r.StoreRead, "a vector read at random")
	micro("train", r.TrainStep, "a step of 100 photos")
	t.row("ingest", fmt.Sprintf("%.0f /s", r.Ingest), "photos, the whole way")
	t.write(a.Out, "  ")
	return nil
}

// benchPhotos returns the files of photos to measure with.
func benchPhotos(ctx context.Context, args []string, limit int) ([][]byte, error) {
	if len(args) == 0 {
		return drawBenchPhotos(limit)
	}
	names, err := ingest.Photos(ctx, args[0])
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: %w in it", args[0], ingest.ErrNoPhotos)
	}
	limit = min(limit, len(names))
	var photos [][]byte
	for i := range limit {
		data, err := os.ReadFile(filepath.Join(args[0], filepath.FromSlash(names[i*len(names)/limit])))
		if err != nil {
			return nil, fmt.Errorf("read photo: %w", err)
		}
		photos = append(photos, data)
	}
	return photos, nil
}

func drawBenchPhotos(limit int) ([][]byte, error) {
	var photos [][]byte
	for i := range limit {
		img, err := drawn.Sized(drawn.Kinds[i%len(drawn.Kinds)], i, 1, 500, 375)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
			return nil, err
		}
		photos = append(photos, b.Bytes())
	}
	return photos, nil
}
