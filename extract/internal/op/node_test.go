package op_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/nodetest"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// TestNodes prints how many of the operator tests pass. Set FEATSTORE_NODE_TESTS to
// a folder of others.
func TestNodes(t *testing.T) {
	fmt.Println(nodetest.Run(t, nodetest.Shared(t), interpret, unsupported))
}

// The tests of testdata/make_ort_tests.py cover forms that those of ONNX leave out.
func TestOwnNodes(t *testing.T) {
	t.Log(nodetest.Run(t, ownTests(t), interpret, unsupported))
}

func ownTests(t testing.TB) fs.FS {
	folder, err := nodetest.OpenTar(filepath.Join("testdata", "ort_tests.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func interpret(c *nodetest.Case) (map[string]*tensor.Tensor, error) {
	return op.Interpret(c.Graph, c.Inputs, c.Outputs()...)
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
