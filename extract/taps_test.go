package extract

import (
	"context"
	"image/color"
	"math"
	"strings"
	"testing"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
	"featstore/extract/photo"
)

// Any tensor can be the tap. A feature map gives one number a channel, wherever the
// layout puts the channels, or all of it; tokens likewise.
func TestAnyTap(t *testing.T) {
	stripes := picture(t, color.RGBA{30, 200, 90, 255}, 8)
	for _, c := range []struct {
		variant string
		op      string // the last node of which is tapped
		channel int    // axis
	}{
		{"resnet50-torchscript", "Relu", 1},
		{"resnet18-gluon", "Conv", 1},
		{"mobilenetv2-tensorflow", "Clip", 1},
		{"vitb16-dynamo", "LayerNormalization", 2},
		{"swint-torchscript", "MatMul", 3},
		{"convnexttiny-keras", "Conv", 1},
	} {
		v, err := zoo.Find(c.variant)
		if err != nil {
			t.Fatal(err)
		}
		m := v.Small()
		tap, want := lastOf(t, m, c.op, stripes)
		path := writeZoo(t, m)
		for _, pool := range []string{"avg", "max", "none"} {
			n, err := OpenNetwork(path, request(t, "inception,pool="+pool+",tap="+tap))
			if err != nil {
				t.Errorf("%s, tap %s, pool %s: %v", c.variant, tap, pool, err)
				continue
			}
			x, err := n.NewExtractor()
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float32, n.Info().Dim)
			if err := x.ExtractBytes(context.Background(), stripes, got); err != nil {
				t.Fatal(err)
			}
			if pool == "none" {
				if len(got) != tensor.Len(want.Shape) {
					t.Errorf("%s, tap %s: %d features of %v", c.variant, tap, len(got), want)
				}
				continue
			}
			closeTo(t, got, pooled(want, c.channel, pool == "max"), m.Quantum)
		}
	}
}

// lastOf returns the last result of an operator that has places, and its values.
func lastOf(t *testing.T, m *zoo.Model, operator string, stripes []byte) (string, *tensor.Tensor) {
	t.Helper()
	g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
	if err != nil {
		t.Fatal(err)
	}
	n, err := OpenNetwork(writeZoo(t, m), request(t, "inception"))
	if err != nil {
		t.Fatal(err)
	}
	p := n.Info().Preprocess
	pixels := make([]float32, p.Len())
	if err := p.Pixels(pixels, stripes, photo.Limits{}, nil); err != nil {
		t.Fatal(err)
	}
	if m.Shape[1] == 3 {
		pixels = channelsFirst(pixels, 3)
	}
	all, err := op.Interpret(g, map[string]*tensor.Tensor{m.Input: tensor.New(pixels, m.Shape...)})
	if err != nil {
		t.Fatal(err)
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		if v := all[g.Nodes[i].Outputs[0]]; g.Nodes[i].Op == operator && len(v.Shape) > 2 {
			return g.Nodes[i].Outputs[0], v
		}
	}
	t.Fatalf("%s has no %s with places", m.Name, operator)
	return "", nil
}

// pooled reduces all axes but the batch and the channels.
func pooled(x *tensor.Tensor, channel int, largest bool) []float32 {
	out := make([]float32, x.Shape[channel])
	if largest {
		for i := range out {
			out[i] = float32(math.Inf(-1))
		}
	}
	inner := tensor.Len(x.Shape[channel+1:])
	places := tensor.Len(x.Shape) / len(out)
	for i, v := range floats(x) {
		c := i / inner % len(out)
		if largest {
			out[c] = max(out[c], v)
		} else {
			out[c] += v / float32(places)
		}
	}
	return out
}

func TestInspect(t *testing.T) {
	v, err := zoo.Find("alexnet-caffe")
	if err != nil {
		t.Fatal(err)
	}
	data := v.Small().Data
	beyond := mustOpen(t, []byte(strings.ReplaceAll(string(data), "Softmax", "Sifting"))).Inspect(request(t, "caffe"))
	if len(beyond.Unsupported) != 1 || !beyond.Unsupported[0].Beyond || beyond.Err != nil || beyond.ID == "" || beyond.Plan.Features == 0 {
		t.Errorf("unsupported beyond the tap: %+v", beyond)
	}
	before := mustOpen(t, []byte(strings.ReplaceAll(string(data), "LRN", "LRM"))).Inspect(request(t, "caffe"))
	if len(before.Unsupported) != 2 || before.Unsupported[0].Beyond || !strings.Contains(before.Problem, `LRM "`) || before.Plan != nil || before.ID != "" {
		t.Errorf("unsupported before the tap: %+v", before)
	}
	if before.Preprocess == nil || before.Tap == "" || len(before.Candidates) == 0 || before.Layout != LayoutNCHW {
		t.Errorf("what does not depend on it is missing: %+v", before)
	}
	silent := mustOpen(t, data).Inspect(Manifest{})
	if silent.Err == nil || silent.Preprocess != nil || len(silent.Likely) == 0 || silent.Plan == nil || silent.ID != "" {
		t.Errorf("nothing said: %+v", silent)
	}
	if _, err := silent.Manifest(); err == nil {
		t.Error("a manifest that says nothing")
	}
	m, err := beyond.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	again, err := open(t, []byte(strings.ReplaceAll(string(data), "Softmax", "Sifting")), map[string]string{"net.json": string(m.Encode())})
	if err != nil {
		t.Fatal(err)
	}
	if r := again.Inspect(Manifest{}); r.ID != beyond.ID || r.PreprocessFrom != "manifest net.json" {
		t.Errorf("by its manifest it is %s (%s), not %s", r.ID, r.PreprocessFrom, beyond.ID)
	}
	total := 0
	for _, o := range silent.Operators {
		total += o.Nodes
	}
	if total != silent.Nodes {
		t.Errorf("%d nodes, operators count %d", silent.Nodes, total)
	}
}

// TestInspectUnsupportedForm: a known operator in a form that is not is listed as the
// node that cannot be computed.
func TestInspectUnsupportedForm(t *testing.T) {
	v, err := zoo.Find("mobilenetv1-keras")
	if err != nil {
		t.Fatal(err)
	}
	data := strings.Replace(string(v.Small().Data), "constant", "fantasia", 1) // the mode of the first Pad
	r := mustOpen(t, []byte(data)).Inspect(request(t, "raw"))
	if r.Err == nil || len(r.Unsupported) != 1 || r.Unsupported[0].Operator != "Pad" || r.Unsupported[0].Beyond {
		t.Errorf("unsupported: %+v, %v", r.Unsupported, r.Err)
	}
}
