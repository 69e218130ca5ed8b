package onnx

import (
	"io/fs"
	"strings"

	"featstore/extract/internal/graph"
)

// Options say how to read a model. The zero value is ready for use.
type Options struct {
	// Limits bound what the model may cost. Parse heeds them; Model.Graph keeps to
	// those that were given to Scan.
	Limits Limits
	// External is the folder that the model lies in, for models that keep
	// their weights in files beside them. Without it such a model gives
	// ErrExternal. With os.Root.FS, symbolic links do not lead out of the folder.
	External fs.FS
	// Copy makes the graph's tensors share nothing with the data parsed.
	Copy bool
}

// Parse reads a model: Scan and Model.Graph.
func Parse(data []byte, opt Options) (*graph.Graph, error) {
	m, err := Scan(data, opt.Limits)
	if err != nil {
		return nil, err
	}
	return m.Graph(opt)
}

// A Model is a model whose messages have been read and checked, but not its weights.
type Model struct {
	proto  *modelProto
	budget *budget
}

// Scan reads a model's messages, within limits that hold for Graph too. The Model keeps
// data.
func Scan(data []byte, limits Limits) (*Model, error) {
	p := &parser{budget: &budget{Limits: limits.withDefaults()}}
	m, err := p.scan(data)
	if err != nil {
		return nil, err
	}
	return &Model{m, p.budget}, nil
}

// Graph makes the model's graph, once: it consumes the Model. Without Options.Copy the
// graph's tensors alias the data scanned wherever the values lie aligned in it, so data
// must not change while the graph is in use.
func (m *Model) Graph(opt Options) (*graph.Graph, error) {
	p := &parser{budget: m.budget, external: externalFiles{fsys: opt.External}, copy: opt.Copy}
	defer p.external.close()
	proto := m.proto
	if err := p.inlineFunctions(proto); err != nil {
		return nil, err
	}
	if err := proto.check(); err != nil {
		return nil, err
	}
	g, err := p.graph(proto.graph, nil)
	if err != nil {
		return nil, within(err, "graph %s", quote(proto.graph.name))
	}
	g.Producer = strings.TrimSpace(proto.producer + " " + proto.producerVersion)
	g.Opsets, g.Metadata = proto.opsets, proto.metadata
	return g, nil
}

// A parser makes a graph of a scanned model.
type parser struct {
	*budget
	external externalFiles
	copy     bool
}

// scan reads the messages of a model.
func (p *parser) scan(data []byte) (*modelProto, error) {
	if int64(len(data)) > p.MaxBytes {
		return nil, wrong(ErrTooLarge, "%d bytes, at most %d are allowed", len(data), p.MaxBytes)
	}
	if what := sniff(data); what != "" {
		return nil, wrong(ErrNotONNX, "%s", what)
	}
	s := scanner{p.budget}
	m, err := s.model(data)
	switch {
	case m.graph == nil && m.ir == 0 && err != nil: // its first bytes are not valid either
		return nil, wrong(ErrNotONNX, "%s", strings.TrimPrefix(err.Error(), ErrCorrupt.Error()+": "))
	case err != nil:
		return nil, err
	case m.graph == nil:
		return nil, wrong(ErrNotONNX, "it holds no graph")
	}
	return m, nil
}

// check finds what is missing from the model as a whole.
func (m *modelProto) check() error {
	for _, v := range m.graph.feeds() {
		if !v.typed {
			return wrong(ErrUnsupported, "input %s is not declared to be a tensor", quote(v.name))
		}
	}
	if _, ok := m.opsets[""]; ok {
		return nil
	}
	if m.ir > 0 && m.ir < 3 { // the format's first two versions had but one operator set
		m.opsets[""] = 1
		return nil
	}
	for _, n := range m.graph.nodes {
		if n.domain == "" { // what a node means depends on the operator set's version
			return wrong(ErrCorrupt, "no opset_import says which version of the operators the model is for")
		}
	}
	return nil
}
