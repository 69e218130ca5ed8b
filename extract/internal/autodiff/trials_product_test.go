package autodiff

import "pgregory.net/rapid"

func drawGemm(t *trial) {
	m, k, n := t.int(1, 4, "m"), t.int(1, 4, "k"), t.int(1, 4, "n")
	matrix := func(rows, columns int, name string) {
		if flip := t.int(0, 1, name); flip == 1 {
			t.set(name, int64(1))
			rows, columns = columns, rows
		}
		t.input(rows, columns)
	}
	matrix(m, k, "transA")
	matrix(k, n, "transB")
	if c := rapid.SampledFrom([][]int{nil, {n}, {1}, {m, 1}, {1, n}, {m, n}}).Draw(t.T, "c"); c != nil {
		t.input(c...)
	}
	t.set("alpha", float32(t.int(1, 3, "alpha")))
	t.set("beta", float32(t.int(1, 3, "beta")))
}

func drawMatMul(t *trial) {
	m, k, n := t.int(1, 4, "m"), t.int(1, 4, "k"), t.int(1, 4, "n")
	a, b := t.pair()
	if len(a) > 2 {
		a = a[len(a)-2:]
	}
	if len(b) > 2 {
		b = b[len(b)-2:]
	}
	switch t.int(0, 4, "vectors") {
	case 0:
		t.input(k)
		t.input(append(b, k, n)...)
	case 1:
		t.input(append(a, m, k)...)
		t.input(k)
	case 2:
		t.input(k)
		t.input(k)
	default:
		t.input(append(a, m, k)...)
		t.input(append(b, k, n)...)
	}
}

func drawEinsum(t *trial) {
	equation := rapid.SampledFrom([]string{"ij,jk->ik", "bhqd,bhkd->bhqk", "aecd,abcd->acbe", "ij->ji", "ijk->j", "i,j->ij", "ij,kj,k->i",
		"ab c, c -> ba"}).Draw(t.T, "equation")
	t.set("equation", equation)
	size := map[rune]int{}
	shape := []int{}
	for i, l := range equation + "->" {
		switch {
		case l == ',' || l == '-':
			t.input(shape...)
			shape = []int{}
			if l == '-' {
				return
			}
		case l != ' ':
			if size[l] == 0 {
				size[l] = t.int(1, 3, string(l))
			}
			shape = append(shape, size[l])
		}
		_ = i
	}
}

func drawAttention(t *trial) {
	t.opset = 23
	b, kv, share, d, dv := t.int(1, 2, "batch"), t.int(1, 2, "kv heads"), t.int(1, 2, "shared"), t.int(1, 3, "size"), t.int(1, 3, "value size")
	q, k := t.int(1, 3, "queries"), t.int(1, 3, "keys")
	if t.int(0, 1, "flat") == 1 {
		t.set("q_num_heads", int64(kv*share))
		t.set("kv_num_heads", int64(kv))
		t.input(b, q, kv*share*d)
		t.input(b, k, kv*d)
		t.input(b, k, kv*dv)
	} else {
		t.input(b, kv*share, q, d)
		t.input(b, kv, k, d)
		t.input(b, kv, k, dv)
	}
	switch t.int(0, 3, "mask") {
	case 0:
		t.input(q, k)
	case 1:
		t.input(b, 1, q, k)
	case 2:
		t.set("is_causal", int64(1))
	}
	if t.int(0, 1, "say the scale") == 1 {
		t.set("scale", float32(0.7))
	}
}
