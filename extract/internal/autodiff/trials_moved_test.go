package autodiff

import (
	"fmt"

	"pgregory.net/rapid"

	"featstore/extract/internal/tensor"
)

// moverTrials are those of operators that move elements.
var moverTrials = map[string]func(t *trial){
	"Identity": anyInput, "Dropout": anyInput,
	"Cast":         func(t *trial) { anyInput(t); t.set("to", int64(tensor.Float64)) },
	"Flatten":      func(t *trial) { x := t.input(t.shape(1, 4)...); t.set("axis", int64(t.int(0, len(x.Shape), "axis"))) },
	"Reshape":      func(t *trial) { t.input(t.shape(1, 4)...); t.ints(1, -1) },
	"Squeeze":      func(t *trial) { t.input(1, t.int(1, 3, "a"), 1, 2); t.ints(0, -2) },
	"Unsqueeze":    func(t *trial) { t.input(t.shape(1, 3)...); t.ints(0, 2) },
	"Tile":         func(t *trial) { t.input(2, 3); t.ints(int64(t.int(1, 3, "rows")), int64(t.int(1, 3, "columns"))) },
	"Transpose":    drawTranspose,
	"Concat":       drawConcat,
	"Split":        drawSplit,
	"Slice":        drawSlice,
	"Pad":          drawPad,
	"Expand":       func(t *trial) { a := t.shape(1, 3); t.input(a...); t.ints(append([]int64{2}, int64s(a)...)...) },
	"Gather":       drawGather,
	"Where":        drawWhere,
	"GatherND":     func(t *trial) { t.input(3, 2, 2); t.in = append(t.in, tensor.New([]int64{0, 1, 2, 0, 2, 0}, 3, 2)) },
	"SpaceToDepth": func(t *trial) { t.input(1, t.int(1, 3, "channels"), 4, 2); t.set("blocksize", int64(2)) },
	"DepthToSpace": func(t *trial) {
		t.input(1, 4*t.int(1, 2, "channels"), 3, 2)
		t.set("blocksize", int64(2))
		t.set("mode", rapid.SampledFrom([]string{"DCR", "CRD"}).Draw(t.T, "mode"))
	},
	"GatherElements": func(t *trial) { t.input(3, 2); t.in = append(t.in, tensor.New([]int64{0, 2, 2, -1}, 2, 2)) },
}

func anyInput(t *trial) { t.input(t.shape(1, 4)...) }

func int64s(v []int) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out
}

func drawTranspose(t *trial) {
	shape := t.shape(1, 4)
	t.input(shape...)
	perm := make([]int64, len(shape))
	for i := range perm {
		perm[i] = int64(i)
	}
	t.set("perm", rapid.Permutation(perm).Draw(t.T, "perm"))
}

func drawConcat(t *trial) {
	shape := t.shape(1, 4)
	axis := t.int(0, len(shape)-1, "axis")
	for range t.int(1, 3, "inputs") {
		s := append([]int{}, shape...)
		s[axis] = t.int(1, 3, "length")
		t.input(s...)
	}
	t.set("axis", int64(axis))
}

func drawSplit(t *trial) {
	shape := t.shape(1, 4)
	axis, sum := t.int(0, len(shape)-1, "axis"), 0
	var parts []int64
	t.node.Outputs = nil
	for i := range t.int(1, 3, "parts") {
		parts = append(parts, int64(t.int(1, 3, "length")))
		sum += int(parts[i])
		t.node.Outputs = append(t.node.Outputs, fmt.Sprint("y", i))
	}
	shape[axis] = sum
	t.input(shape...)
	t.ints(parts...)
	t.set("axis", int64(axis))
}

func drawSlice(t *trial) {
	t.input(t.int(3, 6, "a"), t.int(3, 6, "b"), 2)
	t.ints(int64(t.int(0, 1, "start")), -1)
	t.ints(int64(t.int(2, 3, "end")), -9)
	t.ints(0, 1)
	t.ints(int64(t.int(1, 2, "step")), -int64(t.int(1, 2, "step")))
}

func drawPad(t *trial) {
	t.set("mode", rapid.SampledFrom([]string{"constant", "reflect", "edge", "wrap"}).Draw(t.T, "mode"))
	t.opset = 19
	t.input(t.int(3, 5, "a"), t.int(3, 5, "b"))
	lo := -1
	if t.node.Attrs["mode"] != "constant" {
		lo = 0
	}
	t.ints(int64(t.int(lo, 2, "before")), int64(t.int(lo, 2, "before")), int64(t.int(lo, 2, "after")), int64(t.int(lo, 2, "after")))
	if t.node.Attrs["mode"] == "constant" && t.int(0, 1, "value") == 1 {
		t.in = append(t.in, tensor.New([]float64{0.3}))
	}
}

func drawGather(t *trial) {
	t.input(3, t.int(3, 5, "rows"), 2)
	t.set("axis", int64(1))
	t.in = append(t.in, tensor.New(rapid.SliceOfN(rapid.Int64Range(-3, 2), 4, 4).Draw(t.T, "rows"), 2, 2))
}

func drawWhere(t *trial) {
	a, b := t.pair()
	t.in = append(t.in, tensor.New(rapid.SliceOfN(rapid.Bool(), 1, 1).Draw(t.T, "condition"), 1))
	if len(a) > 0 && t.int(0, 1, "by element") == 1 {
		n := tensor.Len(a)
		t.in[0] = tensor.New(rapid.SliceOfN(rapid.Bool(), n, n).Draw(t.T, "condition"), a...)
	}
	t.input(a...)
	t.input(b...)
}
