package op

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/nodetest"
	"featstore/extract/internal/tensor"
)

// Any node on any inputs gives a result or an error: no panic, no result beyond the
// limits, values that fill the shape, and the same type and shape whether the
// inputs have values or not.
func FuzzEval(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		seed := make([]byte, 100)
		for i := range seed {
			seed[i] = byte(rng.Uint32())
		}
		f.Add(seed)
	}
	from := templates(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkNode(t, &dice{data}, from)
	})
}

// TestRandomNodes is the same on many more nodes than a fuzz test's seeds.
func TestRandomNodes(t *testing.T) {
	n := 200_000
	if testing.Short() {
		n = 20_000
	}
	rng := rand.New(rand.NewPCG(3, 4))
	seed := make([]byte, 120)
	evaluated := map[string]bool{}
	from := templates(t)
	for range n {
		for i := 0; i < len(seed); i += 8 {
			binary.LittleEndian.PutUint64(seed[i:], rng.Uint64())
		}
		if name, ok := checkNode(t, &dice{seed}, from); ok {
			evaluated[name] = true
		}
		if t.Failed() {
			return
		}
	}
	for _, name := range operators {
		if !evaluated[name] {
			t.Errorf("%s was never evaluated to the end", name)
		}
	}
}

var small = Limits{Elements: 1 << 14, Work: 1 << 18, Bytes: 1 << 20}

// checkNode builds a node from the dice and evaluates it twice. It returns the
// operator and whether it had a result.
func checkNode(t *testing.T, d *dice, from []template) (string, bool) {
	t.Helper()
	n, opset, in := d.node(from)
	out, err := small.Eval(n, opset, in)
	if errors.Is(err, errBug) {
		t.Fatalf("%v\nattributes %v\ninputs %v, opset %d", err, n.Attrs, in, opset)
	}
	var hidden []*tensor.Tensor
	for _, x := range in {
		if x != nil && d.roll(2) == 0 {
			x = tensor.Abstract(x.DType, x.Shape...)
		}
		hidden = append(hidden, x)
	}
	inferred, err2 := small.Eval(n, opset, hidden)
	if errors.Is(err2, errBug) {
		t.Fatalf("%v\nattributes %v\ninputs %v (some hidden), opset %d", err2, n.Attrs, in, opset)
	}
	if err != nil {
		return n.Op, false
	}
	if err2 != nil && !errors.Is(err2, ErrNeedsValue) {
		t.Errorf("%s %v of %v: fails only on hidden values: %v", n.Label(), n.Attrs, in, err2)
	}
	for i, y := range out {
		if y == nil {
			continue
		}
		if y.Known() && reflect.ValueOf(y.Data).Len() != tensor.Len(y.Shape) || volume(y.Shape) > max(small.Elements, volumeOf(in)) {
			t.Errorf("%s %v of %v: result %d is %v", n.Label(), n.Attrs, in, i, y)
		}
		if err2 == nil && inferred[i].String() != y.String() {
			t.Errorf("%s %v of %v: result %d is %v, with hidden values %v", n.Label(), n.Attrs, in, i, y, inferred[i])
		}
	}
	return n.Op, true
}

func volumeOf(in []*tensor.Tensor) int {
	n := 0
	for _, t := range in {
		if t != nil {
			n = max(n, volume(t.Shape))
		}
	}
	return n
}

// dice make choices from bytes; when these run out they always fall on 0.
type dice struct{ data []byte }

func (d *dice) roll(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b) % n
}

func choose[T any](d *dice, of []T) T { return of[d.roll(len(of))] }

var operators = slices.Sorted(maps.Keys(onnxOps))
var microsoftOperators = slices.Sorted(maps.Keys(microsoftOps))

// node is one of the tests' nodes with some things changed, or one made up.
func (d *dice) node(from []template) (*graph.Node, int64, []*tensor.Tensor) {
	if len(from) == 0 || d.roll(5) == 0 {
		return d.madeUp()
	}
	tpl := from[(d.roll(256)<<8|d.roll(256))%len(from)]
	n := *tpl.node
	n.Attrs = maps.Clone(n.Attrs)
	if n.Attrs == nil {
		n.Attrs = map[string]graph.Attr{}
	}
	n.Outputs = slices.Clone(n.Outputs)
	in, opset := slices.Clone(tpl.in), tpl.opset
	for range d.roll(4) {
		d.change(&n, in, &opset)
	}
	return &n, opset, in
}

