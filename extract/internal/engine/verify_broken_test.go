package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/zoo"
)

// firstWith returns the first node for which is reports true.
func firstWith(t *testing.T, g *net, is func(n *node) bool) *node {
	t.Helper()
	i := slices.IndexFunc(g.nodes, is)
	if i < 0 {
		t.Fatal("the network has no such node")
	}
	return g.nodes[i]
}

func isConv(n *node) bool { return convOf(n.out[0]) != nil }

// A breakage breaks one rule behind one pass.
type breakage struct {
	pass  string
	apply func(t *testing.T, g *net)
	want  string // part of the error
}

var breakages = map[string]breakage{
	"a user is not listed": {"simplify", func(t *testing.T, g *net) { g.input.users = g.input.users[1:] }, "is not listed as a user"},
	"a user reads nothing": {"simplify", func(t *testing.T, g *net) {
		g.input.users = append(g.input.users, g.nodes[len(g.nodes)-1])
	}, "does not read it"},
	"nodes are not sorted": {"simplify", func(t *testing.T, g *net) { slices.Reverse(g.nodes) }, "is not computed before"},
	"a result of two nodes": {"simplify", func(t *testing.T, g *net) {
		g.nodes[1].out = g.nodes[0].out
	}, "is computed twice"},
	"a result of another node": {"form blocks", func(t *testing.T, g *net) { g.nodes[0].out[0].def = g.nodes[1] }, "names another node"},
	"a pending node": {"simplify", func(t *testing.T, g *net) {
		g.insert(g.nodes[1], &identity{}, g.input.shape, g.input)
	}, "still to be inserted"},
	"no output": {"use bytes", func(t *testing.T, g *net) { g.output = &value{name: "nothing"} }, "is not computed"},
	"a constant of another shape": {"simplify", func(t *testing.T, g *net) {
		n := firstWith(t, g, func(n *node) bool { return slices.ContainsFunc(n.in, func(v *value) bool { return v.constant != nil }) })
		n.in[slices.IndexFunc(n.in, func(v *value) bool { return v.constant != nil })].shape = []int{1}
	}, "said to be"},
	"bytes for an operation on floats": {"use bytes", func(t *testing.T, g *net) { g.nodes[0].out[0].quant = &quantParams{} }, "is bytes"},
	"no order":                         {"assign orders", func(t *testing.T, g *net) { g.nodes[0].out[0].order = nil }, "has its axes in the order"},
	"an order of the wrong axes": {"assign orders", func(t *testing.T, g *net) {
		g.nodes[0].out[0].order = []int{0, 1, 1, 2}
	}, "has its axes in the order"},
	"an input in the wrong order": {"assign orders", func(t *testing.T, g *net) {
		n := firstWith(t, g, func(n *node) bool { _, ok := reorderTo(n); return ok && n.out[0].users != nil })
		g.replace(n.out[0], n.in[0])
	}, "in the orders that it needs"},
	"a result in the wrong order": {"assign orders", func(t *testing.T, g *net) {
		firstWith(t, g, isConv).out[0].order = identityOrder(4)
	}, "the result has its axes"},
	"no place":                   {"place", func(t *testing.T, g *net) { g.nodes[0].out[0].view = nil }, "lies nowhere"},
	"a view of other dimensions": {"place", func(t *testing.T, g *net) { g.nodes[0].out[0].view.W++ }, "lies in a view of"},
	"a view beyond its buffer": {"place", func(t *testing.T, g *net) {
		moveView(g.nodes[0].out[0], func(v *memory.View) { v.Ch += 1000 })
	}, "outside its buffer"},
	"a buffer of bytes for floats": {"place", func(t *testing.T, g *net) { g.nodes[0].out[0].view.Buffer.Bytes = true }, "in a buffer of bytes"},
	"a convolution over its own input": {"place", func(t *testing.T, g *net) {
		n := firstWith(t, g, func(n *node) bool {
			return isConv(n) && n.in[0].def != nil && slices.Equal(n.in[0].shape, n.out[0].shape)
		})
		n.out[0].view = n.in[0].view
	}, "while that is read"},
	"a value that is read later is overwritten": {"place", func(t *testing.T, g *net) {
		n := firstWith(t, g, func(n *node) bool {
			return n.op.name() == "activation" && n.in[0].def != nil && n.in[0].view != n.out[0].view && len(n.in[0].users) > 1
		})
		n.out[0].view = n.in[0].view
	}, "is overwritten before it is read"},
	"too narrow a halo": {"place", func(t *testing.T, g *net) {
		n := firstWith(t, g, func(n *node) bool { return n.in[0].def != nil && !n.op.halo(n).Empty() })
		n.in[0].view.Buffer.Halo = memory.Borders{}
	}, "needs a halo"},
	"a slice that begins elsewhere": {"place", func(t *testing.T, g *net) {
		n := firstWith(t, g, func(n *node) bool { return n.op.name() == "slice" && n.out[0].view.Strided })
		moveView(n.out[0], func(v *memory.View) { v.Base++ })
	}, "they are not copied|is overwritten before it is read|while that is read"},
	"a part of a concatenation that lies elsewhere": {"place", func(t *testing.T, g *net) {
		n := firstWith(t, g, func(n *node) bool {
			return n.op.name() == "concatenation" && n.in[0].view.Buffer == n.out[0].view.Buffer && n.in[1].view.Buffer == n.out[0].view.Buffer
		})
		moveView(n.in[1], func(v *memory.View) { v.Ch = n.in[0].view.Ch })
	}, "is overwritten before it is read"},
	"an arena without order": {"lay out", func(t *testing.T, g *net) {
		for _, n := range g.nodes {
			n.out[0].view.Buffer.Off = 0
		}
	}, "overwritten before it is read"},
}

