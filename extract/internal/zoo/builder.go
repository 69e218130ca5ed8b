package zoo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
)

// A builder makes one model. Its methods add nodes and return the value that the
// last of them computes.
type builder struct {
	*onnxtest.Model
	Config
	style
	model *Model
	rng   *rand.Rand

	layers  int               // counts layers, for the names of weights
	lengths map[string]string // vector that Shape gave, by value
	same    map[string]string // weights that may be shared, by shape and purpose
	quants  map[string]quant  // of values that are quantised
	outside []byte            // weights in the external file
	tapDims []int             // of the bottleneck, without the batch
	params  int               // learned parameters
	dry     bool              // leave the weights out, only to count them
}

func newBuilder(c Config, s style) *builder {
	b := &builder{Model: onnxtest.New(s.opset), Config: c, style: s, model: &Model{}, rng: rand.New(rand.NewPCG(5, 17)),
		lengths: map[string]string{}, same: map[string]string{}, quants: map[string]quant{}}
	b.Producer = s.producer
	if s.ir != 0 {
		b.IR = s.ir
	}
	return b
}

// externalName is the file of the weights beside a model.
const externalName = "model.onnx.data"

func (b *builder) finish() *Model {
	m := b.model
	if b.half {
		m.Scores = b.with("Cast", m.Scores, onnxtest.Attrs{"to": int(tensor.Float32)})
	}
	b.result(m.Scores, b.Classes)
	if b.NameTap {
		b.result(m.Tap, b.tapDims...)
	}
	m.Data = b.Bytes()
	if b.external {
		m.Files = map[string][]byte{externalName: b.outside}
	}
	return m
}

// result declares an output of the graph.
func (b *builder) result(name string, dims ...int) {
	all := []any{b.batch}
	for _, d := range dims {
		all = append(all, d)
	}
	const fieldOutput = 12
	dt := tensor.Float32
	if b.half && name == b.model.Tap {
		dt = tensor.Float16
	}
	b.Raw(fieldOutput, onnxtest.ValueInfo(name, dt, all...))
}

// A fmap is a feature map of one image: a value and its sizes, whatever the order
// of its axes.
type fmap struct {
	name    string
	c, h, w int
}

// image declares the input and returns it as the operators behind it see it.
func (b *builder) image() fmap {
	s := b.Size
	x := fmap{"input", 3, s, s}
	var h, w any = s, s
	if b.anySize {
		h, w = "height", "width"
	}
	if b.nhwc || b.transpose {
		b.Input(x.name, tensor.Float32, b.batch, h, w, 3)
		b.model.Shape = []int{1, s, s, 3}
	} else {
		b.Input(x.name, tensor.Float32, b.batch, 3, h, w)
		b.model.Shape = []int{1, 3, s, s}
	}
	b.model.Input = x.name
	if b.half {
		x.name = b.with("Cast", x.name, onnxtest.Attrs{"to": int(tensor.Float16)})
	}
	if b.normalize {
		mean, std := []float32{0.1, 0.05, -0.1}, []float32{0.6, 0.5, 0.55}
		x.name = b.op("Sub", x.name, b.Init("normalization/mean", tensor.New(mean, 1, 1, 1, 3)))
		x.name = b.op("Div", x.name, b.Init("normalization/sqrt", tensor.New(std, 1, 1, 1, 3)))
	}
	if b.transpose {
		x.name = b.permute(x.name, 0, 3, 1, 2)
	}
	q := quantOf(-1, 1)
	x.name = b.requantize(x.name, q)
	if b.quantized == integer {
		scale, zero := b.parameters(q)
		x.name = b.op("QuantizeLinear", x.name, scale, zero)
		b.quants[x.name] = q
	}
	return x
}

// ch scales a number of channels by the width, to a multiple of eight.
func (b *builder) ch(c int) int {
	if b.Width == 1 {
		return c
	}
	return max(8, int(math.Round(float64(c)*b.Width/8))*8)
}

