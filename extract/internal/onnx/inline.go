package onnx

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// inlineFunctions replaces every call of a function that the model itself defines
// by the function's nodes, in all graphs. Values inside a function get names of
// their own for each call: the calling node's name, a slash, the inner name.
//
// A function may import other versions of the operators than the model does. The
// format demands that the operators it uses mean the same in both, so the model's
// versions are used; operator sets that only functions import are added.
func (p *parser) inlineFunctions(m *modelProto) error {
	if len(m.functions) == 0 {
		return nil
	}
	newest := map[string]int64{}
	for _, f := range m.functions {
		for domain, version := range f.opsets {
			newest[domain] = max(version, newest[domain])
		}
	}
	maps.Copy(newest, m.opsets)
	m.opsets = newest
	in := &inliner{parser: p, functions: m.functions, taken: map[string]int{}}
	in.take(m.graph)
	return in.graph(m.graph, 1)
}

type inliner struct {
	*parser
	functions map[functionID]*functionProto
	taken     map[string]int // names and prefixes that exist, to the number that makes a new one of it
}

// take notes the names of all values in g.
func (in *inliner) take(g *graphProto) {
	for _, v := range g.inputs {
		in.taken[v.name] = 2
	}
	for _, t := range g.initializers {
		in.taken[t.name] = 2
	}
	for _, n := range g.nodes {
		for _, o := range n.outputs {
			in.taken[o] = 2
		}
		for i := range n.attributes {
			if b := n.attributes[i].graph; b != nil {
				in.take(b)
			}
		}
	}
}

// graph inlines the calls in g and in the graphs inside it.
func (in *inliner) graph(g *graphProto, depth int) error {
	if err := in.depth(depth); err != nil {
		return err
	}
	out := make([]*nodeProto, 0, len(g.nodes))
	for _, n := range g.nodes {
		var err error
		if out, err = in.expand(out, n, depth); err != nil {
			return within(err, "%s", n.label())
		}
	}
	g.nodes = out
	return nil
}

// expand appends n to out, or the nodes of the function that it calls.
func (in *inliner) expand(out []*nodeProto, n *nodeProto, depth int) ([]*nodeProto, error) {
	fn := in.functions[functionID{n.domain, n.op, n.overload}]
	if fn == nil {
		for i := range n.attributes {
			if b := n.attributes[i].graph; b != nil {
				if err := in.graph(b, depth+1); err != nil {
					return nil, within(err, "attribute %s", quote(n.attributes[i].name))
				}
			}
		}
		n.index = len(out)
		return append(out, n), nil
	}
	if err := in.depth(depth + 1); err != nil {
		return nil, err
	}
	body, err := in.call(fn, n)
	if err != nil {
		return nil, err
	}
	for _, b := range body {
		if out, err = in.expand(out, b, depth+1); err != nil {
			return nil, within(err, "function %s", quote(fn.id.name))
		}
	}
	return out, nil
}

// call returns the nodes of fn as the node n calls it.
func (in *inliner) call(fn *functionProto, n *nodeProto) ([]*nodeProto, error) {
	if len(n.inputs) > len(fn.inputs) || len(n.outputs) > len(fn.outputs) {
		return nil, wrong(ErrCorrupt, "%d inputs and %d outputs for a function of %d and %d",
			len(n.inputs), len(n.outputs), len(fn.inputs), len(fn.outputs))
	}
	c := &call{inliner: in, caller: n, prefix: in.prefix(n), names: map[string]string{"": ""}, attributes: map[string]*attributeProto{}}
	for i := range fn.defaults {
		c.attributes[fn.defaults[i].name] = &fn.defaults[i]
	}
	for i := range n.attributes {
		c.attributes[n.attributes[i].name] = &n.attributes[i]
	}
	for i, name := range fn.inputs {
		if _, ok := c.names[name]; ok {
			return nil, wrong(ErrCorrupt, "function %s has two inputs %s", quote(fn.id.name), quote(name))
		}
		c.names[name] = at(n.inputs, i)
	}
	through := c.bindOutputs(fn)
	body := make([]*nodeProto, 0, len(fn.nodes)+len(through))
	for _, b := range fn.nodes {
		nb, err := c.node(b)
		if err != nil {
			return nil, within(err, "function %s: %s", quote(fn.id.name), b.label())
		}
		body = append(body, nb)
	}
	for _, id := range through {
		if err := in.budget.node(); err != nil {
			return nil, err
		}
		body = append(body, id)
	}
	return body, nil
}

func at(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return ""
}

