package op_test

import (
	"errors"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/nodetest"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

func TestNodes(t *testing.T) {
	nodetest.Run(t, func(c *nodetest.Case) (map[string]*tensor.Tensor, error) {
		return op.Interpret(c.Graph, c.Inputs, c.Outputs()...)
	}, unsupported)
}

// unsupported names the operators that a test could not be run for.
func unsupported(c *nodetest.Case, err error) []string {
	if !errors.Is(err, op.ErrUnsupported) {
		return nil
	}
	var names []string
	for _, n := range c.Graph.Nodes {
		if !op.Supported(n) {
			names = append(names, qualified(n))
		}
	}
	if names == nil {
		names = []string{"a form of " + qualified(c.Graph.Nodes[len(c.Graph.Nodes)-1])}
	}
	return names
}

func qualified(n *graph.Node) string {
	if n.Domain == "" {
		return n.Op
	}
	return n.Domain + "." + n.Op
}
