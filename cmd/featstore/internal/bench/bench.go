// Package bench measures what each step of the way from a photo to a classifier
// costs on the machine at hand.
package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/store"
)

// A Result is what the steps cost; per photo unless its name says otherwise.
type Result struct {
	Network string `json:"network"`
	Width   int    `json:"width"` // of what the network sees
	Height  int    `json:"height"`
	Cores   int    `json:"cores"`
	Photos  int    `json:"photos"`

	Decode         float64 `json:"decode_ms"`          // file bytes to planes, one core
	Resize         float64 `json:"resize_ms"`          // planes to the network's input, one core
	NetworkLatency float64 `json:"network_latency_ms"` // one photo over all cores
	NetworkCore    float64 `json:"network_core_ms"`    // one photo on one core
	NetworkStream  float64 `json:"network_stream_ms"`  // all cores busy with photos of their own: wall time over photos

	StorePut  float64 `json:"store_put_us"`  // a vector, commit included
	StoreRead float64 `json:"store_read_us"` // a vector drawn at random
	TrainStep float64 `json:"train_step_us"` // a minibatch of 100

	Ingest float64 `json:"ingest_images_per_s"` // the whole way from files to a store
}

// Options say how long to measure.
type Options struct {
	Budget time.Duration // for each step; 0 means a second
	Step   func(string)  // told what is measured next; may be nil
}

// Run measures with the given files of photos. It needs some room below dir.
func Run(ctx context.Context, n *extract.Network, photos [][]byte, dir string, opt Options) (*Result, error) {
	if opt.Budget == 0 {
		opt.Budget = time.Second
	}
	if opt.Step == nil {
		opt.Step = func(string) {}
	}
	info := n.Info()
	b := &bench{ctx: ctx, network: n, photos: photos, dir: dir, opt: opt, result: Result{
		Network: info.Name, Width: info.Preprocess.Width, Height: info.Preprocess.Height,
		Cores: runtime.GOMAXPROCS(0)}}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"decode and resize", b.prepare}, {"network on one core", b.core}, {"network over all cores", b.latency},
		{"network on all cores", b.stream}, {"store", b.store}, {"ingest", b.ingest},
	} {
		opt.Step(step.name)
		if err := step.do(); err != nil {
			return nil, fmt.Errorf("measure %s: %w", step.name, err)
		}
	}
	return &b.result, nil
}

type bench struct {
	ctx     context.Context
	network *extract.Network
	photos  [][]byte
	dir     string
	opt     Options
	inputs  [][]float32 // the photos, prepared
	result  Result
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// repeat calls do until the budget is spent, at least three times after a first
// one that does not count, and returns the median.
func (b *bench) repeat(do func() (time.Duration, error)) (time.Duration, error) {
	if _, err := do(); err != nil {
		return 0, err
	}
	var all []time.Duration
	for started := time.Now(); len(all) < 3 || time.Since(started) < b.opt.Budget; {
		if err := b.ctx.Err(); err != nil {
			return 0, err
		}
		d, err := do()
		if err != nil {
			return 0, err
		}
		all = append(all, d)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// prepare measures decoding and resizing, and keeps the inputs they make.
func (b *bench) prepare() error {
	p := b.network.Info().Preprocess
	var scratch extract.Scratch
	var limits extract.Limits
	var bad error
	b.photos = slices.DeleteFunc(b.photos, func(data []byte) bool {
		_, err := p.Decode(data, limits, &scratch)
		if err != nil {
			bad = err
		}
		return err != nil
	})
	if len(b.photos) == 0 {
		return fmt.Errorf("no photo can be read: %w", bad)
	}
	b.result.Photos = len(b.photos)
	b.inputs = make([][]float32, len(b.photos))
	for i := range b.inputs {
		b.inputs[i] = make([]float32, p.Len())
	}
	var resizes []time.Duration
	decode, err := b.repeat(func() (time.Duration, error) {
		var decoding, resizing time.Duration
		for i, data := range b.photos {
			t0 := time.Now()
			photo, err := p.Decode(data, limits, &scratch)
			if err != nil {
				return 0, err
			}
			t1 := time.Now()
			if err := p.Fill(b.inputs[i], photo, &scratch); err != nil {
				return 0, err
			}
			decoding, resizing = decoding+t1.Sub(t0), resizing+time.Since(t1)
		}
		resizes = append(resizes, resizing)
		return decoding, nil
	})
	if err != nil {
		return err
	}
	slices.Sort(resizes)
	each := time.Duration(len(b.photos))
	b.result.Decode, b.result.Resize = ms(decode/each), ms(resizes[len(resizes)/2]/each)
	return nil
}

// run measures the network on one extractor.
func (b *bench) run(x *extract.Extractor) (time.Duration, error) {
	dst := make([]float32, b.network.Info().Dim)
	i := 0
	return b.repeat(func() (time.Duration, error) {
		started := time.Now()
		err := x.ExtractInput(b.ctx, b.inputs[i%len(b.inputs)], dst)
		i++
		return time.Since(started), err
	})
}

func (b *bench) core() error {
	x, err := b.network.NewExtractor()
	if err != nil {
		return err
	}
	d, err := b.run(x)
	b.result.NetworkCore = ms(d)
	return err
}

func (b *bench) latency() error {
	x, err := b.network.NewParallelExtractor(b.result.Cores)
	if err != nil {
		return err
	}
	d, err := b.run(x)
	b.result.NetworkLatency = ms(d)
	return err
}

// stream measures all cores at once, each with photos of its own.
func (b *bench) stream() error {
	extractors := make([]*extract.Extractor, b.result.Cores)
	for i := range extractors {
		x, err := b.network.NewExtractor()
		if err != nil {
			return err
		}
		extractors[i] = x
	}
	const each = 8
	d, err := b.repeat(func() (time.Duration, error) {
		started := time.Now()
		group, ctx := errgroup.WithContext(b.ctx)
		for g, x := range extractors {
			group.Go(func() error {
				dst := make([]float32, b.network.Info().Dim)
				for k := range each {
					if err := x.ExtractInput(ctx, b.inputs[(g*each+k)%len(b.inputs)], dst); err != nil {
						return err
					}
				}
				return nil
			})
		}
		err := group.Wait()
		return time.Since(started), err
	})
	b.result.NetworkStream = ms(d) / float64(each*len(extractors))
	return err
}

// ingest measures the whole way, once, over the photos as files.
func (b *bench) ingest() error {
	folder := filepath.Join(b.dir, "photos")
	for i, data := range b.photos {
		label := filepath.Join(folder, fmt.Sprintf("label%d", i%5))
		if err := os.MkdirAll(label, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(label, fmt.Sprintf("%d.jpg", i)), data, 0o644); err != nil {
			return err
		}
	}
	db, err := store.Open(filepath.Join(b.dir, "ingest.db"), store.Options{Create: true})
	if err != nil {
		return err
	}
	defer db.Close()
	time.Sleep(20 * time.Millisecond) // files that were just written are not read at once
	r, err := ingest.Run(b.ctx, db, []*extract.Network{b.network}, folder, ingest.Options{})
	if err != nil {
		return err
	}
	b.result.Ingest = float64(r.Computed) / r.Seconds
	return db.Close()
}
