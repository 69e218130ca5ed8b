package zoo

// mobileNetV2 is made of inverted residual blocks.
func mobileNetV2(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(32), k: 3, stride: 2, act: "relu6"})
	for _, s := range []struct{ expand, out, n, stride int }{{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2},
		{6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}} {
		for i := range b.times(s.n) {
			m := mobile{k: 3, stride: s.stride, inner: s.expand * x.c, out: b.ch(s.out), act: "relu6"}
			if i > 0 {
				m.stride = 1
			}
			x = b.inverted(x, m)
		}
	}
	x = b.conv(x, conv{out: b.ch(1280), k: 1, act: "relu6"})
	b.classify(b.globalPool(x), x.c)
}

// A mobile describes an inverted residual block: expand to inner channels, filter
// them one by one, gate them if there is a squeeze, and project to out channels.
type mobile struct {
	k, stride, inner, out int
	act                   string
	squeeze               int // channels of the gate's middle; 0 for no gate
	squeezeAct, gate      string
}

func (b *builder) inverted(x fmap, m mobile) fmap {
	y := x
	if m.inner != x.c {
		y = b.conv(y, conv{out: m.inner, k: 1, act: m.act})
	}
	y = b.conv(y, conv{k: m.k, stride: m.stride, groups: depthwise, act: m.act})
	residual := m.stride == 1 && m.out == x.c
	gain := 1.0
	if residual {
		gain = branch
	}
	if m.squeeze > 0 {
		y = b.excite(y, m.squeeze, m.squeezeAct, m.gate)
		gain *= gated
	}
	y = b.conv(y, conv{out: m.out, k: 1, gain: gain})
	if residual {
		y = b.add(x, y)
	}
	return y
}
