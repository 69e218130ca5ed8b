package modelfile

import (
	"fmt"
	"strings"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// Layouts: the order of the axes of a network's input. Photos always arrive
// channels last; the engine takes them to either.
const (
	LayoutNCHW = "nchw" // batch, channels, height, width: PyTorch, Caffe
	LayoutNHWC = "nhwc" // batch, height, width, channels: TensorFlow
)

// An Input is the one input through which a network sees photos.
type Input struct {
	Name      string
	DType     tensor.DType
	Dims      []graph.Dim
	Layout    string // LayoutNCHW or LayoutNHWC, "" where it is not known
	Requested bool   // the model leaves the layout open: it was requested
}

// findInput returns the only input of a graph that was pruned to its tap, for photos in
// colour. layout is the one requested, which is needed where the model leaves it open.
func findInput(g *graph.Graph, layout string) (Input, error) {
	if len(g.Inputs) == 0 {
		return Input{}, fmt.Errorf("the tensor does not depend on an input")
	}
	if len(g.Inputs) > 1 {
		return Input{}, fmt.Errorf("the network wants %d inputs, not one photo: %s", len(g.Inputs), inputList(g.Inputs))
	}
	in := g.Inputs[0]
	x := Input{Name: in.Name, DType: in.DType, Dims: in.Dims}
	if in.Dims != nil && len(in.Dims) != 4 {
		return x, fmt.Errorf("input %q takes %s, not photos, which have 4 dimensions: batch, height, width and channels", in.Name, shapeText(in))
	}
	if !feedable(in.DType) {
		return x, fmt.Errorf("input %q takes values of type %v, not numbers of pixels", in.Name, in.DType)
	}
	if d := batchOf(in); d.Known() && d.Size != 1 {
		return x, fmt.Errorf("input %q takes %d photos at a time: export the network with a batch of 1 or an open one", in.Name, d.Size)
	}
	return x, x.findLayout(g, layout)
}

func batchOf(in graph.Input) graph.Dim {
	if len(in.Dims) == 0 {
		return graph.Dim{Symbol: "?"}
	}
	return in.Dims[0]
}

// findLayout finds the axis of the channels: the one of size 3 or, if no size is known,
// the one that the first layers use.
func (x *Input) findLayout(g *graph.Graph, layout string) error {
	first, last := x.channels(1), x.channels(3)
	if first == 0 && last == 0 {
		first, last = channelsRead(g, x.Name)
	}
	switch {
	case first == 3 && last != 3:
		x.Layout = LayoutNCHW
	case last == 3 && first != 3:
		x.Layout = LayoutNHWC
	case first == 3 && last == 3, first == 0 && last == 0:
		if layout == "" {
			return fmt.Errorf("input %q takes %s, which does not show where the channels are: give it with layout=%s or layout=%s",
				x.Name, dimsText(x.Dims), LayoutNCHW, LayoutNHWC)
		}
		x.Layout, x.Requested = layout, true
	default:
		return fmt.Errorf("input %q takes %s%s; photos have 3 colours", x.Name, dimsText(x.Dims), channelWords(first, last))
	}
	if layout != "" && layout != x.Layout {
		return fmt.Errorf("input %q takes %s, which is layout %s, not %s", x.Name, dimsText(x.Dims), x.Layout, layout)
	}
	return nil
}

// channels is the size of a dimension as a number of channels, 0 where it is open.
func (x *Input) channels(i int) int {
	if x.Dims == nil || !x.Dims[i].Known() {
		return 0
	}
	return x.Dims[i].Size
}

func channelWords(first, last int) string {
	for _, c := range []int{first, last} {
		switch {
		case c == 1:
			return ", grey pictures of 1 channel"
		case c == 2 || c == 4:
			return fmt.Sprintf(", pictures of %d channels", c)
		}
	}
	return ""
}

// channelsRead finds the channels of an input that does not declare them, by the first
// convolution that reads it and any Transpose before that. Of first and last, the one
// that is not the channels' axis is 0; both are 0 if nothing is found.
func channelsRead(g *graph.Graph, name string) (first, last int) {
	at := 1 // of the channels of a convolution's input, as an axis of the network's
	for range 64 {
		n := reader(g, name)
		if n == nil {
			return 0, 0
		}
		switch n.Op {
		case "Conv":
			w := g.Initializers[n.Input(1)]
			if w == nil || len(w.Shape) != 4 {
				return 0, 0
			}
			c := w.Shape[1] * n.Int("group", 1)
			if at == 1 {
				return c, 0
			}
			return 0, c
		case "Transpose":
			perm := n.Ints("perm")
			if len(perm) != 4 || perm[1] != 1 && perm[1] != 3 {
				return 0, 0
			}
			at = perm[1]
		case "Add", "Sub", "Mul", "Div", "Identity", "Cast", "BatchNormalization", "Pad", "QuantizeLinear", "DequantizeLinear":
		default:
			return 0, 0
		}
		name = n.Outputs[0]
	}
	return 0, 0
}

// reader returns the only node that reads a value, or nil.
func reader(g *graph.Graph, name string) *graph.Node {
	var found *graph.Node
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			if in == name {
				if found != nil {
					return nil
				}
				found = n
			}
		}
	}
	return found
}

// Fixed returns the width and height that the model prescribes, 0 where it does not.
func (x *Input) Fixed() (width, height int) {
	if x.Layout == LayoutNCHW {
		return x.channels(3), x.channels(2)
	}
	return x.channels(2), x.channels(1)
}

// Shape returns the input's shape for one photo, in the model's layout.
func (x *Input) Shape(width, height int) []int {
	if x.Layout == LayoutNCHW {
		return []int{1, 3, height, width}
	}
	return []int{1, height, width, 3}
}

// feedable reports whether an input of this type can take pixels.
func feedable(t tensor.DType) bool {
	switch t {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.Uint8, tensor.Int8, tensor.Int32, tensor.Int64:
		return true
	}
	return false
}

// Feed returns g with an input of type float32: if the model takes another type, a Cast
// comes first.
func (x *Input) Feed(g *graph.Graph) *graph.Graph {
	if x.DType == tensor.Float32 && len(g.Inputs) == 1 {
		return g
	}
	fed := *g
	pixels := x.Name + " as float32"
	fed.Inputs = []graph.Input{{Name: pixels, DType: tensor.Float32, Dims: x.Dims}}
	cast := &graph.Node{Name: x.Name, Op: "Cast", Inputs: []string{pixels}, Outputs: []string{x.Name},
		Attrs: map[string]graph.Attr{"to": int64(x.DType)}}
	fed.Nodes = append([]*graph.Node{cast}, g.Nodes...)
	return &fed
}

// inputList names inputs with their types and shapes, for messages.
func inputList(inputs []graph.Input) string {
	var list []string
	for _, in := range inputs {
		list = append(list, fmt.Sprintf("%q (%s)", in.Name, shapeText(in)))
	}
	return strings.Join(list, ", ")
}

func shapeText(in graph.Input) string { return fmt.Sprintf("%v %s", in.DType, dimsText(in.Dims)) }

// dimsText writes dimensions as N×3×H×W.
func dimsText(dims []graph.Dim) string {
	if dims == nil {
		return "any shape"
	}
	return strings.Join(DimWords(dims), "×")
}

// DimWords writes dimensions as "N", "3", "?".
func DimWords(dims []graph.Dim) []string {
	words := make([]string, len(dims))
	for i, d := range dims {
		switch {
		case d.Known():
			words[i] = fmt.Sprint(d.Size)
		case d.Symbol != "":
			words[i] = d.Symbol
		default:
			words[i] = "?"
		}
	}
	return words
}