// prefix returns the start of the names of values inside a call, no two alike.
func (in *inliner) prefix(n *nodeProto) string {
	base := n.name
	for i := 0; base == "" && i < len(n.outputs); i++ {
		base = n.outputs[i]
	}
	return in.unique(strings.ToValidUTF8(base[:min(len(base), 100)], ""), "/")
}

// unique returns base+tail or, if that is taken, a name close to it, and takes it.
func (in *inliner) unique(base, tail string) string {
	name := base + tail
	for next := in.taken[name]; next > 0; next++ {
		other := base + "#" + strconv.Itoa(next) + tail
		if in.taken[other] == 0 {
			in.taken[name] = next + 1
			name = other
			break
		}
	}
	in.taken[name] = 2
	return name
}

// A call is one use of a function.
type call struct {
	*inliner
	caller     *nodeProto
	prefix     string
	names      map[string]string // inner name to outer name
	attributes map[string]*attributeProto
}

// bindOutputs gives the function's outputs the names that the caller uses. An output
// that is also an input, or that is listed twice, needs an extra node: bindOutputs
// returns those.
func (c *call) bindOutputs(fn *functionProto) (through []*nodeProto) {
	for i, inner := range fn.outputs {
		outer := at(c.caller.outputs, i)
		if outer == "" {
			continue
		}
		if have, ok := c.names[inner]; ok {
			through = append(through, &nodeProto{name: outer, op: "Identity", inputs: []string{have}, outputs: []string{outer}})
			continue
		}
		c.names[inner] = outer
	}
	return through
}

// name translates the name of a value inside the function.
func (c *call) name(inner string) (string, error) {
	if outer, ok := c.names[inner]; ok {
		return outer, nil
	}
	if err := c.budget.name(len(c.prefix) + len(inner)); err != nil {
		return "", err
	}
	outer := c.unique(c.prefix+inner, "")
	c.names[inner] = outer
	return outer, nil
}

func (c *call) allNames(inner []string) ([]string, error) {
	out := make([]string, len(inner))
	for i, s := range inner {
		var err error
		if err = c.item(); err != nil {
			return nil, err
		}
		if out[i], err = c.name(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// node returns n with the names and attributes of this call.
func (c *call) node(n *nodeProto) (*nodeProto, error) {
	if err := c.budget.node(); err != nil {
		return nil, err
	}
	nn := *n
	var err error
	if nn.inputs, err = c.allNames(n.inputs); err != nil {
		return nil, err
	}
	if nn.outputs, err = c.allNames(n.outputs); err != nil {
		return nil, err
	}
	if err = c.budget.name(len(c.prefix) + len(n.name)); err != nil {
		return nil, err
	}
	nn.name = c.prefix + n.name
	if n.name == "" {
		nn.name = ""
	}
	nn.attributes = nil
	for i := range n.attributes {
		a, ok, err := c.attribute(&n.attributes[i])
		if err != nil {
			return nil, within(err, "attribute %s", quote(n.attributes[i].name))
		}
		if ok {
			nn.attributes = append(nn.attributes, a)
		}
	}
	return &nn, nil
}

// attribute returns a with the value that it has in this call. An attribute that
// refers to one that the caller did not give does not exist.
func (c *call) attribute(a *attributeProto) (attributeProto, bool, error) {
	if err := c.item(); err != nil {
		return attributeProto{}, false, err
	}
	if a.ref != "" {
		v := c.attributes[a.ref]
		if v == nil || v.ref != "" {
			return attributeProto{}, false, nil
		}
		na := *v
		na.name = a.name
		return na, true, nil
	}
	na := *a
	if a.graph != nil {
		g, err := c.graph(a.graph)
		na.graph = g
		return na, true, err
	}
	return na, true, nil
}

// graph returns a copy of a graph inside the function, with the names of this call.
func (c *call) graph(g *graphProto) (*graphProto, error) {
	ng := &graphProto{name: g.name, inputs: slices.Clone(g.inputs), initializers: make([]*tensorProto, len(g.initializers))}
	var err error
	for i := range ng.inputs {
		if ng.inputs[i].name, err = c.name(g.inputs[i].name); err != nil {
			return nil, err
		}
	}
	for i, t := range g.initializers {
		nt := *t
		if nt.name, err = c.name(t.name); err != nil {
			return nil, err
		}
		ng.initializers[i] = &nt
	}
	for _, n := range g.nodes {
		nn, err := c.node(n)
		if err != nil {
			return nil, within(err, "%s", n.label())
		}
		ng.nodes = append(ng.nodes, nn)
	}
	ng.outputs, err = c.allNames(g.outputs)
	return ng, err
}
