package onnx_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestOtherFormats(t *testing.T) {
	for name, c := range map[string]struct{ data, text string }{
		"empty":      {"", "it is empty"},
		"html":       {"\n <!DOCTYPE html><html>", "web page"},
		"lfs":        {"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"},
		"zip":        {"PK\x03\x04rest of it", "zip archive"},
		"hdf5":       {"\x89HDF\r\n\x1a\n", "HDF5"},
		"pickle":     {"\x80\x02}q", "pickle"},
		"tflite":     {"\x1c\x00\x00\x00TFL3\x00\x00", "TFLite"},
		"ort":        {"\x20\x00\x00\x00ORTM\x00\x00", "ONNX Runtime"},
		"json":       {"{\"model\": 1}", "JSON"},
		"gzip":       {"\x1f\x8b\x08\x00", "gzip"},
		"jpeg":       {"\xff\xd8\xff\xe0", "JPEG"},
		"no graph":   {string(onnxtest.Message{}.Varint(1, 8).Text(2, "someone")), "holds no graph"},
		"safetensor": {"\x40\x00\x00\x00\x00\x00\x00\x00{\"w\":{}}", ""},
		"text":       {"hello, world", ""},
	} {
		t.Run(name, func(t *testing.T) { refused(t, []byte(c.data), onnx.Options{}, onnx.ErrNotONNX, c.text) })
	}
}

// field returns a message of one bytes field.
func field(num int, b []byte) []byte { return onnxtest.Message{}.Bytes(num, b) }

// wrapped nests an attribute with a graph with a node with an attribute and so on.
func wrapped(levels int) []byte {
	parts := make([][]byte, 0, levels*3)
	size := 0
	add := func(num protowire.Number) {
		head := protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), uint64(size))
		parts = append(parts, head)
		size += len(head)
	}
	for range levels {
		add(6) // attribute: graph
		add(5) // node: attribute
		add(1) // graph: node
	}
	add(7)
	data := make([]byte, 0, size)
	for i := len(parts) - 1; i >= 0; i-- {
		data = append(data, parts[i]...)
	}
	return data
}

