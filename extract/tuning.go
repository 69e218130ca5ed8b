package extract

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"featstore/extract/internal/engine"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/modelfile"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/tensor"
	"featstore/extract/photo"
)

// ErrNoGradient: an operation of a network cannot be trained through. The error that
// wraps it names the operation.
var ErrNoGradient = engine.ErrNoGradient

// A Parameter is weights that training moves, see Tuning.Parameters.
type Parameter = engine.Parameter

// TuningOptions say what part of a network to train and how.
type TuningOptions struct {
	Cut    string // the tensor, one of Network.Cuts; "" for the network's input: all layers
	Images int    // computed at a time; 0 for as many as fit a few hundred megabytes
	Cores  int    // at least 1
}

// maxTuningBytes is how much memory the activations and gradients of the images may
// take that are computed at a time, where nobody says how many these are.
const maxTuningBytes = 512 << 20

// A Tuning is a network in training: what lies above a cut computes bottlenecks from
// the activations there and, given the gradient of a loss by the bottlenecks, the
// gradient by every weight. What lies below stays as it is, so its activations can be
// computed once: see Lower.
//
// Batch normalisation is part of the convolutions before it, its statistics frozen. The
// same weights and inputs give the same bits on any number of cores. A Tuning belongs to
// one goroutine at a time.
type Tuning struct {
	network  *Network
	graph    *graph.Graph // the whole network, constants folded
	cut      Cut
	training *engine.Training
	images   int
	in, out  []float32
}

// folded returns the network in the form that is trained, with the shapes for one image.
func (n *Network) folded() (*graph.Graph, map[string]*tensor.Tensor, error) {
	g, err := n.graph() // of the network in float
	if err != nil {
		return nil, nil, err
	}
	if g, err = passes.Prune(g, n.info.Tap); err != nil {
		return nil, nil, err
	}
	if precisionOf(g) == Precision8Bit {
		return nil, nil, ErrQuantized
	}
	return passes.Trainable(g, n.info.Tap, n.shape, n.foldShare())
}

// foldShare is the memory that folding constants may take, see passes.FoldLimits.
func (n *Network) foldShare() float64 { return float64(n.arena) / float64(engine.DefaultArena) }

func quantized(n *graph.Node) bool {
	switch n.Op {
	case "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear":
		return true
	}
	return false
}

// Tune makes what lies above a cut trainable. It reads the network's file again; the
// network itself stays as it is.
func (n *Network) Tune(opt TuningOptions) (*Tuning, error) {
	g, known, err := n.folded()
	if err != nil {
		return nil, err
	}
	t := &Tuning{network: n, graph: g}
	cuts := passes.Cuts(g, known)
	i := 0
	if opt.Cut != "" {
		if i = slices.IndexFunc(cuts, func(c Cut) bool { return c.Tensor == opt.Cut }); i < 0 {
			return nil, fmt.Errorf("the network cannot be parted at tensor %q", opt.Cut)
		}
	}
	t.cut = cuts[i]
	return t, t.compile(opt)
}

// usualImages are computed at a time where they fit.
const usualImages = 8

// compile tries how many images can be computed at a time.
func (t *Tuning) compile(opt TuningOptions) error {
	images, asked := opt.Images, opt.Images > 0
	if !asked {
		images = usualImages
	}
	for ; ; images, asked = images/2, false {
		tr, err := t.compileFor(images, opt.Cores)
		switch {
		case err == nil && (images == 1 || asked || tr.Stats().ArenaBytes <= maxTuningBytes):
			t.training, t.images = tr, images
			t.in, t.out = make([]float32, tr.InputLen()), make([]float32, tr.OutputLen())
			return nil
		case err != nil && (images == 1 || errors.Is(err, ErrNoGradient) || asked && !errors.Is(err, op.ErrLimit)):
			return fmt.Errorf("%w: %w", ErrModel, err)
		}
	}
}

func (t *Tuning) compileFor(images, cores int) (*engine.Training, error) {
	n, upper := t.network, t.graph
	shape := append([]int{images}, t.cut.Shape[1:]...)
	if !t.AtInput() {
		// Sizes that the part reads from below the cut are inferred for as many images.
		_, known, err := passes.Specialize(t.graph, n.info.Tap, append([]int{images}, n.shape[1:]...), n.foldShare())
		if err != nil {
			return nil, err
		}
		if upper, err = passes.Above(t.graph, t.cut, known); err != nil {
			return nil, err
		}
	}
	tr, err := engine.CompileTraining(upper, engine.Options{Input: shape, ChannelsLast: t.channelsLast(), Tap: n.info.Tap, Pool: n.info.Pool,
		Arena: n.arena}, cores)
	if err != nil {
		return nil, err
	}
	if tr.OutputLen()%images != 0 || n.info.Dim != 0 && tr.OutputLen() != images*n.info.Dim {
		return nil, fmt.Errorf("several images at a time give %d numbers, not %d for each", tr.OutputLen(), n.info.Dim)
	}
	return tr, nil
}

