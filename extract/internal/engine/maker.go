package engine

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// A maker lowers one node of the graph to several.
type maker struct {
	*lowerer
	label string
}

// node appends an operation and returns its result.
func (m *maker) node(op operation, shape []int, inputs ...*value) *value {
	v := &value{name: inputs[0].name, dtype: tensor.Float32, shape: shape}
	m.append(&node{label: m.label, op: op, out: []*value{v}}, inputs...)
	return v
}

// permuted is v with its axes in another order.
func (m *maker) permuted(v *value, perm []int) *value {
	if slices.IsSorted(perm) {
		return v
	}
	shape := make([]int, len(perm))
	for i, axis := range perm {
		shape[i] = v.shape[axis]
	}
	if v.constant == nil {
		return m.node(&transpose{perm: perm}, shape, v)
	}
	src, x := tensor.Values[float32](v.constant), make([]float32, 0, tensor.Len(shape))
	forEachOffset(v.shape, perm, func(at int) { x = append(x, src[at]) })
	return constantValue(v.name, x, shape)
}

func (m *maker) reshaped(v *value, shape []int) *value {
	switch {
	case slices.Equal(v.shape, shape):
		return v
	case v.constant == nil:
		return m.node(&reshape{}, shape, v)
	}
	return constantValue(v.name, tensor.Values[float32](v.constant), shape)
}

func constantValue(name string, x []float32, shape []int) *value {
	return &value{name: name, dtype: tensor.Float32, shape: shape, constant: tensor.New(x, shape...)}
}

// product multiplies matrices; a constant one is two-dimensional.
func (m *maker) product(a, b *value, shape []int) *value {
	y := m.node(&matmul{}, shape, a, b)
	if b.constant != nil {
		y.def.op = fullyConnected(y.def, false, nil)
	}
	return y
}

// name makes v known as out, which the graph calls it.
func (m *maker) name(v, out *value) {
	m.append(&node{label: m.label, op: &identity{}, out: []*value{out}}, v)
}