func TestHostileModels(t *testing.T) {
	shape := onnxtest.Message{}.Bytes(1, onnxtest.Message{}.Varint(1, 1<<40))
	hugeInput := onnxtest.Message{}.Text(1, "in").Bytes(2, field(1, onnxtest.Message{}.Bytes(2, shape)))
	model := func(edit func(m *onnxtest.Model)) []byte {
		m := small()
		edit(m)
		return m.Bytes()
	}
	attr := func(a onnxtest.Message) []byte {
		return model(func(m *onnxtest.Model) {
			m.Node(onnxtest.Node{Name: "bad", Op: "Odd", Inputs: []string{"x"}, Outputs: []string{"v"}, RawAttrs: []onnxtest.Message{a}})
		})
	}
	named := onnxtest.Message{}.Text(1, "a")
	for _, c := range []struct {
		name string
		data []byte
		kind error
		text string
	}{
		{"nesting bomb", wrapped(1_500_000), onnx.ErrTooLarge, "nested more than 64 deep"},
		{"groups", bytes.Repeat([]byte{0x0b}, 1<<20), onnx.ErrNotONNX, "a group"},
		{"group in a graph", field(7, []byte{0x0b}), onnx.ErrCorrupt, "a group"},
		{"graph twice", append(small().Bytes(), small().Bytes()...), onnx.ErrCorrupt, "two graphs"},
		{"graph as a number", onnxtest.Message{}.Varint(7, 1), onnx.ErrCorrupt, "wire type 0, not 2"},
		{"field 0", append(small().Bytes(), 0x02, 0), onnx.ErrCorrupt, "field tag"},
		{"endless varint", append(small().Bytes(), bytes.Repeat([]byte{0xff}, 20)...), onnx.ErrCorrupt, "not valid protobuf"},
		{"huge length", append(small().Bytes(), 0x7a, 0xff, 0xff, 0xff, 0xff, 0x0f), onnx.ErrCorrupt, "field 15"},
		{"empty graph", field(7, nil), onnx.ErrCorrupt, "no outputs"},
		{"no opset", onnxtest.Message{}.Varint(1, 8).Bytes(7, contentsOf(small().Bytes(), 7)), onnx.ErrCorrupt, "no opset_import"},
		{"opset 0", model(func(m *onnxtest.Model) { m.Opset("d", 0) }), onnx.ErrCorrupt, `operator set "d" in version 0`},
		{"two opsets", model(func(m *onnxtest.Model) { m.Opset("ai.onnx", 3) }), onnx.ErrCorrupt, "imported in versions 17 and 3"},
		{"metadata twice", model(func(m *onnxtest.Model) { m.Meta("license", "other") }), onnx.ErrCorrupt, `two entries for "license"`},
		{"sparse initializer", model(func(m *onnxtest.Model) { m.Raw(15, field(1, onnxtest.Header("thin", 1, 3))) }), onnx.ErrUnsupported,
			`initializer "thin" is sparse`},
		{"input without type", model(func(m *onnxtest.Model) { m.Raw(11, onnxtest.Message{}.Text(1, "in")) }), onnx.ErrUnsupported,
			`input "in" is not declared to be a tensor`},
		{"input that is a sequence", model(func(m *onnxtest.Model) { m.Raw(11, onnxtest.Message{}.Text(1, "in").Bytes(2, field(4, nil))) }),
			onnx.ErrUnsupported, `input "in"`},
		{"input without name", model(func(m *onnxtest.Model) { m.Raw(11, nil) }), onnx.ErrCorrupt, `input "": damaged model: no name`},
		{"negative dimension", model(func(m *onnxtest.Model) { m.Input("in", tensor.Float32, -2) }), onnx.ErrCorrupt,
			`input "in": damaged model: dimension -2`},
		{"huge dimension", model(func(m *onnxtest.Model) { m.Raw(11, hugeInput) }), onnx.ErrCorrupt, "dimension 1099511627776"},
		{"many dimensions", model(func(m *onnxtest.Model) { m.Input("in", tensor.Float32, slices.Repeat([]any{1}, 65)...) }), onnx.ErrCorrupt,
			"more than 64 dimensions"},
		{"attribute without name", attr(onnxtest.Message{}.Varint(3, 1).Varint(20, 2)), onnx.ErrCorrupt,
			`node 6, Odd "bad": attribute "": damaged model: no name`},
		{"attribute without anything", attr(named), onnx.ErrCorrupt, "no type, and 0 values"},
		{"attribute of two kinds", attr(named.Varint(3, 1).Text(4, "x")), onnx.ErrCorrupt, "no type, and 2 values"},
		{"attribute that lies", attr(named.Varint(8, 1).Varint(20, 6)), onnx.ErrCorrupt, "said to hold floats, but holds ints"},
		{"tensor attribute without one", attr(named.Varint(20, 4)), onnx.ErrCorrupt, "said to hold a tensor, but holds none"},
		{"graph attribute without one", attr(named.Varint(20, 5)), onnx.ErrCorrupt, "said to hold a graph, but holds none"},
		{"two tensors in one", attr(named.Bytes(5, nil).Bytes(5, nil).Varint(20, 4)), onnx.ErrCorrupt, "two tensors in one value"},
		{"damaged tensor in an attribute", attr(named.Bytes(5, onnxtest.Header("", 1, 2)).Varint(20, 4)), onnx.ErrCorrupt,
			`attribute "a": damaged model: shape [2]`},
		{"attribute of a new kind", attr(named.Varint(20, 77)), onnx.ErrUnsupported, "unknown kind 77"},
		{"attribute of negative kind", attr(named.Varint(20, -1)), onnx.ErrUnsupported, "unknown kind -1"},
		{"attribute of a kind without use", attr(named.Bytes(14, nil).Varint(20, 13)), onnx.ErrUnsupported, `attribute "a" holds type`},
		{"sparse attribute", attr(named.Bytes(22, nil).Varint(20, 11)), onnx.ErrUnsupported, "sparse tensor"},
		{"attribute twice", model(func(m *onnxtest.Model) {
			a := onnxtest.Attribute("a", 1)
			m.Node(onnxtest.Node{Op: "Odd", Outputs: []string{"v"}, RawAttrs: []onnxtest.Message{a, a}})
		}), onnx.ErrCorrupt, `attribute "a" given twice`},
		{"operator not UTF-8", model(func(m *onnxtest.Model) { m.As("v", "\xfe", nil, nil) }), onnx.ErrCorrupt, "not UTF-8"},
		{"many edges", model(func(m *onnxtest.Model) {
			n := onnxtest.Node{Op: "Odd"}
			for i := range 3000 {
				n.Inputs, n.Outputs = append(n.Inputs, "x"), append(n.Outputs, fmt.Sprint("v", i))
			}
			m.Node(n)
		}), onnx.ErrTooLarge, "3000 inputs times 3000 outputs"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.data, onnx.Options{}, c.kind, c.text) })
	}
}

