package onnx

import (
	"io/fs"
	"strings"

	"featstore/extract/internal/graph"
)

// Options say how to read a model. The zero value is ready for use.
type Options struct {
	// Limits bound what the model may cost.
	Limits Limits
	// External is the folder that the model lies in, for models that keep
	// their weights in files beside them. Without it such a model gives
	// ErrExternal. os.Root.FS keeps out of what symbolic links point to.
	External fs.FS
	// Copy makes the graph's tensors share nothing with the data parsed.
	Copy bool
}

// Parse reads a model. Without Options.Copy the graph's tensors alias data wherever
// the values lie aligned in it, so data must not change while the graph is in use.
func Parse(data []byte, opt Options) (*graph.Graph, error) {
	p := &parser{budget: &budget{Limits: opt.Limits.withDefaults()}, external: externalFiles{fsys: opt.External}, copy: opt.Copy}
	defer p.external.close()
	m, err := p.scan(data)
	if err != nil {
		return nil, err
	}
	if err := p.inlineFunctions(m); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	g, err := p.graph(m.graph, nil)
	if err != nil {
		return nil, within(err, "graph %s", quote(m.graph.name))
	}
	g.Producer = strings.TrimSpace(m.producer + " " + m.producerVersion)
	g.Opsets, g.Metadata = m.opsets, m.metadata
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
	case m.graph == nil && m.ir == 0 && err != nil: // not even its first bytes make sense
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
		if n.domain == "" { // without the operator set's version, a node means nothing
			return wrong(ErrCorrupt, "no opset_import says which version of the operators the model is for")
		}
	}
	return nil
}
