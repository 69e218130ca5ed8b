package classify

import (
	"fmt"

	"featstore/extract"
	"featstore/train"
)

// Names of an exported model's inputs and outputs.
const (
	InputPrepared     = "input"         // prepared pixels, as the network's layout and preparation have it; input2 and so on for further networks
	InputPixels       = "pixels"        // with ExportOptions.Pixels: one picture, H×W×3 bytes
	OutputProbability = "probabilities" // N×C, in the order of the labels
	OutputLabel       = "label"         // N: the number of the most probable label
	OutputSimilarity  = "similarity"    // N: see train.Head.Similarity
	OutputRejected    = "rejected"      // N: see train.Head.Rejects
)

// ExportOptions say what an exported model takes.
type ExportOptions struct {
	// Pixels makes one picture of any size the input, whose preparation is part of the model.
	Pixels bool
}

// compose returns the networks and the head as one model, without its metadata, and of each
// network the names of its input and bottleneck.
func (c *Classifier) compose(opt ExportOptions) (g *extract.Composition, inputs, bottlenecks []string, err error) {
	g = extract.NewComposition()
	if opt.Pixels {
		g.AddPicture(InputPixels)
	}
	for i, n := range c.networks {
		input := c.inputOf(i, inputs)
		if opt.Pixels && input == numbered(InputPrepared, i) {
			g.Prepare(n, InputPixels, input)
		}
		b, err := g.AddNetwork(n, input)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("network %s: %w", n.Info().Name, err)
		}
		inputs, bottlenecks = append(inputs, input), append(bottlenecks, b)
	}
	newHeadGraph(g, c.head, bottlenecks).add()
	return g, inputs, bottlenecks, nil
}

// inputOf returns the name of a network's input: that of an earlier network if it is prepared
// for in the same way.
func (c *Classifier) inputOf(i int, earlier []string) string {
	for k, name := range earlier {
		a, b := c.networks[i], c.networks[k]
		if a.Info().Preprocess == b.Info().Preprocess && a.Origin().Layout == b.Origin().Layout {
			return name
		}
	}
	return numbered(InputPrepared, i)
}

func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return fmt.Sprintf("%s%d", name, i+1)
}

// A headGraph writes a head as operators of ONNX. Its values are called head/….
type headGraph struct {
	*extract.Composition
	head        *train.Head
	p           train.Parameters
	bottlenecks []string
}

func newHeadGraph(g *extract.Composition, h *train.Head, bottlenecks []string) *headGraph {
	return &headGraph{g, h, h.Parameters(), bottlenecks}
}

func (h *headGraph) op(name, op string, inputs ...string) string {
	return h.Op("head/"+name, op, inputs, nil)
}

func (h *headGraph) floats(name string, values []float32, shape ...int) string {
	return h.Floats("head/"+name, values, shape...)
}

func (h *headGraph) ints(name string, values ...int64) string {
	return h.Ints("head/"+name, values, len(values))
}

// reduced is a reduction over one axis, which goes.
func (h *headGraph) reduced(name, op, x string, axis int64) string {
	return h.Op("head/"+name, op, []string{x, h.ints(name+" axis", axis)}, extract.Attributes{"keepdims": int64(0)})
}

// add adds everything, and the outputs.
func (h *headGraph) add() {
	features := h.joined("features", h.bottlenecks)
	scores := h.scores(h.scaled(features))
	labels := len(h.head.Labels)
	if h.head.Shift != nil {
		scores = h.op("shifted", "Add", scores, h.numbers("shift", h.head.Shift, labels))
	}
	scores = h.op("calibrated", "Div", scores, h.numbers("temperature", []float64{h.head.Temperature}))
	probabilities := OutputProbability
	if h.double() {
		h.Op("head/probabilities as double", "Softmax", []string{scores}, extract.Attributes{"axis": int64(1)})
		h.Op(probabilities, "Cast", []string{"head/probabilities as double"}, extract.Attributes{"to": int64(extract.TypeFloat32)})
	} else {
		h.Op(probabilities, "Softmax", []string{scores}, extract.Attributes{"axis": int64(1)})
	}
	h.Op(OutputLabel, "ArgMax", []string{probabilities}, extract.Attributes{"axis": int64(1), "keepdims": int64(0)})
	h.Output(probabilities, extract.TypeFloat32, labels)
	h.Output(OutputLabel, extract.TypeInt64)
	h.reject(features, probabilities)
}

// double tells whether scores are float64: those of bayes are sums of thousands of squares
// of which small differences matter.
func (h *headGraph) double() bool { return h.p.Bayes != nil }

// numbers is a constant of the scores' type.
func (h *headGraph) numbers(name string, values []float64, shape ...int) string {
	if h.double() {
		return h.Doubles("head/"+name, values, shape...)
	}
	var single []float32
	for _, v := range values {
		single = append(single, float32(v))
	}
	return h.floats(name, single, shape...)
}

// joined puts the networks' parts side by side.
func (h *headGraph) joined(name string, parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return h.Op("head/"+name, "Concat", parts, extract.Attributes{"axis": int64(1)})
}

// scaled is what train.Parameters says.
func (h *headGraph) scaled(x string) string {
	dim := h.head.Dim
	if len(h.p.Shift) > 0 {
		x = h.op("centred", "Sub", x, h.floats("feature shift", h.p.Shift, dim))
	}
	if len(h.p.Factor) > 0 {
		x = h.op("scaled", "Mul", x, h.floats("feature factor", h.p.Factor, dim))
	}
	if h.p.UnitLength {
		x = h.unit("unit", x)
	}
	return x
}