// contentsOf returns the contents of a field of a message.
func contentsOf(msg []byte, want protowire.Number) (contents []byte) {
	rewrite(msg, func(num protowire.Number, v []byte) []byte {
		if num == want {
			contents = v
		}
		return v
	})
	return contents
}

func TestLimits(t *testing.T) {
	m := small()
	for _, c := range []struct {
		limits onnx.Limits
		text   string
	}{
		{onnx.Limits{MaxBytes: 100}, "at most 100 are allowed"},
		{onnx.Limits{MaxNodes: 5}, "more than 5 nodes"},
		{onnx.Limits{MaxItems: 10}, "more than 10 names"},
		{onnx.Limits{MaxTensorBytes: 63}, "more than 63 bytes"},
	} {
		refused(t, m.Bytes(), onnx.Options{Limits: c.limits}, onnx.ErrTooLarge, c.text)
	}
	if _, err := onnx.Parse(m.Bytes(), onnx.Options{Limits: onnx.Limits{MaxNodes: 6, MaxItems: 40, MaxTensorBytes: 64}}); err != nil {
		t.Errorf("exactly at the limits: %v", err)
	}
	b := m.Body("b")
	b.Output("x")
	m.As("v", "If", []string{"x"}, onnxtest.Attrs{"then_branch": b})
	refused(t, m.Bytes(), onnx.Options{Limits: onnx.Limits{MaxDepth: 1}}, onnx.ErrTooLarge, "more than 1 deep")
}

// A model cut off anywhere is refused, or it is the model without some of what
// follows the graph.
func TestTruncationAtEveryByte(t *testing.T) {
	data := small().Bytes()
	whole := parse(t, data)
	for n := range data {
		g, err := onnx.Parse(data[:n:n], onnx.Options{})
		if (g == nil) == (err == nil) {
			t.Fatalf("cut at %d: graph %v, error %v", n, g, err)
		}
		if err == nil && (len(g.Nodes) != len(whole.Nodes) || g.Opsets[""] != 17) {
			t.Errorf("cut at %d of %d: accepted with %d nodes and opsets %v", n, len(data), len(g.Nodes), g.Opsets)
		}
	}
}

// hostileEnough is a model with all that a model can have.
func hostileEnough() []byte {
	m := small()
	affine(m)
	b := m.Body("b")
	b.Ints("inner", 3)
	b.Output(b.Op("Neg", []string{"o"}, onnxtest.Attrs{"value": tensor.New([]tensor.Half{1, 2}, 2)}))
	m.As("cond", "Constant", nil, onnxtest.Attrs{"value": tensor.New([]bool{true})})
	m.As("i", "If", []string{"cond"}, onnxtest.Attrs{"then_branch": b, "else_branch": passThrough(b, "y")})
	m.Node(onnxtest.Node{Name: "call", Op: "Affine", Domain: local, Inputs: []string{"i", "y"}, Outputs: []string{"z"}})
	m.RawInit("typed", onnxtest.Typed("typed", tensor.New([]int8{1, -1}, 2)))
	m.RawInit("far", onnxtest.External("far", tensor.Float32, []int{2}, "w.bin", 0, 8))
	m.Output("z")
	return m.Bytes()
}

