package passes

import (
	"errors"
	"fmt"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

func ints(v ...int64) []int64 { return v }

// Every operator that has changed computes the same in its newer form.
func TestUpgrade(t *testing.T) {
	tests := map[string]struct {
		from  int64
		op    string
		attrs map[string]graph.Attr
		ok    bool
	}{
		"mean":           {13, "ReduceMean", map[string]graph.Attr{"axes": ints(2, 3), "keepdims": int64(0)}, true},
		"largest of all": {17, "ReduceMax", nil, true},
		"length":         {7, "ReduceL2", map[string]graph.Attr{"axes": ints(1)}, true},
		"parts":          {13, "Split", map[string]graph.Attr{"axis": int64(2)}, true},
		"clip":           {9, "Clip", map[string]graph.Attr{"min": float32(-0.5), "max": float32(0.25)}, true},
		"clip, one side": {7, "Clip", map[string]graph.Attr{"max": float32(0.25)}, true},
		"pad":            {9, "Pad", map[string]graph.Attr{"pads": ints(0, 0, 1, 2, 0, 0, 3, 0), "value": float32(2)}, true},
		"slice":          {9, "Slice", map[string]graph.Attr{"axes": ints(2, 3), "starts": ints(1, 0), "ends": ints(3, -1)}, true},
		"slice, no axes": {9, "Slice", map[string]graph.Attr{"starts": ints(0, 1), "ends": ints(1, 3)}, true},
		"unsqueeze":      {11, "Unsqueeze", map[string]graph.Attr{"axes": ints(0)}, true},
		"squeeze":        {11, "Squeeze", map[string]graph.Attr{"axes": ints(0)}, true},
		"sum":            {11, "ReduceSum", map[string]graph.Attr{"axes": ints(2, 3), "keepdims": int64(0)}, true},
		"sum of all":     {11, "ReduceSum", nil, true},
		"softmax":        {11, "Softmax", map[string]graph.Attr{"axis": int64(3)}, true},
		"softmax, many":  {11, "Softmax", map[string]graph.Attr{"axis": int64(1)}, false},
		"dropout":        {9, "Dropout", map[string]graph.Attr{"ratio": float32(0.5)}, true},
		"too old":        {6, "Relu", nil, false},
		"upsample":       {9, "Upsample", map[string]graph.Attr{"mode": "nearest"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(1, 1, 3, 4, 5)
			b.Opsets = map[string]int64{"": test.from}
			y := b.add(test.op, test.attrs, "x")
			b.Outputs = []graph.Output{{Name: y}}
			known := map[string]*tensor.Tensor{"x": tensor.Abstract(tensor.Float32, 1, 3, 4, 5)}
			before := snapshot(b.Graph)
			g, err := Upgrade(b.Graph, known, AntialiasOpset)
			if snapshot(b.Graph) != before {
				t.Error("the graph that it was given has changed")
			}
			if !test.ok {
				if !errors.Is(err, op.ErrUnsupported) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if g.Opsets[""] != AntialiasOpset {
				t.Errorf("version %d", g.Opsets[""])
			}
			x := image(g, 3, 1, 3, 4, 5)
			agree(t, name, interpret(t, g, x, y), interpret(t, b.Graph, x, y), 0, 0)
		})
	}
}

func TestUpgradeLeavesNewerGraphs(t *testing.T) {
	for _, version := range []int64{13, 17, 21} {
		g := &graph.Graph{Opsets: map[string]int64{"": version}}
		if up, err := Upgrade(g, nil, PerChannelOpset); up != g || err != nil {
			t.Error(fmt.Sprint(version), up, err)
		}
	}
}
