package zoo

// efficientNetB0 is made of inverted residual blocks with gates and SiLU.
func efficientNetB0(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(32), k: 3, stride: 2, act: "silu"})
	for _, s := range []struct{ expand, k, stride, out, n int }{{1, 3, 1, 16, 1}, {6, 3, 2, 24, 2}, {6, 5, 2, 40, 2},
		{6, 3, 2, 80, 3}, {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}} {
		for i := range b.times(s.n) {
			m := mobile{k: s.k, stride: s.stride, inner: s.expand * x.c, out: b.ch(s.out), act: "silu",
				squeeze: max(1, x.c/4), squeezeAct: "silu", gate: "sigmoid"}
			if i > 0 {
				m.stride = 1
			}
			x = b.inverted(x, m)
		}
	}
	x = b.conv(x, conv{out: b.ch(1280), k: 1, act: "silu"})
	b.classify(b.globalPool(x), x.c)
}
