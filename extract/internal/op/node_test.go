package op_test

import (
	"errors"
	"testing"

	"featstore/extract/internal/nodetest"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

func TestNodes(t *testing.T) {
	nodetest.Run(t, func(c *nodetest.Case) (map[string]*tensor.Tensor, error) {
		return op.Interpret(c.Graph, c.Inputs, c.Outputs()...)
	}, func(err error) bool { return errors.Is(err, op.ErrUnsupported) })
}
