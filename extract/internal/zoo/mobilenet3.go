package zoo

// mobileV3 is a block of MobileNet-V3.
type mobileV3 struct {
	k, inner, out int
	gate          bool
	act           string
	stride        int
}

// A mobileNetV3 is one of the two networks of that name.
type mobileNetV3 struct {
	blocks     []mobileV3
	last, head int
}

var (
	mobileNetV3Large = mobileNetV3{[]mobileV3{
		{3, 16, 16, false, "relu", 1}, {3, 64, 24, false, "relu", 2}, {3, 72, 24, false, "relu", 1},
		{5, 72, 40, true, "relu", 2}, {5, 120, 40, true, "relu", 1}, {5, 120, 40, true, "relu", 1},
		{3, 240, 80, false, "hardswish", 2}, {3, 200, 80, false, "hardswish", 1}, {3, 184, 80, false, "hardswish", 1},
		{3, 184, 80, false, "hardswish", 1}, {3, 480, 112, true, "hardswish", 1}, {3, 672, 112, true, "hardswish", 1},
		{5, 672, 160, true, "hardswish", 2}, {5, 960, 160, true, "hardswish", 1}, {5, 960, 160, true, "hardswish", 1},
	}, 960, 1280}.build
	mobileNetV3Small = mobileNetV3{[]mobileV3{
		{3, 16, 16, true, "relu", 2}, {3, 72, 24, false, "relu", 2}, {3, 88, 24, false, "relu", 1},
		{5, 96, 40, true, "hardswish", 2}, {5, 240, 40, true, "hardswish", 1}, {5, 240, 40, true, "hardswish", 1},
		{5, 120, 48, true, "hardswish", 1}, {5, 144, 48, true, "hardswish", 1}, {5, 288, 96, true, "hardswish", 2},
		{5, 576, 96, true, "hardswish", 1}, {5, 576, 96, true, "hardswish", 1},
	}, 576, 1024}.build
)

func (n mobileNetV3) build(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(16), k: 3, stride: 2, act: "hardswish"})
	for _, m := range n.blocks {
		block := mobile{k: m.k, stride: m.stride, inner: b.ch(m.inner), out: b.ch(m.out), act: m.act}
		if m.gate {
			block.squeeze, block.squeezeAct, block.gate = divisible(block.inner/4), "relu", "hardsigmoid"
		}
		x = b.inverted(x, block)
	}
	x = b.conv(x, conv{out: b.ch(n.last), k: 1, act: "hardswish"})
	v := b.dense(b.globalPool(x), x.c, b.ch(n.head), "hardswish")
	b.classify(v, b.ch(n.head))
}

// divisible is the multiple of eight nearest to a number of channels, but at least
// nine tenths of it.
func divisible(c int) int {
	d := max(8, (c+4)/8*8)
	if 10*d < 9*c {
		d += 8
	}
	return d
}
