package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A matmul multiplies two values of the same batch axes: […,M,K]·[…,K,N].
type matmul struct {
	noConstants
	stopsTranspose
	noHalo
	separateInputs
	ownResult
	neverView
	noEpilogue
	floatsOnly
	noParameters
}

// lowerProduct recognises a product of two computed values.
func lowerProduct(n *node) operation {
	a, b := n.in[0], n.in[1]
	rank := len(a.shape)
	if !dynamic(a) || !dynamic(b) || rank < 2 || len(b.shape) != rank || hasZero(n.out[0].shape) || hasZero(a.shape) ||
		!slices.Equal(a.shape[:rank-2], b.shape[:rank-2]) {
		return nil
	}
	return &matmul{}
}

func (*matmul) name() string { return "product of two values" }

// assignOrders: the left matrix needs its rows in one piece, the right one is packed
// anyway. The result comes in the order that the Transpose behind it wants.
func (*matmul) assignOrders(a *orders, n *node) {
	rank := len(n.in[0].shape)
	if o := n.in[0].order; o[rank-1] != rank-1 {
		a.need(n, 0, identityOrder(rank))
	}
	out := n.out[0]
	out.order = identityOrder(rank)
	if len(out.users) == 1 {
		if perm := permutation(out.users[0]); perm != nil && perm[rank-1] == rank-1 {
			out.order = perm
		}
	}
}

func (*matmul) cost(n *node) cost {
	return cost{macs: int64(tensor.Len(n.out[0].shape)) * int64(innermostSize(n.in[0]))}
}

func innermostSize(v *value) int { return v.shape[len(v.shape)-1] }

func (*matmul) emit(p *planner, n *node) {
	a, b, out := n.in[0], n.in[1], n.out[0]
	rank := len(a.shape)
	s := &exec.MatMul{A: a.array(), B: b.array(), Out: out.array(), M: a.shape[rank-2], K: a.shape[rank-1], N: b.shape[rank-1], Batch: a.shape[:rank-2]}
	p.emit(n.label, s, a.view, b.view, out.view)
}

// lowerMatMul makes a fully connected layer of a product with constants.
func lowerMatMul(n *node, _ *graph.Node, _ int64) operation {
	if op := fullyConnected(n, false, nil); op != nil {
		return op
	}
	return lowerProduct(n)
}

// gradient: of C = A·B, dA = dC·Bᵀ and dB = Aᵀ·dC.
func (*matmul) gradient(b *backward, n *node, dy *value) error {
	x, y := n.in[0], n.in[1]
	if b.wanted(x) {
		b.bring(x, b.add(&matmul{}, x.shape, dy, b.transposed(y)))
	}
	if b.wanted(y) {
		b.bring(y, b.add(&matmul{}, y.shape, b.transposed(x), dy))
	}
	return nil
}

// transposed is a value with its last two axes exchanged.
func (b *backward) transposed(v *value) *value {
	rank := len(v.shape)
	perm, shape := identityOrder(rank), slices.Clone(v.shape)
	perm[rank-2], perm[rank-1] = rank-1, rank-2
	shape[rank-2], shape[rank-1] = v.shape[rank-1], v.shape[rank-2]
	return b.add(&transpose{perm: perm}, shape, v)
}
