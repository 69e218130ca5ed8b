package op

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// matMul is NumPy's matmul: the last two axes are matrices, the others broadcast;
// a list is a row on the left and a column on the right.
func matMul(c *call) []*tensor.Tensor {
	a, b := c.input(0), c.input(1)
	require(a.DType == b.DType, "inputs of types %v and %v", a.DType, b.DType)
	return one(c.product(a, b))
}

func (c *call) product(a, b *tensor.Tensor) *tensor.Tensor {
	p := c.newMatrices(a.Shape, b.Shape)
	return c.numbers(a.DType, p.result,
		func(out []float64) {
			if v, ok := a.Data.([]float32); ok { // large weights are not widened as a whole
				matrices(p, out, v, tensor.Values[float32](b))
			} else {
				matrices(p, out, floatsOf(a), floatsOf(b))
			}
		},
		func(out []int64) { matrices(p, out, intsOf(a), intsOf(b)) },
		func(out []uint64) { matrices(p, out, uintsOf(a), uintsOf(b)) })
}

// A matrixProduct is the geometry of a batch of products of m×k and k×n matrices.
type matrixProduct struct {
	m, k, n int
	a, b    []int // for each product the flat index of its matrices, in matrices
	result  []int
}

func (c *call) newMatrices(a, b []int) *matrixProduct {
	require(len(a) > 0 && len(b) > 0, "a scalar is not a matrix: %v and %v", a, b)
	row, column := len(a) == 1, len(b) == 1
	if row {
		a = []int{1, a[0]}
	}
	if column {
		b = []int{b[0], 1}
	}
	ra, rb := len(a)-2, len(b)-2
	p := &matrixProduct{m: a[ra], k: a[ra+1], n: b[rb+1]}
	require(b[rb] == p.k, "matrices %v and %v do not multiply", a, b)
	batch := broadcast(a[:ra], b[:rb])
	c.work(append(slices.Clone(batch), p.m, p.k, p.n)...)
	p.a = view(batch, stretchedStrides(a[:ra], batch), 0)
	p.b = view(batch, stretchedStrides(b[:rb], batch), 0)
	p.result = slices.Clone(batch)
	if !row {
		p.result = append(p.result, p.m)
	}
	if !column {
		p.result = append(p.result, p.n)
	}
	return p
}

func matrices[S num, T element](p *matrixProduct, out []S, a, b []T) {
	for i := range p.a {
		multiply(out[i*p.m*p.n:][:p.m*p.n], a[p.a[i]*p.m*p.k:], b[p.b[i]*p.k*p.n:], p.m, p.k, p.n)
	}
}

// multiply adds to out (m×n) the product of a (m×k) and b (k×n), row-major. Each
// row of b is read once for four rows of a.
func multiply[S num, T element](out []S, a, b []T, m, k, n int) {
	if n == 0 {
		return
	}
	i := 0
	for ; i+4 <= m; i += 4 {
		o := out[i*n:]
		o0, o1, o2, o3 := o[:n], o[n:][:n], o[2*n:][:n], o[3*n:][:n]
		for p := range k {
			w0, w1, w2, w3 := S(a[i*k+p]), S(a[(i+1)*k+p]), S(a[(i+2)*k+p]), S(a[(i+3)*k+p])
			for j, v := range b[p*n:][:n] {
				v := S(v)
				o0[j] += w0 * v
				o1[j] += w1 * v
				o2[j] += w2 * v
				o3[j] += w3 * v
			}
		}
	}
	for ; i < m; i++ {
		o := out[i*n:][:n]
		for p := range k {
			w := S(a[i*k+p])
			for j, v := range b[p*n:][:n] {
				o[j] += w * S(v)
			}
		}
	}
}

// multiplyTransposed is multiply with b given as its transpose (n×k).
func multiplyTransposed[S num, T element](out []S, a, b []T, m, k, n int) {
	for j := range n {
		col := b[j*k:][:k]
		i := 0
		for ; i+4 <= m; i += 4 {
			a0, a1, a2, a3 := a[i*k:][:k], a[(i+1)*k:][:k], a[(i+2)*k:][:k], a[(i+3)*k:][:k]
			var s0, s1, s2, s3 S
			for p, v := range col {
				v := S(v)
				s0 += S(a0[p]) * v
				s1 += S(a1[p]) * v
				s2 += S(a2[p]) * v
				s3 += S(a3[p]) * v
			}
			out[i*n+j] += s0
			out[(i+1)*n+j] += s1
			out[(i+2)*n+j] += s2
			out[(i+3)*n+j] += s3
		}
		for ; i < m; i++ {
			var s S
			for p, v := range a[i*k:][:k] {
				s += S(v) * S(col[p])
			}
			out[i*n+j] += s
		}
	}
}

// transposed returns the n×m transpose of an m×n matrix.
func transposed[T any](a []T, m, n int) []T {
	out := make([]T, len(a))
	for i := range m {
		for j := range n {
			out[j*m+i] = a[i*n+j]
		}
	}
	return out
}

// gemm is α·A'·B' + β·C, with A and B transposed if asked for, and C broadcast.
func gemm(c *call) []*tensor.Tensor {
	a, b, add := c.ranked(0, 2, 2), c.ranked(1, 2, 2), c.opt(2)
	require(a.DType == b.DType && (add == nil || add.DType == a.DType), "inputs of different types")
	transA, transB := c.flag("transA", false), c.flag("transB", false)
	m, k := a.Shape[0], a.Shape[1]
	if transA {
		m, k = k, m
	}
	n, kb := b.Shape[1], b.Shape[0]
	if transB {
		n, kb = kb, n
	}
	require(k == kb, "matrices %v and %v do not multiply (transA=%v, transB=%v)", a.Shape, b.Shape, transA, transB)
	c.work(m, k, n)
	shape := []int{m, n}
	if add != nil {
		stretchedStrides(add.Shape, shape)
	}
	return one(c.scaledSum(a.DType, shape, add, func(out []float64) {
		if v, ok := a.Data.([]float32); ok {
			gemmInto(out, v, tensor.Values[float32](b), m, k, n, transA, transB)
		} else {
			gemmInto(out, numbersOf(a), numbersOf(b), m, k, n, transA, transB)
		}
	}))
}

func gemmInto[T element](out []float64, a, b []T, m, k, n int, transA, transB bool) {
	if transA {
		a = transposed(a, k, m)
	}
	if transB {
		multiplyTransposed(out, a, b, m, k, n)
	} else {
		multiply(out, a, b, m, k, n)
	}
}

// scaledSum is α times what product computes, plus β times the broadcast summand.
func (c *call) scaledSum(dt tensor.DType, shape []int, summand *tensor.Tensor, product func(out []float64)) *tensor.Tensor {
	alpha, beta := c.real("alpha", 1), c.real("beta", 1)
	compute := func(out []float64) {
		product(out)
		var index []int
		var s []float64
		if summand != nil {
			index, s = stretched(summand.Shape, shape), numbersOf(summand)
		}
		for i := range out {
			out[i] *= alpha
			switch {
			case index != nil:
				out[i] += beta * s[index[i]]
			case s != nil:
				out[i] += beta * s[i]
			}
		}
	}
	if isFloat(dt) {
		return c.floats(dt, shape, compute)
	}
	return c.integers(dt, shape, func(out []int64) {
		f := make([]float64, len(out))
		compute(f)
		apply(out, f, toInt)
	})
}