// Damage of every kind gives an error or a sound graph, never a panic, and takes
// memory in proportion to the file.
func TestRandomDamage(t *testing.T) {
	data := hostileEnough()
	rng := rand.New(rand.NewPCG(5, 6))
	rounds := 20_000
	if testing.Short() {
		rounds = 2_000
	}
	for range rounds {
		bad := bytes.Clone(data)
		for range 1 + rng.IntN(6) {
			switch i := rng.IntN(len(bad)); rng.IntN(4) {
			case 0:
				bad[i] = byte(rng.Uint32())
			case 1:
				bad[i] ^= 1 << rng.IntN(8)
			case 2: // a piece lost
				bad = append(bad[:i], bad[min(i+rng.IntN(8), len(bad)):]...)
			case 3: // a piece doubled
				j := min(i+rng.IntN(32), len(bad))
				bad = append(bad[:j:j], bad[i:]...)
			}
		}
		checkAny(t, bad)
	}
}

// allocated returns about how many bytes f allocates.
func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// The memory of reading grows with the file, whatever the file claims.
func TestMemoryIsBounded(t *testing.T) {
	repeat := func(outer, inner int, msg []byte, n int) []byte {
		one := field(inner, msg)
		return field(outer, bytes.Repeat(one, n))
	}
	many := func(n int, node func(i int) onnxtest.Node) []byte {
		m := onnxtest.New(13)
		m.Input("x", tensor.Float32, 1)
		m.Output("x")
		for i := range n {
			m.Node(node(i))
		}
		return m.Bytes()
	}
	for name, data := range map[string][]byte{
		"empty nodes":        repeat(7, 1, nil, 1<<20),
		"empty initializers": repeat(7, 5, nil, 1<<20),
		"empty inputs":       repeat(7, 11, nil, 1<<20),
		"empty metadata":     bytes.Repeat(field(14, nil), 1<<20),
		"empty functions":    bytes.Repeat(field(25, nil), 1<<20),
		"nesting":            wrapped(300_000),
		"claims of tensors":  withInit("w", onnxtest.Header("w", tensor.Float32, 1<<30)).Bytes(),
		"claims of typed":    withInit("w", onnxtest.Header("w", tensor.Int64, 1<<28).Bytes(7, make([]byte, 1000))).Bytes(),
		"claims of external": elsewhere("w.bin", 0, 1<<30),
		"names": many(1, func(int) onnxtest.Node {
			return onnxtest.Node{Op: "Odd", Inputs: make([]string, 1_000_000), Outputs: []string{"y"}}
		}),
		"attributes": many(1, func(int) onnxtest.Node {
			a := onnxtest.Attrs{}
			for i := range 200_000 {
				a[fmt.Sprint(i)] = 1
			}
			return onnxtest.Node{Op: "Odd", Outputs: []string{"y"}, Attrs: a}
		}),
		"nodes": many(120_000, func(i int) onnxtest.Node {
			return onnxtest.Node{Op: "Odd", Inputs: []string{"x"}, Outputs: []string{fmt.Sprint(i)}}
		}),
		"one long name": many(3, func(i int) onnxtest.Node {
			return onnxtest.Node{Op: "Odd", Inputs: []string{"x"}, Outputs: []string{strings.Repeat("n", 1<<20) + fmt.Sprint(i)}}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			took := allocated(func() { onnx.Parse(data, onnx.Options{}) })
			t.Logf("%d bytes allocated for %d in the file: %.0f times", took, len(data), float64(took)/float64(len(data)))
			if most := uint64(1<<20 + 150*len(data)); took > most {
				t.Errorf("%d bytes allocated for %d in the file", took, len(data))
			}
		})
	}
}
