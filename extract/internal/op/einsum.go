package op

import (
	"slices"
	"strings"

	"featstore/extract/internal/tensor"
)

// einsum sums products over the indexes that its equation does not name in the
// result, as "bhqd,bhkd->bhqk". An ellipsis stands for axes that broadcast.
func einsum(c *call) []*tensor.Tensor {
	e := c.newEinstein(attr(c, "equation", ""))
	dt := c.in[0].DType
	require(dt != tensor.Bool, "bool is not a number")
	return one(c.numbers(dt, e.size(e.result),
		func(out []float64) { contract(e, out, c.in, floatsOf) },
		func(out []int64) { contract(e, out, c.in, intsOf) },
		func(out []uint64) { contract(e, out, c.in, uintsOf) }))
}

// An einstein is a parsed equation. Labels are letters, or digits for the axes of
// the ellipsis, counted from the last one.
type einstein struct {
	operands [][]rune
	result   []rune
	summed   []rune
	dims     map[rune]int
}

func (c *call) newEinstein(equation string) *einstein {
	equation = strings.ReplaceAll(equation, " ", "")
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	require(len(terms) == len(c.in), "equation %q is for %d inputs, there are %d", equation, len(terms), len(c.in))
	e := &einstein{dims: map[rune]int{}}
	count, wide := map[rune]int{}, 0 // occurrences; axes of the widest ellipsis
	for i, term := range terms {
		x := c.input(i)
		require(x.DType == c.in[0].DType, "inputs of types %v and %v", c.in[0].DType, x.DType)
		n := len(x.Shape) - len(strings.Replace(term, "...", "", 1))
		require(n >= 0 && n < 10, "term %q does not suit %v", term, x.Shape)
		wide = max(wide, n)
		labels := expandEllipsis(term, n)
		require(len(labels) == len(x.Shape), "term %q does not suit %v", term, x.Shape)
		for d, l := range labels {
			e.size1(l, x.Shape[d])
			count[l]++
		}
		e.operands = append(e.operands, labels)
	}
	e.result = expandEllipsis(right, wide)
	if !explicit {
		e.result = implied(count, wide)
	}
	e.sum()
	all := append(e.size(e.result), e.size(e.summed)...)
	c.work(append(all, len(terms))...)
	c.check(e.size(e.summed))
	return e
}

// expandEllipsis replaces "..." by n digits, and checks that the rest are letters.
func expandEllipsis(term string, n int) []rune {
	digits := ""
	for k := n - 1; k >= 0; k-- {
		digits += string(rune('0' + k))
	}
	front, back, found := strings.Cut(term, "...")
	for _, l := range front + back {
		require('a' <= l && l <= 'z' || 'A' <= l && l <= 'Z', "the equation has the letter %q", l)
	}
	if !found {
		return []rune(term)
	}
	return []rune(front + digits + back)
}

// implied is the result of an equation without "->": the ellipsis, then the labels
// that occur once, in alphabetical order.
func implied(count map[rune]int, wide int) []rune {
	out := expandEllipsis("...", wide)
	var once []rune
	for l, n := range count {
		if n == 1 && l > '9' {
			once = append(once, l)
		}
	}
	slices.Sort(once)
	return append(out, once...)
}

// size1 notes the dimension of a label: all must be equal, or 1.
func (e *einstein) size1(l rune, n int) {
	old, ok := e.dims[l]
	require(!ok || old == n || old == 1 || n == 1, "index %q is both %d and %d", l, old, n)
	if !ok || old == 1 {
		e.dims[l] = n
	}
}

// sum finds the labels to sum over.
func (e *einstein) sum() {
	for i, l := range e.result {
		_, ok := e.dims[l]
		require(ok && !slices.Contains(e.result[:i], l), "the result's index %q is unknown or doubled", l)
	}
	for _, labels := range e.operands {
		for _, l := range labels {
			if !slices.Contains(e.result, l) && !slices.Contains(e.summed, l) {
				e.summed = append(e.summed, l)
			}
		}
	}
}

func (e *einstein) size(labels []rune) []int {
	s := make([]int, len(labels))
	for i, l := range labels {
		s[i] = e.dims[l]
	}
	return s
}

// strides of an operand along the given labels; a label that occurs twice takes the
// diagonal.
func (e *einstein) strides(operand int, shape []int, labels []rune) []int {
	st := make([]int, len(labels))
	own := strides(shape)
	for d, l := range e.operands[operand] {
		if i := slices.Index(labels, l); i >= 0 && shape[d] != 1 {
			st[i] += own[d]
		}
	}
	return st
}

// contract computes the sums of products.
func contract[T num](e *einstein, out []T, in []*tensor.Tensor, values func(*tensor.Tensor) []T) {
	v, base, off := make([][]T, len(in)), make([][]int, len(in)), make([][]int, len(in))
	for k, t := range in {
		v[k] = values(t)
		base[k] = view(e.size(e.result), e.strides(k, t.Shape, e.result), 0)
		off[k] = view(e.size(e.summed), e.strides(k, t.Shape, e.summed), 0)
	}
	if len(off[0]) == 0 { // nothing to sum: the zeros stay
		return
	}
	for i := range out {
		var sum T
		if len(in) == 2 {
			a, b, offB := v[0][base[0][i]:], v[1][base[1][i]:], off[1]
			for s, o := range off[0] {
				sum += a[o] * b[offB[s]]
			}
		} else {
			for s := range off[0] {
				p := T(1)
				for k := range in {
					p *= v[k][base[k][i]+off[k][s]]
				}
				sum += p
			}
		}
		out[i] = sum
	}
}
