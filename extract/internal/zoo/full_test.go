package zoo

import (
	"context"
	"os"
	"regexp"
	"testing"

	"featstore/extract/internal/engine"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// TestFullSize compares networks in full size, those whose names match
// FEATSTORE_ZOO_FULL. The interpreter takes seconds for each.
func TestFullSize(t *testing.T) {
	pattern := os.Getenv("FEATSTORE_ZOO_FULL")
	if pattern == "" {
		t.Skip("set FEATSTORE_ZOO_FULL to a pattern of names to compare networks in full size")
	}
	wanted := regexp.MustCompile(pattern)
	for _, v := range Variants() {
		if !wanted.MatchString(v.Name) {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			m := v.Full()
			g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
			if err != nil {
				t.Fatal(err)
			}
			x := noise(m.Shape)
			want, err := op.Interpret(g, map[string]*tensor.Tensor{m.Input: x}, m.Tap, m.Scores)
			if err != nil {
				t.Fatal(err)
			}
			alive(t, m.Tap, want[m.Tap])
			export(t, m, x, want)
			checkTap(t, g, m)
			checkEngine(t, g, m, m.Tap, x, want[m.Tap], 5)
		})
	}
}

// BenchmarkNetworks runs networks in full size to their bottlenecks, an image at a
// time on one core. zoo-write writes the same networks for other engines to run.
func BenchmarkNetworks(b *testing.B) {
	for _, v := range Variants() {
		b.Run(v.Name, func(b *testing.B) { benchmark(b, v) })
	}
}

func benchmark(b *testing.B, v Variant) {
	m := v.Full()
	g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
	if err != nil {
		b.Fatal(err)
	}
	p, err := engine.Compile(g, engine.Options{Input: m.Shape, ChannelsLast: m.Shape[3] == 3, Tap: m.Tap})
	if err != nil {
		b.Fatal(err)
	}
	r, in, out := p.NewRunner(), tensor.Values[float32](noise(m.Shape)), make([]float32, p.Dim())
	for b.Loop() {
		if err := r.Run(context.Background(), in, out); err != nil {
			b.Fatal(err)
		}
	}
	s := p.Stats()
	b.ReportMetric(2*float64(s.MACs)*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s")
	b.ReportMetric(float64(len(s.References)), "references")
	b.ReportMetric(float64(s.ArenaBytes)/1e6, "arena-MB")
}
