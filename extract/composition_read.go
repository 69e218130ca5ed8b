package extract

import (
	"fmt"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/modelfile"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/tensor"
	"featstore/extract/userfile"
)

// A ComposedModel is a model that a Composition wrote.
type ComposedModel struct {
	file   *modelfile.File
	limits ModelLimits
}

// OpenComposition reads a file. Errors that are the file's fault wrap ErrModel, others are
// those of package fs.
func (l ModelLimits) OpenComposition(path string) (*ComposedModel, error) {
	l = l.withDefaults()
	f, err := modelfile.Open(path, l.scan())
	if err != nil {
		return nil, fmt.Errorf("classifier %s: %w", path, userfile.WithoutPath(err))
	}
	return &ComposedModel{f, l}, nil
}

// ReadComposition is OpenComposition for the bytes of a file.
func (l ModelLimits) ReadComposition(data []byte) (*ComposedModel, error) {
	l = l.withDefaults()
	f, err := modelfile.Read(data, nil, l.scan())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return &ComposedModel{f, l}, nil
}

// Metadata returns what Composition.Describe set.
func (m *ComposedModel) Metadata() map[string]string { return m.file.Graph.Metadata }

// Network returns one of the networks: what computes the tensor bottleneck from prepared
// pixels, the tensor input. request says how photos are prepared, and the layout.
func (m *ComposedModel) Network(input, bottleneck string, request Manifest) (*Network, error) {
	g, err := between(m.file.Graph, input, bottleneck)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	data, err := onnx.Marshal(g)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	one, err := m.limits.ReadModel(data)
	if err != nil {
		return nil, err
	}
	request.Tap, request.Pool = bottleneck, "none"
	return one.Network(request)
}

// between returns the part of a graph that computes one tensor from another one, which
// becomes its only input.
func between(g *graph.Graph, input, output string) (*graph.Graph, error) {
	part := *g
	part.Nodes = slices.DeleteFunc(slices.Clone(g.Nodes), func(n *graph.Node) bool { return slices.Contains(n.Outputs, input) })
	if len(part.Nodes) < len(g.Nodes) {
		part.Inputs = []graph.Input{{Name: input, DType: tensor.Float32}}
	}
	pruned, err := passes.Prune(&part, output)
	if err != nil {
		return nil, err
	}
	if len(pruned.Inputs) != 1 || pruned.Inputs[0].Name != input {
		return nil, fmt.Errorf("tensor %q is not computed from %q alone", output, input)
	}
	pruned.Metadata = nil
	return passes.DropUnread(pruned), nil
}

// Evaluate computes tensors of the model from others by the reference operators: slowly, and
// independently of the engine that runs networks. Inputs may be any tensors that the wanted
// ones are computed from, N×D float32 each, or of the shape that the model gives its input for
// one photo. Results are in row-major order.
func (m *ComposedModel) Evaluate(inputs map[string][][]float32, want ...string) (map[string][]float64, error) {
	given := map[string]*tensor.Tensor{}
	for name, rows := range inputs {
		given[name] = m.fed(name, rows)
	}
	results, err := op.Interpret(m.file.Graph, given, want...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	out := map[string][]float64{}
	for name, t := range results {
		if out[name], err = numbers(t); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	return out, nil
}

// fed makes a tensor of rows: in the shape of the model's input of that name, or N×D.
func (m *ComposedModel) fed(name string, rows [][]float32) *tensor.Tensor {
	all := slices.Concat(rows...)
	shape := []int{len(rows), len(rows[0])}
	for _, in := range m.file.Graph.Inputs {
		if in.Name == name && len(in.Dims) > 1 {
			shape = shape[:1]
			for _, d := range in.Dims[1:] {
				shape = append(shape, d.Size)
			}
		}
	}
	return tensor.New(all, shape...)
}

func numbers(t *tensor.Tensor) ([]float64, error) {
	var out []float64
	switch v := t.Data.(type) {
	case []float32:
		for _, x := range v {
			out = append(out, float64(x))
		}
	case []int64:
		for _, x := range v {
			out = append(out, float64(x))
		}
	case []bool:
		for _, x := range v {
			n := 0.0
			if x {
				n = 1
			}
			out = append(out, n)
		}
	default:
		return nil, fmt.Errorf("%w: it holds %v", ErrModel, t.DType)
	}
	return out, nil
}
