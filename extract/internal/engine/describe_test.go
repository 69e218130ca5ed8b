package engine

import (
	"slices"
	"testing"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/zoo"
)

// TestLines: what the lines of a plan say adds up to what the program says of itself, and
// every one is timed.
func TestLines(t *testing.T) {
	for _, name := range []string{"resnet50-dynamo", "mobilenetv2-torchscript", "vitb16-dynamo", "mobilenetv1-tflite"} {
		t.Run(name, func(t *testing.T) {
			v, err := zoo.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			m := v.Small()
			g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
			if err != nil {
				t.Fatal(err)
			}
			p, err := compileVerified(g, Options{Input: m.Shape, Tap: m.Tap})
			if err != nil {
				t.Fatal(err)
			}
			lines := p.Lines()
			macs, weights := int64(0), 0
			for _, l := range lines {
				macs, weights = macs+l.MACs, weights+l.WeightBytes
				if l.Operation == "" || l.Node == "" || l.MACs > 0 && (l.Output == nil || len(l.Inputs) == 0) {
					t.Errorf("a line says too little: %+v", l)
				}
			}
			if s := p.Stats(); macs != s.MACs || weights > s.WeightBytes || len(lines) != s.Steps {
				t.Errorf("%d lines with %d MACs and %d bytes of weights: %+v", len(lines), macs, weights, s)
			}
			if !slices.ContainsFunc(lines, func(l Line) bool { return l.Algorithm != "" && l.WeightBytes > 0 }) {
				t.Error("no line names an algorithm")
			}
			times, err := p.Time(t.Context(), 2)
			if err != nil || len(times) != len(lines) {
				t.Errorf("%d lines, %d times: %v", len(lines), len(times), err)
			}
		})
	}
}