// moveView gives v a changed copy of its view.
func moveView(v *value, change func(at *memory.View)) {
	at := *v.view
	change(&at)
	v.view = &at
}

// breakable is a network with all that the breakages break.
func breakable(b *builder) string {
	pads := map[string]graph.Attr{"pads": ints(1, 1, 1, 1)}
	x := b.add("Relu", nil, b.conv("x", 4, 8, 3, 1, pads))
	sum := b.add("Add", nil, b.conv(x, 8, 8, 3, 1, pads), b.weights(1, 8, 6, 6))
	soft := b.add("Tanh", nil, sum)
	both := b.add("Add", nil, soft, b.add("Sigmoid", nil, sum))
	half := b.add("Slice", nil, both, b.ints(4), b.ints(8), b.ints(1))
	y := b.add("Concat", map[string]graph.Attr{"axis": int64(1)}, b.conv(both, 8, 8, 3, 1, pads), b.conv(half, 4, 5, 1, 1, nil))
	return b.add("Flatten", nil, b.conv(y, 13, 3, 1, 1, nil))
}

// TestBrokenNetsAreFound: a net that breaks one rule is refused for it, behind the pass
// that broke it.
func TestBrokenNetsAreFound(t *testing.T) {
	for name, c := range breakages {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(5, 2, 4, 6, 6)
			opt := verified(Options{Input: []int{2, 4, 6, 6}, Tap: breakable(b)})
			verify, broken := opt.afterPass, false
			opt.afterPass = func(pass string, g *net) error {
				if pass == c.pass {
					c.apply(t, g)
					broken = true
					return errors.Join(errNetBroken, verify(pass, g))
				}
				return verify(pass, g)
			}
			_, err := Compile(b.Graph, opt)
			if !broken {
				t.Fatalf("the pass %q never came: %v", c.pass, err)
			}
			text := strings.TrimPrefix(err.Error(), errNetBroken.Error())
			if !slices.ContainsFunc(strings.Split(c.want, "|"), func(want string) bool { return strings.Contains(text, want) }) {
				t.Errorf("found %q, want %q", text, c.want)
			}
		})
	}
}

var errNetBroken = errors.New("the net was broken")

// TestWrongShapesAreFound: whatever node of whatever network gets a result, or first
// input, of another shape, is found.
func TestWrongShapesAreFound(t *testing.T) {
	seen := map[string]bool{}
	check := func(pass string, g *net) error {
		if pass == "lay out" { // operations are forgotten then
			return nil
		}
		for _, n := range g.nodes {
			v := n.in0()
			if len(n.out) > 0 && n.op.name() != "gradient of global average pooling" { // whose input has one pixel for any size
				v = n.out[0]
			}
			if v == nil || len(v.shape) == 0 || anyShape(n) {
				continue
			}
			right := v.shape
			v.shape = slices.Clone(right)
			v.shape[len(right)-1] += 1009 // more than a stride, or what a slice leaves, can hide
			if verifyShape(n) == nil {
				t.Errorf("%s %q: a result of %v instead of %v is not found", n.op.name(), n.label, v.shape, right)
			}
			v.shape = right
			seen[n.op.name()] = true
		}
		return nil
	}
	for _, v := range zoo.Variants() {
		m := v.Small()
		if seen["gradient of a slice"] && testing.Short() {
			break
		}
		g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
		if err != nil {
			t.Fatal(err)
		}
		opt := Options{Input: m.Shape, Tap: m.Tap, afterPass: check}
		if _, err := Compile(g, opt); err != nil {
			t.Fatal(err)
		}
		if m.Quantum == 0 {
			if _, err := CompileTraining(foldedGraph(t, m, m.Shape), opt, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("saw the operations %v only", seen)
	}
}

// anyShape reports whether an operation goes with any size of its result, or first input.
func anyShape(n *node) bool {
	switch op := n.op.(type) {
	case *reference, *gradientSeed, *storeTap:
		return true
	case *constantGradient:
		return op.constant.stride[len(op.constant.stride)-1] == 0 // it repeats
	}
	return false
}

// in0 is the first input, nil if there is none.
func (n *node) in0() *value {
	if len(n.in) == 0 {
		return nil
	}
	return n.in[0]
}
