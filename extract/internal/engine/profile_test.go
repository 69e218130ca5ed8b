package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"featstore/extract/internal/kernel"
	"featstore/extract/internal/passes"
)

// BenchmarkSteps logs where a network's time goes: the best time of each step
// over all runs, with what it reaches. FEATSTORE_PROFILE names another model and
// its size, as model.onnx:224, FEATSTORE_PROFILE_CORES how many cores work on a step.
func BenchmarkSteps(b *testing.B) {
	path, size, nhwc := filepath.Join(needShared(b, "models"), networks[0].file), networks[0].size, false
	if s := os.Getenv("FEATSTORE_PROFILE"); s != "" {
		file, n, _ := strings.Cut(s, ":")
		path = filepath.Join(shared, "models", file)
		size, _ = strconv.Atoi(n)
	}
	g := parseModel(b, path)
	if d := g.Inputs[0].Dims; d[3].Known() && d[3].Size == 3 {
		nhwc = true
	}
	shape := []int{1, 3, size, size}
	if nhwc {
		shape = []int{1, size, size, 3}
	}
	set, err := kernel.Default()
	if err != nil {
		b.Fatal(err)
	}
	p, err := Compile(g, Options{Input: shape, ChannelsLast: fedChannelsLast(shape), Tap: passes.Bottleneck, Kernels: set.Name})
	if err != nil {
		b.Fatal(err)
	}
	logSteps(b, p)
}

func logSteps(b *testing.B, p *Program) {
	cores := 1
	if n, err := strconv.Atoi(os.Getenv("FEATSTORE_PROFILE_CORES")); err == nil {
		cores = n
	}
	r := p.NewParallelRunner(cores)
	r.in, r.out = make([]float32, p.inputLen), make([]float32, p.dim)
	if err := r.Run(context.Background(), r.in, r.out); err != nil {
		b.Fatal(err)
	}
	r.in, r.out = make([]float32, p.inputLen), make([]float32, p.dim)
	if r.pool != nil {
		r.pool.start()
		defer r.pool.stop()
	}
	best := make([]time.Duration, len(p.steps))
	b.ResetTimer()
	for i := range b.N {
		for k, s := range p.steps {
			start := time.Now()
			if err := r.do(s); err != nil {
				b.Fatal(err)
			}
			if t := time.Since(start); i == 0 || t < best[k] {
				best[k] = t
			}
		}
	}
	var total time.Duration
	for k, s := range p.steps {
		total += best[k]
		fmt.Fprintf(os.Stderr, "%8.1f µs  %-20s %-34s %s\n", float64(best[k].Nanoseconds())/1e3, strings.TrimPrefix(fmt.Sprintf("%T", s), "*engine."), describe(s, best[k]), p.labels[k])
	}
	fmt.Fprintf(os.Stderr, "%8.1f µs in all\n", float64(total.Nanoseconds())/1e3)
}

func describe(s step, t time.Duration) string {
	rate := func(macs int) string { return fmt.Sprintf("%5.0f GFLOP/s", 2*float64(macs)/float64(t.Nanoseconds())) }
	switch s := s.(type) {
	case *convStep:
		return fmt.Sprintf("%d×%d %d→%d at %d %s", s.kh, s.kw, s.cin, s.cout, s.out.h, rate(s.out.len()*s.depth()))
	case *byteConvStep:
		return fmt.Sprintf("%d×%d %d→%d at %d %s", s.kh, s.kw, s.cin, s.cout, s.out.h, rate(s.out.len()*s.depth()))
	case *byteDepthwiseStep:
		return fmt.Sprintf("%d×%d/%d %d at %d %s", s.kh, s.kw, s.sh, s.cout, s.out.h, rate(s.out.len()*s.kh*s.kw))
	case *winogradStep:
		return fmt.Sprintf("%d×%d %d→%d at %d F(%d×%d) %s", s.kh, s.kw, s.cin, s.cout, s.out.h, s.tiling.y.m, s.tiling.x.m, rate(s.out.len()*s.depth()))
	case *strassenStep:
		return fmt.Sprintf("%d→%d at %d by Strassen %s", s.cin, s.cout, s.pixels, rate(s.pixels*len(s.bias)*s.cin))
	case *blockStep:
		return s.describe()
	case *depthwiseStep:
		return fmt.Sprintf("%d×%d/%d %d at %d %s", s.kh, s.kw, s.sh, s.cout, s.out.h, rate(s.out.len()*s.kh*s.kw))
	}
	return ""
}

func (s *blockStep) describe() string {
	return fmt.Sprintf("%d→%d %d×%d/%d at %d, %d×%d", s.in.c, s.channels, s.depthwise.kh, s.depthwise.kw, s.depthwise.sh, s.h,
		(s.h+s.strip-1)/s.strip, len(s.chunks))
}
