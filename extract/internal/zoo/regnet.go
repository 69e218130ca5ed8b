package zoo

// A regNet is a network of the design space of that name.
type regNet struct {
	widths, depths []int
	group          int  // channels of a group
	gate           bool // RegNetY
}

var (
	regNetX400MF = regNet{[]int{32, 64, 160, 400}, []int{1, 2, 7, 12}, 16, false}.build
	regNetY400MF = regNet{[]int{48, 104, 208, 440}, []int{1, 3, 6, 6}, 8, true}.build
)

func (r regNet) build(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(32), k: 3, stride: 2, act: "relu"})
	group := r.group
	if b.Width != 1 {
		group = 8
	}
	for i, n := range r.depths {
		for j := range b.times(n) {
			stride := 1
			if j == 0 {
				stride = 2
			}
			x = r.block(b, x, b.ch(r.widths[i]), stride, group)
		}
	}
	b.classify(b.globalPool(x), x.c)
}

func (r regNet) block(b *builder, x fmap, out, stride, group int) fmap {
	y := b.conv(x, conv{out: out, k: 1, act: "relu"})
	y = b.conv(y, conv{k: 3, stride: stride, groups: out / group, act: "relu"})
	gain := branch
	if r.gate {
		y = b.excite(y, max(1, x.c/4), "relu", "sigmoid")
		gain *= gated
	}
	y = b.conv(y, conv{out: out, k: 1, gain: gain})
	if stride > 1 || x.c != out {
		x = b.conv(x, conv{out: out, k: 1, stride: stride})
	}
	return b.relu(b.add(x, y))
}