// change alters one thing of a node.
func (d *dice) change(n *graph.Node, in []*tensor.Tensor, opset *int64) {
	i := 0
	if len(in) > 0 {
		i = d.roll(len(in))
	}
	switch d.roll(8) {
	case 0:
		*opset = choose(d, opsets)
	case 1:
		n.Outputs = append(n.Outputs, "more")
	case 2:
		a := choose(d, attributes)
		n.Attrs[a.name] = a.value(d)
	case 3, 4: // one of its own
		if names := slices.Sorted(maps.Keys(n.Attrs)); len(names) > 0 {
			name := choose(d, names)
			n.Attrs[name] = d.otherValue(n.Attrs[name])
		}
	case 5:
		if len(in) > 0 && in[i] != nil {
			in[i] = d.input(i, in[i].DType, in[i].Shape)
		}
	case 6:
		if len(in) > 0 && in[i] != nil { // one dimension other
			s := slices.Clone(in[i].Shape)
			if len(s) > 0 {
				s[d.roll(len(s))] = d.roll(5)
			}
			in[i] = d.filled(in[i].DType, s)
		}
	case 7:
		if len(in) > 0 {
			in[i] = in[d.roll(len(in))]
		}
	}
}

func (d *dice) otherValue(v graph.Attr) graph.Attr {
	switch v := v.(type) {
	case int64:
		return d.number()
	case float32:
		return choose(d, []float32{0, 1, -1, 1e-5, 1e30, float32(math.NaN())})
	case string:
		return choose(d, append(words, equations...))
	case []int64:
		v = slices.Clone(v)
		if len(v) > 0 {
			v[d.roll(len(v))] = d.number()
		}
		if d.roll(3) == 0 {
			v = append(v, d.number())
		}
		return v
	}
	return v
}

// A template is a node of a test with its inputs.
type template struct {
	node  *graph.Node
	opset int64
	in    []*tensor.Tensor
}

