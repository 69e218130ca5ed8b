package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"featstore/extract/internal/kernel"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/zoo"
)

// networks are what the benchmarks run, with the size of their input.
var networks = []struct {
	file string
	size int
	nhwc bool
}{
	{"efficientnet_lite0_fp16.onnx", 320, false},
	{"efficientnet_lite0_fp16.onnx", 224, false},
	{"mobilenet_v2_1.0_224_quant.onnx", 224, true},
	{"nsfwjs_inception_v3.onnx", 299, true},
}

// BenchmarkNetwork runs whole networks: one image at a time on one core, one on
// each of two, and one on both together. Beside it: shared/bench/peer_infer.py.
func BenchmarkNetwork(b *testing.B) {
	dir := needShared(b, "models")
	for _, n := range networks {
		g := parseModel(b, filepath.Join(dir, n.file))
		for _, s := range kernel.Sets() {
			shape := []int{1, 3, n.size, n.size}
			if n.nhwc {
				shape = []int{1, n.size, n.size, 3}
			}
			p, err := Compile(g, Options{Input: shape, ChannelsLast: fedChannelsLast(shape), Tap: passes.Bottleneck, Kernels: s.Name})
			if err != nil {
				b.Fatal(err)
			}
			for _, runners := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%d/%s/runners=%d", n.file, n.size, s.Name, runners), func(b *testing.B) {
					benchmarkProgram(b, p, runners, 1)
				})
			}
			b.Run(fmt.Sprintf("%s/%d/%s/cores=2", n.file, n.size, s.Name), func(b *testing.B) { benchmarkProgram(b, p, 1, 2) })
		}
	}
}

// BenchmarkZoo runs the networks of the zoo as they were published, one image on
// one core, by the fastest kernels. Their files come from the command zoo-write.
func BenchmarkZoo(b *testing.B) {
	for _, v := range zoo.Variants() {
		b.Run(v.Name, func(b *testing.B) {
			m := v.Full()
			g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
			if err != nil {
				b.Fatal(err)
			}
			p, err := Compile(g, Options{Input: m.Shape, ChannelsLast: fedChannelsLast(m.Shape), Tap: m.Tap})
			if err != nil {
				b.Fatal(err)
			}
			benchmarkProgram(b, p, 1, 1)
		})
	}
}

func benchmarkProgram(b *testing.B, p *Program, runners, cores int) {
	in := make([]float32, p.plan.InputLen)
	for i := range in {
		in[i] = float32(i%255)/128 - 1
	}
	best := make([]time.Duration, runners) // beside the mean: other programs may run
	var wg sync.WaitGroup
	b.ResetTimer()
	for i := range best {
		wg.Go(func() {
			r, out := p.NewParallelRunner(cores), make([]float32, p.Dim())
			best[i] = time.Hour
			for range b.N {
				start := time.Now()
				if err := r.Run(context.Background(), in, out); err != nil {
					b.Error(err)
				}
				best[i] = min(best[i], time.Since(start))
			}
		})
	}
	wg.Wait()
	images := float64(b.N * runners)
	b.ReportMetric(b.Elapsed().Seconds()*1e3/images, "ms/image")
	b.ReportMetric(slices.Min(best).Seconds()*1e3/float64(runners), "best-ms/image")
	b.ReportMetric(2*float64(p.Stats().MACs)*images/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
