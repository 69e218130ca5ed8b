package engine

import (
	"slices"
	"strings"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A contraction is an Einsum of two operands as a product of matrices. A label of
// its equation is in both operands and the result (batch), in both but not in the
// result (inner), or in one operand and the result (rows, columns).
type contraction struct {
	left, right, result         string
	batch, rows, columns, inner string
	size                        map[rune]int
	leftOperand, rightOperand   *value // the right one is the constant if there is one
}

// einsum makes Transposes, reshapes and a product of an Einsum of two operands.
func (l *lowerer) einsum(src *graph.Node) bool {
	if len(src.Inputs) != 2 {
		return false
	}
	a, b, out := l.value(src.Input(0)), l.value(src.Input(1)), l.value(src.Outputs[0])
	c := newContraction(src.Text("equation", ""), a, b)
	if c == nil || hasZero(a.shape) || hasZero(b.shape) || !isFloat(out) {
		return false
	}
	m := &maker{l, src.Label()}
	x := m.permuted(c.leftOperand, orderOf(c.left, c.batch+c.rows+c.inner))
	w := m.permuted(c.rightOperand, orderOf(c.right, c.batch+c.inner+c.columns))
	k, n := c.sizeOf(c.inner), c.sizeOf(c.columns)
	lead := c.sizes(c.batch)
	w = m.reshaped(w, append(slices.Clone(lead), k, n))
	if w.constant != nil {
		lead = c.sizes(c.rows)
		if len(lead) == 0 {
			lead = []int{1}
		}
	} else {
		lead = append(lead, c.sizeOf(c.rows))
	}
	x = m.reshaped(x, append(slices.Clone(lead), k))
	y := m.product(x, w, append(slices.Clone(lead), n))
	if w.constant != nil {
		l.trainContraction(c, y)
	}
	y = m.reshaped(y, c.sizes(c.batch+c.rows+c.columns))
	m.name(m.permuted(y, orderOf(c.batch+c.rows+c.columns, c.result)), out)
	return true
}

// trainContraction makes a parameter of the constant operand of a product whose result is
// y.
func (l *lowerer) trainContraction(c *contraction, y *value) {
	w := c.rightOperand
	if source, _ := l.params.source(w.name); source != w.name {
		return // it is computed, or has other readers
	}
	dims, stride := c.sizes(c.inner+c.columns), make([]int, 0, len(w.shape))
	for _, axis := range orderOf(c.right, c.inner+c.columns) {
		stride = append(stride, tensor.Len(w.shape[axis+1:]))
	}
	convOf(y).trainWeight(l.params.add(w, false, dims, stride))
}

// newContraction parses an equation, nil for one that is no product of matrices.
func newContraction(equation string, a, b *value) *contraction {
	operands, result, ok := strings.Cut(strings.ReplaceAll(equation, " ", ""), "->")
	left, right, ok2 := strings.Cut(operands, ",")
	if !ok || !ok2 || strings.ContainsAny(equation, ".") || !isFloat(a) || !isFloat(b) || !dynamic(a) && !dynamic(b) {
		return nil
	}
	c := &contraction{left: left, right: right, result: result, size: map[rune]int{}, leftOperand: a, rightOperand: b}
	if !c.measure(left, a) || !c.measure(right, b) || repeatsLabel(result) {
		return nil
	}
	last := result[max(len(result)-1, 0):]
	if a.constant != nil || b.constant == nil && strings.Contains(left, last) && !strings.Contains(right, last) {
		c.left, c.right, c.leftOperand, c.rightOperand = right, left, b, a
	}
	if !c.classify() || c.inner == "" || c.rightOperand.constant != nil && c.batch != "" {
		return nil
	}
	return c
}

// measure notes the sizes of an operand's labels.
func (c *contraction) measure(labels string, v *value) bool {
	if len(labels) != len(v.shape) || repeatsLabel(labels) {
		return false
	}
	for i, l := range labels {
		if s, ok := c.size[l]; ok && s != v.shape[i] {
			return false
		}
		c.size[l] = v.shape[i]
	}
	return true
}

func repeatsLabel(labels string) bool {
	for i, l := range labels {
		if strings.ContainsRune(labels[:i], l) {
			return true
		}
	}
	return false
}

// classify sorts the labels: those of the result in its order.
func (c *contraction) classify() bool {
	for _, l := range c.result {
		inLeft, inRight := strings.ContainsRune(c.left, l), strings.ContainsRune(c.right, l)
		switch {
		case inLeft && inRight:
			c.batch += string(l)
		case inLeft:
			c.rows += string(l)
		case inRight:
			c.columns += string(l)
		default:
			return false
		}
	}
	for _, l := range c.left {
		switch {
		case strings.ContainsRune(c.result, l):
		case strings.ContainsRune(c.right, l):
			c.inner += string(l)
		default:
			return false // a sum over one operand
		}
	}
	return len(c.right) == len(c.batch)+len(c.inner)+len(c.columns)
}

func (c *contraction) sizes(labels string) []int {
	s := []int{}
	for _, l := range labels {
		s = append(s, c.size[l])
	}
	return s
}

func (c *contraction) sizeOf(labels string) int { return tensor.Len(c.sizes(labels)) }

// orderOf returns the permutation that brings axes called from into the order to.
func orderOf(from, to string) []int {
	var perm []int
	for _, l := range to {
		perm = append(perm, strings.IndexRune(from, l))
	}
	return perm
}
