package op_test

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/nodetest"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// With the values of an input taken away, of each in turn and then of all, every
// node of every operator test answers with the same types and shapes or says that
// it needs the value.
func TestAbstractEvaluationAgrees(t *testing.T) {
	t.Run("shared", func(t *testing.T) { testAbstract(t, nodetest.Shared(t)) })
	t.Run("own", func(t *testing.T) { testAbstract(t, ownTests(t)) })
}

func testAbstract(t *testing.T, folder fs.FS) {
	inferred, needed := 0, 0
	for _, name := range nodetest.Names(t, folder) {
		c, err := nodetest.Load(folder, name)
		if err != nil {
			continue // TestNodes reports it
		}
		values, _ := op.Interpret(c.Graph, c.Inputs)
		for _, n := range c.Graph.Nodes {
			if values[n.Outputs[0]] == nil || n.Op == "If" {
				continue
			}
			var in []*tensor.Tensor
			for _, s := range n.Inputs {
				in = append(in, values[s])
			}
			for hidden := range len(in) + 1 {
				ok, err := checkHidden(n, c.Graph.Opsets[n.Domain], in, hidden, values)
				if err != nil {
					t.Errorf("%s: %s: input %d hidden: %v", name, n.Label(), hidden, err)
				} else if ok {
					inferred++
				} else {
					needed++
				}
			}
		}
	}
	t.Logf("%d shapes inferred, %d needed a value", inferred, needed)
	if inferred == 0 {
		t.Error("nothing was tested")
	}
}

// checkHidden evaluates the node with one input abstract, all of them for hidden ==
// len(in), and compares with the values known. It reports whether there was an
// answer.
func checkHidden(n *graph.Node, opset int64, in []*tensor.Tensor, hidden int, values map[string]*tensor.Tensor) (bool, error) {
	in = slices.Clone(in)
	for i, t := range in {
		if t != nil && (i == hidden || hidden == len(in)) {
			in[i] = tensor.Abstract(t.DType, t.Shape...)
		}
	}
	out, err := op.Eval(n, opset, in)
	if errors.Is(err, op.ErrNeedsValue) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for i, name := range n.Outputs {
		want := values[name]
		if name == "" {
			continue
		}
		if got := out[i]; got.String() != want.String() || got.Known() && nodetest.Compare(got, want) != nil {
			return false, errors.New("output " + name + " is " + got.String() + ", not " + want.String())
		}
	}
	return true, nil
}