// templates are the nodes of the package's own operator tests.
func templates(t testing.TB) []template {
	folder, err := nodetest.OpenTar(filepath.Join("testdata", "ort_tests.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var out []template
	for _, name := range nodetest.Names(t, folder) {
		c, err := nodetest.Load(folder, name)
		if err != nil {
			t.Fatal(err)
		}
		n := c.Graph.Nodes[0]
		tpl := template{node: n, opset: c.Graph.Opsets[n.Domain]}
		for _, name := range n.Inputs {
			tpl.in = append(tpl.in, c.Inputs[name])
		}
		out = append(out, tpl)
	}
	return out
}

// TestEveryOperatorHasATest keeps the list of operators and the tests together.
func TestEveryOperatorHasATest(t *testing.T) {
	seen := map[string]bool{}
	for _, tpl := range templates(t) {
		seen[tpl.node.Domain+"."+tpl.node.Op] = true
	}
	for _, name := range operators {
		if !seen["."+name] {
			t.Errorf("no test for %s", name)
		}
	}
	for _, name := range microsoftOperators {
		if !seen["com.microsoft."+name] {
			t.Errorf("no test for com.microsoft.%s", name)
		}
	}
}

var opsets = []int64{6, 7, 9, 10, 11, 12, 13, 15, 18, 20, 21, 23, 24, 28}

func (d *dice) madeUp() (*graph.Node, int64, []*tensor.Tensor) {
	n := &graph.Node{Op: choose(d, operators), Attrs: map[string]graph.Attr{}}
	if d.roll(4) == 0 && len(microsoftOperators) > 0 {
		n.Op, n.Domain = choose(d, microsoftOperators), "com.microsoft"
	}
	base := d.shape()
	dt := choose(d, []tensor.DType{1, 1, 1, 1, 1, 1, 10, 11, 2, 3, 3, 4, 5, 6, 7, 7, 9, 12, 13})
	var in []*tensor.Tensor
	for i := range d.roll(5) + 1 {
		in = append(in, d.input(i, dt, base))
		n.Inputs = append(n.Inputs, "x")
	}
	for range d.roll(3) + 1 {
		n.Outputs = append(n.Outputs, "y")
	}
	for range d.roll(4) {
		a := choose(d, attributes)
		n.Attrs[a.name] = a.value(d)
	}
	if n.Op == "Concat" || n.Op == "Einsum" {
		n.Attrs["axis"] = int64(d.roll(2))
		n.Attrs["equation"] = choose(d, equations)
	}
	return n, choose(d, opsets), in
}

// input is like the first one, a variation of it, or a short list of numbers as
// axes, shapes and pads are.
func (d *dice) input(i int, dt tensor.DType, base []int) *tensor.Tensor {
	shape := base
	switch d.roll(8) {
	case 0:
		shape = d.shape()
	case 1:
		return nil
	case 2, 3, 4:
		if i > 0 {
			shape, dt = []int{d.roll(4)}, tensor.Int64
			if d.roll(2) == 0 {
				shape = []int{len(base) * (1 + d.roll(2))}
			}
			if d.roll(4) == 0 {
				shape, dt = []int{}, choose(d, []tensor.DType{tensor.Int64, tensor.Float32, tensor.Int32})
			}
		}
	case 5:
		dt = choose(d, []tensor.DType{1, 2, 3, 6, 7, 9, 10})
	case 6:
		if len(base) > 1 {
			shape = base[1:2]
		}
	}
	return d.filled(dt, shape)
}

// filled is a tensor of small numbers.
func (d *dice) filled(dt tensor.DType, shape []int) *tensor.Tensor {
	v := make([]int64, tensor.Len(shape))
	for k := range v {
		v[k] = d.number()
	}
	x := &tensor.Tensor{DType: dt, Shape: slices.Clone(shape)}
	if !isFloat(dt) {
		x.Data = fromInts(dt, v)
		return x
	}
	f := convert[float64](v)
	if d.roll(8) == 0 && len(f) > 0 {
		f[d.roll(len(f))] = choose(d, []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30, 0.5})
	}
	x.Data = fromFloats(dt, f)
	return x
}

func (d *dice) shape() []int {
	s := make([]int, choose(d, []int{0, 1, 2, 2, 3, 3, 4, 4, 4, 5}))
	for i := range s {
		s[i] = choose(d, []int{0, 1, 1, 2, 2, 3, 4, 4, 6})
	}
	return s
}

func (d *dice) number() int64 {
	return choose(d, []int64{0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 8, -1, -1, -2, -3, 100, 1 << 20, math.MaxInt32, math.MaxInt64, math.MinInt64, 1 << 40, -9})
}

var equations = []string{"ij,jk->ik", "bhqd,bhkd->bhqk", "...i,...i->...", "ii->i", "ij->", "a,b", "...", "i...->...", "ij,ij,ij->i", "", "->",
	"i->j", ".", "..i", "i,", "ab...->ba"}

var words = []string{"SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "reflect", "edge", "wrap", "constant", "linear", "cubic", "nearest", "CRD", "DCR",
	"align_corners", "asymmetric", "tf_crop_and_resize", "half_pixel_symmetric", "pytorch_half_pixel", "floor", "ceil", "round_prefer_ceil",
	"add", "mul", "max", "min", "LEFT", "RIGHT", "tanh", "none", "zeros", "border", "reflection", "not_larger", "not_smaller", "circular", "", "Relu", "Clip"}

// An attribute is a name with a way to make values for it.
type attribute struct {
	name  string
	value func(d *dice) graph.Attr
}

var attributes = func() []attribute {
	kinds := []struct {
		names []string
		value func(d *dice) graph.Attr
	}{
		{[]string{"axis", "keepdims", "group", "blocksize", "size", "p", "k", "to", "dtype", "output_dtype", "start", "end", "num_groups", "num_outputs",
			"block_size",
			"batch_dims", "batch_axis", "time_axis", "storage_order", "ceil_mode", "count_include_pad", "transA", "transB", "noop_with_empty_axes", "select_last_index",
			"largest", "sorted", "exclusive", "reverse", "upper", "allowzero", "antialias", "exclude_outside", "align_corners", "is_causal", "q_num_heads",
			"kv_num_heads", "num_heads", "left_window_size", "right_window_size", "qk_matmul_output_mode", "rotary_embedding_dim", "offset_group", "fmod", "interleaved",
			"channels_last", "spatial", "axis", "group", "blocksize", "transBatchA", "unidirectional", "groups"},
			func(d *dice) graph.Attr { return d.number() }},
		{[]string{"axes", "kernel_shape", "strides", "dilations", "pads", "perm", "shape", "split", "starts", "ends", "output_padding", "output_shape",
			"kernel_shape", "pads", "axes"},
			func(d *dice) graph.Attr {
				v := make([]int64, d.roll(7))
				for i := range v {
					v[i] = d.number()
					if d.roll(3) > 0 {
						v[i] = int64(1 + d.roll(2))
					}
				}
				return v
			}},
		{[]string{"alpha", "beta", "gamma", "epsilon", "bias", "scale", "softcap", "min", "max", "value", "extrapolation_value", "lambd", "cubic_coeff_a"},
			func(d *dice) graph.Attr { return choose(d, []float32{0, 1, -1, 0.5, 1e-5, 1e30, float32(math.NaN())}) }},
		{[]string{"auto_pad", "mode", "coordinate_transformation_mode", "nearest_mode", "keep_aspect_ratio_policy", "reduction", "direction", "approximate",
			"padding_mode", "mode", "activation"},
			func(d *dice) graph.Attr { return choose(d, words) }},
		{[]string{"scales", "activation_params"}, func(d *dice) graph.Attr {
			return []float32{1, float32(d.roll(5)), 0.5, float32(math.Inf(1))}[:d.roll(5)]
		}},
		{[]string{"value"}, func(d *dice) graph.Attr { return tensor.New([]int32{7}, 1) }},
	}
	var out []attribute
	for _, k := range kinds {
		for _, name := range k.names {
			out = append(out, attribute{name, k.value})
		}
	}
	return out
}()
