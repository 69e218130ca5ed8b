package onnx_test

import (
	"fmt"

	"math/rand/v2"
	"testing"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
)

// nonsense writes models that are sound protobuf with ONNX's fields, but mean
// anything: what damage to the bytes of a file hardly ever reaches.
type nonsense struct {
	*rand.Rand
	depth int
	made  []string // outputs that nodes have
}

// odds reports true once in n times.
func (r *nonsense) odds(n int) bool { return r.IntN(n) == 0 }

func pick[T any](r *nonsense, from ...T) T { return from[r.IntN(len(from))] }

// name draws from few names, so that they meet; most often one that exists.
func (r *nonsense) name() string {
	switch i := r.IntN(len(r.made) + 4); {
	case !r.odds(20) && i < len(r.made):
		return r.made[i]
	case !r.odds(20):
		return "x"
	}
	return pick(r, "x", "x", "x", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "", "a/b", "a/b/c", "\u00e9", "\xff")
}

func (r *nonsense) names(b onnxtest.Message, num, most int) onnxtest.Message {
	for range r.IntN(most + 1) {
		b = b.Text(num, r.name())
	}
	return b
}

func (r *nonsense) model() []byte {
	b := onnxtest.Message{}.Varint(1, int64(pick(r, 8, 8, 8, 3, 1, 0)))
	b = b.Bytes(7, r.graph(true))
	if !r.odds(20) {
		b = b.Bytes(8, onnxtest.Message{}.Text(1, "").Varint(2, 17))
	}
	for range r.IntN(4) {
		b = b.Bytes(25, r.function())
	}
	return b
}

func (r *nonsense) graph(main bool) onnxtest.Message {
	r.depth++
	defer func() { r.depth-- }()
	var b onnxtest.Message
	for range r.IntN(4) + 1 {
		b = b.Bytes(1, r.node())
	}
	for range r.IntN(3) {
		b = b.Bytes(5, r.tensor(pick(r, "k", "l", "m", "n", "o", r.name())))
	}
	if main {
		b = b.Bytes(11, onnxtest.ValueInfo("x", tensor.Float32, "N", 3))
	}
	if r.odds(4) {
		b = b.Bytes(11, onnxtest.ValueInfo(r.name(), tensor.Float32, r.IntN(5)-1, "H"))
	}
	for range r.IntN(2) + 1 {
		b = b.Bytes(12, onnxtest.Message{}.Text(1, pick(r, "x", r.name())))
	}
	return b
}

func (r *nonsense) node() onnxtest.Message {
	b := r.names(nil, 1, 3)
	if r.odds(20) {
		b = r.names(b, 2, 2)
	} else {
		r.made = append(r.made, fmt.Sprint("n", len(r.made)))
		b = b.Text(2, r.made[len(r.made)-1])
	}
	b = b.Text(4, pick(r, "Relu", "Relu", "F", "G", "If", "Constant"))
	if r.odds(2) {
		b = b.Text(3, r.name())
	}
	for i := range r.IntN(3) {
		b = b.Bytes(5, r.attribute(i))
	}
	if r.odds(4) {
		b = b.Text(7, pick(r, "local", "ai.onnx", ""))
	}
	return b
}

func (r *nonsense) attribute(i int) onnxtest.Message {
	b := onnxtest.Message{}.Text(1, pick(r, "p", "q", "r", fmt.Sprint("own", i), fmt.Sprint("own", i), fmt.Sprint("own", i)))
	kind := r.IntN(10)
	switch kind {
	case 1:
		b = b.Float(2, 1)
	case 2:
		b = b.Varint(3, r.Int64())
	case 3:
		b = b.Text(4, r.name())
	case 4:
		b = b.Bytes(5, r.tensor(""))
	case 5:
		if r.depth > 3 {
			kind = 0
			break
		}
		b = b.Bytes(6, r.graph(false))
	case 6:
		b = b.Float(7, 1).Float(7, 2)
	case 7:
		b = b.Bytes(8, onnxtest.Packed(1, -1))
	case 8:
		b = r.names(b, 9, 2)
	case 9:
		if !r.odds(4) {
			break
		}
		return b.Varint(20, int64(r.IntN(9))).Text(21, pick(r, "p", "q", "r"))
	}
	if r.odds(40) {
		kind = r.IntN(16)
	}
	if kind == 0 {
		return b.Varint(20, 2)
	}
	return b.Varint(20, int64(kind))
}

func (r *nonsense) tensor(name string) onnxtest.Message {
	dt := tensor.DType(pick(r, r.IntN(18), 1+r.IntN(7)))
	shape := pick(r, []int{}, []int{2}, []int{0}, []int{1, 2}, []int{2})
	b := onnxtest.Header(name, dt, shape...)
	if r.odds(10) {
		return b
	}
	n := tensor.Len(shape) * dt.Size()
	switch {
	case r.odds(20):
		return b.Bytes(pick(r, 4, 5, 7, 10, 11), make([]byte, pick(r, 1, 2, 4, 8, 16)))
	case r.odds(4):
		return onnxtest.External(name, dt, shape, pick(r, "w.bin", "w.bin", "w.bin", "v.bin"), r.IntN(60), n)
	}
	return b.Bytes(9, make([]byte, n))
}

func (r *nonsense) function() onnxtest.Message {
	b := onnxtest.Message{}.Text(1, pick(r, "F", "G", "H", fmt.Sprint("F", r.IntN(99)))).Text(10, pick(r, "local", ""))
	b = r.names(b, 4, 2)
	b = r.names(b, 5, 2)
	for range r.IntN(3) {
		b = b.Bytes(7, r.node())
	}
	if r.odds(2) {
		b = b.Bytes(11, r.attribute(0))
	}
	return b
}

func TestNonsense(t *testing.T) {
	rounds := 20_000
	if testing.Short() {
		rounds = 3_000
	}
	rng := rand.New(rand.NewPCG(7, 8))
	accepted := 0
	for range rounds {
		r := &nonsense{Rand: rng}
		data := r.model()
		checkAny(t, data)
		if _, err := onnx.Parse(data, onnx.Options{}); err == nil {
			accepted++
		}
	}
	t.Logf("%d of %d models accepted", accepted, rounds)
	if accepted < rounds/100 {
		t.Errorf("only %d of %d models are sound: the test does not reach deep enough", accepted, rounds)
	}
}

func FuzzNonsense(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		checkAny(t, (&nonsense{Rand: rand.New(rand.NewPCG(a, b))}).model())
	})
}
