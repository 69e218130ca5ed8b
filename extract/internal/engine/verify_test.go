package engine

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// compileVerified is Compile with a look at the net after every pass.
func compileVerified(g *graph.Graph, opt Options) (*Program, error) {
	return Compile(g, verified(opt))
}

// compileTrainingVerified is CompileTraining with a look at the net after every pass.
func compileTrainingVerified(g *graph.Graph, opt Options, cores int) (*Training, error) {
	return CompileTraining(g, verified(opt), cores)
}

// verified has the net verified after every pass.
func verified(opt Options) Options {
	v := &verifier{}
	opt.afterPass = func(pass string, g *net) error {
		if err := v.verify(pass, g); err != nil {
			return fmt.Errorf("after the pass %q: %w", pass, err)
		}
		return nil
	}
	return opt
}

// A verifier checks what every pass has to leave true.
type verifier struct {
	ops map[*node]operation // those that were placed: emission forgets them
}

// verify checks who reads what, and every shape, after any pass; the orders of axes once
// they are assigned; and what lies where once it is placed, first buffer by buffer and
// then in the arena.
func (v *verifier) verify(pass string, g *net) error {
	if pass == "lay out" {
		return verifyMemory(g, v.ops, true)
	}
	if err := errors.Join(verifyUsers(g), verifyShapes(g), verifyBytes(g)); err != nil {
		return err
	}
	switch pass {
	case "assign orders":
		return verifyOrders(g)
	case "place":
		v.ops = map[*node]operation{}
		for _, n := range g.nodes {
			v.ops[n] = n.op
		}
		return errors.Join(verifyOrders(g), verifyMemory(g, v.ops, false))
	}
	return nil
}

// verifyUsers checks that nodes are sorted, that everything read was computed before, and
// that a value lists each of its readers once for every use, and nobody else.
func verifyUsers(g *net) error {
	if len(g.before) > 0 {
		return fmt.Errorf("nodes are still to be inserted before %d others", len(g.before))
	}
	computed := map[*value]*node{g.input: nil}
	uses := map[*value][]*node{g.input: nil}
	for _, n := range g.nodes {
		for i, v := range n.in {
			if v == nil {
				continue
			}
			if _, ok := computed[v]; !ok && v.constant == nil {
				return fmt.Errorf("%s %q: input %d, %q, is not computed before", n.op.name(), n.label, i, v.name)
			}
			uses[v] = append(uses[v], n)
		}
		for i, v := range n.out {
			if _, ok := computed[v]; ok {
				return fmt.Errorf("%s %q: output %d, %q, is computed twice", n.op.name(), n.label, i, v.name)
			}
			if v.def != n {
				return fmt.Errorf("%s %q: output %d, %q, names another node as its own", n.op.name(), n.label, i, v.name)
			}
			computed[v] = n
			uses[v] = nil
		}
	}
	if _, ok := computed[g.output]; !ok {
		return fmt.Errorf("the output %q is not computed", g.output.name)
	}
	for v, want := range uses {
		if err := sameNodes(v.users, want); err != nil {
			return fmt.Errorf("value %q: %w", v.name, err)
		}
	}
	return nil
}

// sameNodes reports an error unless two lists have the same nodes, each as often.
func sameNodes(listed, reading []*node) error {
	left := slices.Clone(listed)
	for _, n := range reading {
		i := slices.Index(left, n)
		if i < 0 {
			return fmt.Errorf("%s %q reads it and is not listed as a user", n.op.name(), n.label)
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		return fmt.Errorf("%q is listed as a user and does not read it", left[0].label)
	}
	return nil
}

// verifyBytes checks that values of bytes go only to operations that read bytes, and
// floats only to the others.
func verifyBytes(g *net) error {
	if g.output.quant != nil {
		return fmt.Errorf("the output %q is bytes", g.output.name)
	}
	for _, n := range g.nodes {
		for i, v := range n.in {
			if v != nil && v.constant == nil && (v.quant != nil) != n.op.readsBytes(n) {
				return fmt.Errorf("%s %q: input %d, %q, is bytes: %v", n.op.name(), n.label, i, v.name, v.quant != nil)
			}
		}
	}
	return nil
}

// verifyOrders checks that every float32 value has an order of its axes, and that all
// operations get the orders that they need: assigning them again changes nothing.
func verifyOrders(g *net) error {
	if err := verifyOrder(g.input); err != nil {
		return err
	}
	for _, n := range g.nodes {
		for _, v := range n.out {
			if err := verifyOrder(v); err != nil {
				return err
			}
		}
		if err := verifyAssigned(g, n); err != nil {
			return err
		}
	}
	return nil
}

func verifyOrder(v *value) error {
	if v.dtype != tensor.Float32 {
		return nil
	}
	if sorted := slices.Sorted(slices.Values(v.order)); !slices.Equal(sorted, identityOrder(len(v.shape))) {
		return fmt.Errorf("value %q of shape %v has its axes in the order %v", v.name, v.shape, v.order)
	}
	return nil
}

// verifyAssigned assigns the orders of a copy of n.
func verifyAssigned(g *net, n *node) error {
	again := &node{label: n.label, op: n.op}
	copies := map[*value]*value{nil: nil}
	for _, v := range n.in {
		if copies[v] == nil && v != nil {
			w := *v
			w.users = nil
			copies[v] = &w
		}
		again.addInput(copies[v])
	}
	for _, v := range n.out {
		w := *v
		again.out = append(again.out, &w)
	}
	a := &orders{net: g}
	n.op.assignOrders(a, again)
	if len(a.nodes) > 0 {
		return fmt.Errorf("%s %q does not get its inputs in the orders that it needs", n.op.name(), n.label)
	}
	for i, v := range n.out {
		if !slices.Equal(v.order, again.out[i].order) {
			return fmt.Errorf("%s %q: the result has its axes in the order %v, not %v", n.op.name(), n.label, v.order, again.out[i].order)
		}
	}
	return nil
}

// TestEveryPassIsVerified: the passes are those that verify knows, and each is looked at.
func TestEveryPassIsVerified(t *testing.T) {
	b := newBuilder(1, 1, 3, 8, 8)
	y := b.conv("x", 3, 4, 3, 1, nil)
	var seen []string
	opt := Options{Input: []int{1, 3, 8, 8}, Tap: y, afterPass: func(pass string, _ *net) error {
		seen = append(seen, pass)
		return nil
	}}
	if _, err := Compile(b.Graph, opt); err != nil {
		t.Fatal(err)
	}
	if want := []string{"lower", "simplify", "use bytes", "form blocks", "assign orders", "place", "lay out"}; !slices.Equal(seen, want) {
		t.Errorf("passes %q, want %q", seen, want)
	}
	seen = nil
	if _, err := CompileTraining(b.Graph, opt, 1); err != nil {
		t.Fatal(err)
	}
	if want := []string{"lower", "simplify", "differentiate", "assign orders", "place", "lay out"}; !slices.Equal(seen, want) {
		t.Errorf("passes of training %q, want %q", seen, want)
	}
}