// times bounds a number of blocks.
func (b *builder) times(n int) int {
	if b.Repeat > 0 {
		return min(n, b.Repeat)
	}
	return n
}

// layer makes up a name for the weights of a layer.
func (b *builder) layer(kind string) string {
	b.layers++
	return fmt.Sprintf("%s_%d", kind, b.layers)
}

// normal adds weights of normal distribution.
func (b *builder) normal(name string, mean, std float64, dims ...int) string {
	return b.weights(name, dims, func() float32 { return float32(mean + std*b.rng.NormFloat64()) })
}

// uniform adds weights between two bounds.
func (b *builder) uniform(name string, lo, hi float64, dims ...int) string {
	return b.weights(name, dims, func() float32 { return float32(lo + (hi-lo)*b.rng.Float64()) })
}

func (b *builder) weights(name string, dims []int, draw func() float32) string {
	b.params += tensor.Len(dims)
	if b.dry {
		return name
	}
	v := make([]float32, tensor.Len(dims))
	for i := range v {
		v[i] = draw()
	}
	t := b.floats(v, dims...)
	if !b.external || len(v) < 256 {
		return b.Init(name, t)
	}
	for len(b.outside)%64 != 0 {
		b.outside = append(b.outside, 0)
	}
	raw := onnxtest.Raw(t)
	m := onnxtest.External(name, t.DType, dims, externalName, len(b.outside), len(raw))
	b.outside = append(b.outside, raw...)
	return b.RawInit(name, m)
}

// floats are values of the type that the model computes in.
func (b *builder) floats(v []float32, dims ...int) *tensor.Tensor {
	if !b.half {
		return tensor.New(v, dims...)
	}
	h := make([]tensor.Half, len(v))
	for i, x := range v {
		h[i] = tensor.ToHalf(x)
	}
	return tensor.New(h, dims...)
}

// sharable adds weights that every layer of the same shape may have. Exporters that
// find equal weights keep one of them, and name the others by Identity.
func (b *builder) sharable(purpose string, lo, hi float64, n int) string {
	key := fmt.Sprint(purpose, n)
	name := b.layer(purpose)
	if first, ok := b.same[key]; ok && b.shared {
		return b.As(name, "Identity", []string{first}, nil)
	}
	b.same[key] = name
	return b.uniform(name, lo, hi, n)
}

// constant adds a constant that belongs to the computation, not to a layer.
func (b *builder) constant(t *tensor.Tensor) string {
	if b.constants {
		return b.Op("Constant", nil, onnxtest.Attrs{"value": t})
	}
	return b.Init("", t)
}

// scalar adds a constant of one number.
func (b *builder) scalar(v float64) string { return b.constant(b.floats([]float32{float32(v)})) }

// ints adds a constant list.
func (b *builder) ints(v ...int) string {
	w := make([]int64, len(v))
	for i, x := range v {
		w[i] = int64(x)
	}
	return b.constant(tensor.New(w, len(w)))
}

// index adds a constant whole number.
func (b *builder) index(v int) string { return b.constant(tensor.New([]int64{int64(v)})) }

// op adds a node without attributes.
func (b *builder) op(name string, inputs ...string) string { return b.Op(name, inputs, nil) }

// with adds a node of one input with attributes.
func (b *builder) with(name, x string, attrs onnxtest.Attrs) string {
	return b.Op(name, []string{x}, attrs)
}

func (b *builder) permute(x string, perm ...int) string {
	return b.with("Transpose", x, onnxtest.Attrs{"perm": perm})
}

// in returns a builder of the nodes of another graph of the same model, a branch or
// a function.
func (b *builder) in(g *onnxtest.Graph) *builder {
	inner, m := *b, *b.Model
	m.Graph = g
	inner.Model = &m
	return &inner
}

func sqrt(n int) float64 { return math.Sqrt(float64(n)) }