// unit brings each network's part to length 1. One of zeros stays as it is.
func (h *headGraph) unit(name, x string) string {
	parts := []string{x}
	if len(h.p.Blocks) > 1 {
		parts = nil
		var sizes []int64
		for i, n := range h.p.Blocks {
			parts = append(parts, fmt.Sprintf("head/%s part %d", name, i+1))
			sizes = append(sizes, int64(n))
		}
		h.Ops(parts, "Split", []string{x, h.ints(name+" sizes", sizes...)}, extract.Attributes{"axis": int64(1)})
	}
	const tiny = 1e-30 // far below any length of features
	for i, part := range parts {
		own := fmt.Sprintf("%s %d", name, i+1)
		length := h.Op("head/"+own+" length", "ReduceL2", []string{part, h.ints(own+" axis", 1)}, extract.Attributes{"keepdims": int64(1)})
		length = h.op(own+" divisor", "Max", length, h.floats(own+" tiny", []float32{tiny}))
		parts[i] = h.op(own, "Div", part, length)
	}
	return h.joined(name, parts)
}

func (h *headGraph) scores(x string) string {
	switch {
	case h.p.Bayes != nil:
		return h.bayes(x)
	case h.p.KNN != nil:
		return h.knn(x)
	}
	for i, l := range h.p.Layers {
		own := fmt.Sprintf("layer %d", i+1)
		x = h.Op("head/"+own, "Gemm", []string{x, h.floats(own+" weights", l.Weights, len(l.Bias), l.Inputs), h.floats(own+" bias", l.Bias, len(l.Bias))},
			extract.Attributes{"transB": int64(1)})
		if i < len(h.p.Layers)-1 {
			x = h.op(own+" rectified", "Relu", x)
		}
	}
	return x
}

func (h *headGraph) bayes(x string) string {
	labels, dim := len(h.head.Labels), h.head.Dim
	x = h.Op("head/double", "Cast", []string{x}, extract.Attributes{"to": int64(extract.TypeFloat64)})
	x = h.op("for each label", "Unsqueeze", x, h.ints("label axis", 1))
	d := h.op("difference", "Sub", x, h.Doubles("head/mean", h.p.Bayes.Mean, labels, dim))
	d = h.op("weighted square", "Mul", h.op("square", "Mul", d, d), h.Doubles("head/inverse", h.p.Bayes.Inverse, labels, dim))
	half := h.op("half", "Mul", h.reduced("distance", "ReduceSum", d, 2), h.Doubles("head/one half", []float64{0.5}))
	return h.op("scores", "Sub", h.Doubles("head/constant", h.p.Bayes.Constant, labels), half)
}

func (h *headGraph) knn(x string) string {
	labels, k := len(h.head.Labels), h.p.KNN
	rows, votes := make([]float32, 0, len(k.Rows)*h.head.Dim), make([]float32, len(k.Rows)*labels)
	for i, row := range k.Rows {
		rows = append(rows, row...)
		votes[i*labels+k.Truth[i]] = 1
	}
	cosines := h.Op("head/cosines", "Gemm", []string{x, h.floats("training images", rows, len(k.Rows), h.head.Dim)}, extract.Attributes{"transB": int64(1)})
	h.Ops([]string{"head/nearest cosines", "head/nearest"}, "TopK", []string{cosines, h.ints("k", int64(k.K))}, extract.Attributes{"axis": int64(1)})
	each := h.Op("head/votes of each", "Gather", []string{h.floats("votes", votes, len(k.Rows), labels), "head/nearest"}, extract.Attributes{"axis": int64(0)})
	sum := h.op("votes and floor", "Add", h.reduced("sum of votes", "ReduceSum", each, 1), h.floats("vote floor", []float32{float32(k.VoteFloor)}))
	all := float64(k.K) + float64(k.VoteFloor*float64(labels))
	return h.op("scores", "Log", h.op("share of votes", "Div", sum, h.floats("all votes", []float32{float32(all)})))
}

// reject adds the similarity to the prototypes and what follows from it.
func (h *headGraph) reject(features, probabilities string) {
	r := h.head.Reject
	threshold := func() string { return h.floats("threshold", []float32{float32(r.Threshold)}) }
	if len(h.p.Prototypes) > 0 {
		h.similarity(features)
		h.Output(OutputSimilarity, extract.TypeFloat32)
		if h.head.CanReject() && r.By == train.BySimilarity {
			h.Op(OutputRejected, "Less", []string{OutputSimilarity, threshold()}, nil)
			h.Output(OutputRejected, extract.TypeBool)
		}
	}
	if h.head.CanReject() && r.By == "" {
		h.Op(OutputRejected, "Less", []string{h.reduced("largest probability", "ReduceMax", probabilities, 1), threshold()}, nil)
		h.Output(OutputRejected, extract.TypeBool)
	}
}

func (h *headGraph) similarity(x string) {
	power := h.op("power", "Pow", h.op("size of features", "Abs", x), h.floats("5/8", []float32{0.625}))
	own := h.unit("compressed", h.op("with sign", "Mul", power, h.op("sign", "Sign", x)))
	dim, n := h.head.Dim, len(h.p.Prototypes)/h.head.Dim
	cosines := h.Op("head/prototype cosines", "Gemm", []string{own, h.floats("prototypes", h.p.Prototypes, n, dim)}, extract.Attributes{"transB": int64(1)})
	best := h.reduced("best cosine", "ReduceMax", cosines, 1)
	h.Op(OutputSimilarity, "Div", []string{best, h.floats("networks", []float32{float32(len(h.p.Blocks))})}, nil)
}
