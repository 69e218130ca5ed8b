package engine

import (
	"math"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// attention writes out the operator Attention: softmax(scale·Q·Kᵀ + mask)·V for
// each head. Without past keys and with as many heads of keys as of queries it is
// what the exporters wrote before.
func (l *lowerer) attention(src *graph.Node) bool {
	q, k, v, out := l.value(src.Input(0)), l.value(src.Input(1)), l.value(src.Input(2)), l.value(src.Outputs[0])
	if !plainAttention(src) || !dynamic(q) || !dynamic(k) || !dynamic(v) || !isFloat(out) || hasZero(out.shape) || hasZero(k.shape) {
		return false
	}
	m := &maker{l, src.Label()}
	flat := len(q.shape) == 3
	shape := func(x *value, heads string) []int {
		if n := src.Int(heads, 0); flat && n > 0 {
			return []int{x.shape[0], x.shape[1], n, x.shape[2] / n}
		}
		return []int{x.shape[0], x.shape[2], x.shape[1], x.shape[len(x.shape)-1]}
	}
	qs, ks, vs := shape(q, "q_num_heads"), shape(k, "kv_num_heads"), shape(v, "kv_num_heads")
	if qs[2] != ks[2] || qs[0] != ks[0] {
		return false
	}
	scores := []int{qs[0], qs[2], qs[1], ks[1]}
	mask, ok := l.scoreMask(src.Input(3), scores)
	if !ok {
		return false
	}
	scale := src.Float("scale", float32(1/math.Sqrt(float64(qs[3]))))
	q = m.node(&activate{Activation: kernel.Activation{Func: kernel.Affine, A: scale}}, q.shape, q)
	heads := func(x *value, shape []int) *value { // B×heads×S×D
		if flat {
			return m.permuted(m.reshaped(x, shape), []int{0, 2, 1, 3})
		}
		return x
	}
	s := m.product(heads(q, qs), m.permuted(heads(k, ks), []int{0, 1, 3, 2}), scores)
	if mask != nil {
		s = m.node(&binary{fn: '+'}, scores, s, mask)
	}
	s = m.node(&rowwise{factor: 1}, scores, s)
	y := m.product(s, heads(v, vs), []int{qs[0], qs[2], qs[1], vs[3]})
	if flat {
		y = m.reshaped(m.permuted(y, []int{0, 2, 1, 3}), out.shape)
	}
	m.name(y, out)
	return true
}

// plainAttention reports whether a node has none of the operator's further inputs,
// results and stages.
func plainAttention(src *graph.Node) bool {
	for i := 4; i < len(src.Inputs); i++ {
		if src.Input(i) != "" {
			return false
		}
	}
	for _, o := range src.Outputs[1:] {
		if o != "" {
			return false
		}
	}
	return src.Int("is_causal", 0) == 0 && src.Float("softcap", 0) == 0 && src.Int("left_window_size", -1) < 0 && src.Int("right_window_size", -1) < 0
}

// scoreMask returns what is added to scores of the given shape, nil for nothing: a
// constant, or a computed value of that very shape.
func (l *lowerer) scoreMask(name string, scores []int) (mask *value, ok bool) {
	v := l.value(name)
	if v == nil {
		return nil, true
	}
	if v.constant == nil {
		return v, isFloat(v) && v.integer == 0 && slices.Equal(v.shape, scores)
	}
	x, ok := floats(v)
	if v.dtype == tensor.Bool {
		ok = true
		for _, open := range tensor.Values[bool](v.constant) {
			shut := float32(0)
			if !open {
				shut = float32(math.Inf(-1))
			}
			x = append(x, shut)
		}
	}
	rank := len(v.shape)
	if !ok || rank == 0 || rank > 4 {
		return nil, false
	}
	for i, d := range v.shape {
		if d != 1 && d != scores[4-rank+i] {
			return nil, false
		}
	}
	added := constantValue(v.name, x, v.shape)
	if v.dtype == tensor.Float32 {
		l.params.whole(v)
		added.trained = v.trained
	}
	full := broadcast(added, scores)
	return full, !shutsOut(tensor.Values[float32](full.constant), scores[3])
}

// shutsOut reports whether a mask leaves a query no key at all: softmax has no
// result then.
func shutsOut(mask []float32, keys int) bool {
	for row := range slices.Chunk(mask, keys) {
		if slices.Max(row) == float32(math.Inf(-1)) {
			return true
		}
	}
	return false
}