// channelsLast reports whether the cut's tensor has its channels last in the model.
func (t *Tuning) channelsLast() bool {
	s := t.cut.Shape
	if t.AtInput() {
		return t.network.origin.Layout == LayoutNHWC
	}
	return len(s) == 4 && t.network.origin.Layout == LayoutNHWC && s[1] == s[2] && s[2] != s[3]
}

// Cut returns the cut.
func (t *Tuning) Cut() Cut { return t.cut }

// AtInput reports whether the cut is the network's input: all layers are trained.
func (t *Tuning) AtInput() bool { return t.cut.Tensor == t.graph.Inputs[0].Name }

// Images is how many images are computed at a time.
func (t *Tuning) Images() int { return t.images }

// CutLen is how many numbers the cut has for one image.
func (t *Tuning) CutLen() int { return len(t.in) / t.images }

// Dim is how many numbers a bottleneck has.
func (t *Tuning) Dim() int { return len(t.out) / t.images }

// ArenaBytes is the memory that activations and gradients take.
func (t *Tuning) ArenaBytes() int { return t.training.Stats().ArenaBytes }

// MACs is how many multiplications both passes take for one image.
func (t *Tuning) MACs() int64 { return t.training.Stats().MACs / int64(t.images) }

// Parameters returns what is trained, from the cut to the bottleneck. Who changes their
// Values calls Update; who has read their Gradient clears it.
func (t *Tuning) Parameters() []*Parameter { return t.training.Parameters() }

// Update makes the network compute with the parameters' present values.
func (t *Tuning) Update() { t.training.Update() }

// Forward computes the bottlenecks, N×Dim, of N images, at most Images, from their
// activations at the cut. x may be changed afterwards.
func (t *Tuning) Forward(ctx context.Context, x [][]float32, out []float32) error {
	if len(x) == 0 || len(x) > t.images {
		return fmt.Errorf("%d images, not 1 to %d", len(x), t.images)
	}
	for i := range t.images { // those that are missing are the last one again, without a gradient
		copy(t.in[i*t.CutLen():(i+1)*t.CutLen()], x[min(i, len(x)-1)])
	}
	if err := t.training.Forward(ctx, t.in, t.out); err != nil {
		return err
	}
	copy(out, t.out[:len(x)*t.Dim()])
	return nil
}

// Backward takes the gradient of a loss by the bottlenecks of the last Forward, N×Dim,
// and adds to the gradient of every parameter.
func (t *Tuning) Backward(ctx context.Context, gradient []float32) error {
	copy(t.out, gradient)
	clear(t.out[len(gradient):])
	return t.training.Backward(ctx, t.out)
}

// Lower returns an extractor of the activations at the cut, of CutLen numbers, in the
// order in which Forward takes them. At the network's input these are the prepared
// pixels.
func (t *Tuning) Lower(cores int) (*Lower, error) {
	l := &Lower{network: t.network, size: t.CutLen()}
	if t.AtInput() {
		return l, nil
	}
	n := t.network
	p, err := engine.Compile(t.graph, engine.Options{Input: n.shape, ChannelsLast: n.origin.Layout == LayoutNHWC, Tap: t.cut.Tensor, Pool: "none", Arena: n.arena,
		OutputChannelsLast: len(t.cut.Shape) == 4 && !t.channelsLast()})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	l.runner = p.NewParallelRunner(cores)
	return l, nil
}

// A Lower computes activations at a cut. It belongs to one goroutine at a time.
type Lower struct {
	network *Network
	runner  *engine.Runner // nil at the network's input
	size    int
}

// Activations computes the activations of an image, given as prepared pixels, see
// photo.Preprocess.Prepare.
func (l *Lower) Activations(ctx context.Context, pixels, dst []float32) error {
	if len(dst) != l.size {
		return fmt.Errorf("activations take %d numbers, not %d", l.size, len(dst))
	}
	if l.runner == nil {
		copy(dst, pixels)
		return nil
	}
	return l.runner.Run(ctx, pixels, dst)
}

// Model returns the whole network up to the bottleneck, with the parameters' present
// values, as an ONNX model. What is known of it stands in its metadata, so that it can
// be opened without flags.
func (t *Tuning) Model() ([]byte, error) {
	g, i := *t.graph, t.network.info
	g.Metadata = modelfile.WithManifest(g.Metadata, Manifest{Tap: i.Tap, Pool: i.Pool, Layout: i.Layout, Preprocess: photo.SettingsOf(i.Preprocess)})
	g.Initializers = maps.Clone(g.Initializers)
	for _, p := range t.Parameters() {
		if g.Initializers[p.Name] == nil {
			return nil, fmt.Errorf("the weights %q are no initializer of the network", p.Name)
		}
		g.Initializers[p.Name] = p.Tensor()
	}
	return onnx.Marshal(&g)
}
