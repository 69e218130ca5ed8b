package onnx

import "strings"

// A scanner reads the protobuf messages of a model. It copies no weights and
// allocates no more than the budget allows, whatever the bytes are.
type scanner struct {
	*budget
}

func (s *scanner) model(data []byte) (*modelProto, error) {
	m := &modelProto{
		opsets:    map[string]int64{},
		metadata:  map[string]string{},
		functions: map[functionID]*functionProto{},
	}
	f := fields{buf: data}
	for f.next() {
		switch f.num {
		case modelIRVersion:
			m.ir = f.varint()
		case modelProducerName:
			m.producer = f.text()
		case modelProducerVersion:
			m.producerVersion = f.text()
		case modelGraph:
			if m.graph != nil {
				f.fail("two graphs")
				break
			}
			m.graph = s.graphField(&f, 1)
		case modelOpsetImport:
			s.opset(&f, m.opsets)
		case modelMetadataProps:
			s.entry(&f, m.metadata)
		case modelFunctions:
			s.function(&f, m.functions)
		}
	}
	return m, f.err
}

// opset reads an OperatorSetIdProto.
func (s *scanner) opset(f *fields, into map[string]int64) {
	var domain string
	var version int64
	o := f.message()
	for o.next() {
		switch o.num {
		case opsetDomain:
			domain = normalDomain(o.text())
		case opsetVersion:
			version = o.varint()
		}
	}
	if o.err == nil {
		o.err = s.item()
	}
	if version < 1 {
		o.fail("operator set %s in version %d", quote(domain), version)
	}
	if was, ok := into[domain]; ok && was != version {
		o.fail("operator set %s imported in versions %d and %d", quote(domain), was, version)
	}
	if o.err != nil {
		f.err = within(o.err, "opset_import")
		return
	}
	into[domain] = version
}

// normalDomain returns "" for both names of the standard operator set.
func normalDomain(d string) string {
	if d == "ai.onnx" {
		return ""
	}
	return d
}

// entry reads a StringStringEntryProto.
func (s *scanner) entry(f *fields, into map[string]string) {
	var key, value string
	e := f.message()
	for e.next() {
		switch e.num {
		case entryKey:
			key = e.text()
		case entryValue:
			value = e.text()
		}
	}
	if e.err == nil {
		e.err = s.item()
	}
	if _, ok := into[key]; ok {
		e.fail("two entries for %s", quote(key))
	}
	if e.err != nil {
		f.err = within(e.err, "field %d", f.num)
		return
	}
	into[key] = value
}

// function reads a FunctionProto.
func (s *scanner) function(f *fields, into map[functionID]*functionProto) {
	fn := &functionProto{opsets: map[string]int64{}}
	b := f.message()
	for b.next() {
		switch b.num {
		case functionName:
			fn.id.name = b.text()
		case functionInput:
			fn.inputs = s.name(&b, fn.inputs)
		case functionOutput:
			fn.outputs = s.name(&b, fn.outputs)
		case functionNode:
			fn.nodes = s.node(&b, fn.nodes, 1)
		case functionOpsetImport:
			s.opset(&b, fn.opsets)
		case functionDomain:
			fn.id.domain = normalDomain(b.text())
		case functionAttributeProto:
			fn.defaults = s.attribute(&b, fn.defaults, 1)
		case functionOverload:
			fn.id.overload = b.text()
		}
	}
	if b.err == nil {
		b.err = s.item()
	}
	if into[fn.id] != nil {
		b.fail("defined twice")
	}
	if b.err != nil {
		f.err = within(b.err, "function %s", quote(fn.id.name))
		return
	}
	into[fn.id] = fn
}

// graphField reads the GraphProto in the present field of f.
func (s *scanner) graphField(f *fields, depth int) *graphProto {
	if err := s.depth(depth); err != nil {
		f.err = err
		return nil
	}
	g, err := s.graph(f.message(), depth)
	if err != nil && f.err == nil {
		f.err = within(err, "graph %s", quote(g.name))
	}
	return g
}

func (s *scanner) graph(f fields, depth int) (*graphProto, error) {
	g := &graphProto{}
	for f.next() {
		switch f.num {
		case graphNode:
			g.nodes = s.node(&f, g.nodes, depth)
		case graphName:
			g.name = f.text()
		case graphInitializer:
			t, err := s.tensor(&f)
			if err == nil && t.name == "" {
				err = wrong(ErrCorrupt, "no name")
			}
			if err != nil {
				return g, within(err, "initializer %s", quote(t.name))
			}
			g.initializers = append(g.initializers, t)
		case graphInput:
			v, err := s.valueInfo(f.message())
			if err != nil {
				return g, within(err, "input %s", quote(v.name))
			}
			g.inputs = append(g.inputs, v)
		case graphOutput:
			v, err := s.valueInfo(f.message())
			if err != nil {
				return g, within(err, "output %s", quote(v.name))
			}
			g.outputs = append(g.outputs, v.name)
		case graphSparseInitializer:
			return g, s.sparse(f.message())
		}
	}
	return g, f.err
}

// sparse returns the error for a sparse initializer, with its name.
func (s *scanner) sparse(f fields) error {
	var name string
	for f.next() {
		if f.num != sparseTensorValues { // the tensor that has the name
			continue
		}
		for v := f.message(); v.next(); {
			if v.num == tensorName {
				name = v.text()
			}
		}
	}
	return wrong(ErrUnsupported, "initializer %s is sparse; export the model with dense weights", quote(name))
}

// name reads a value's name.
func (s *scanner) name(f *fields, into []string) []string {
	n := f.text()
	if err := s.item(); err != nil && f.err == nil {
		f.err = err
	}
	return append(into, n)
}

// node reads a NodeProto of a graph that lies depth deep.
func (s *scanner) node(f *fields, into []*nodeProto, depth int) []*nodeProto {
	n := &nodeProto{index: len(into)}
	b := f.message()
	if b.err = f.err; b.err == nil {
		b.err = s.budget.node()
	}
	for b.next() {
		switch b.num {
		case nodeInput:
			n.inputs = s.name(&b, n.inputs)
		case nodeOutput:
			n.outputs = s.name(&b, n.outputs)
		case nodeName:
			n.name = b.text()
		case nodeOpType:
			n.op = b.text()
		case nodeAttribute:
			n.attributes = s.attribute(&b, n.attributes, depth)
		case nodeDomain:
			n.domain = normalDomain(b.text())
		case nodeOverload:
			n.overload = b.text()
		}
	}
	if b.err == nil {
		b.err = s.checkNode(n)
	}
	if b.err != nil {
		f.err = within(b.err, "%s", n.label())
	}
	return append(into, n)
}

func (s *scanner) checkNode(n *nodeProto) error {
	if n.op == "" {
		return wrong(ErrCorrupt, "no operator")
	}
	if strings.Join(n.outputs, "") == "" {
		return wrong(ErrCorrupt, "no outputs")
	}
	if name, ok := twice(n.attributes); ok {
		return wrong(ErrCorrupt, "attribute %s given twice", quote(name))
	}
	return s.edge(max(len(n.inputs), 1), len(n.outputs))
}

// twice finds a name that two attributes have.
func twice(attributes []attributeProto) (string, bool) {
	if len(attributes) < 2 {
		return "", false
	}
	seen := make(map[string]bool, len(attributes))
	for i := range attributes {
		name := attributes[i].name
		if seen[name] {
			return name, true
		}
		seen[name] = true
	}
	return "", false
}
