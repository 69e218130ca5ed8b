package zoo

// A residual describes a network of residual blocks.
type residual struct {
	depths     []int
	bottleneck bool // 1×1, 3×3, 1×1 instead of 3×3, 3×3
	groups     int  // of the 3×3 convolution in a bottleneck
	groupWidth int  // channels of a group at the first stage
}

var (
	resNet18  = residual{depths: []int{2, 2, 2, 2}}.build
	resNet50  = residual{depths: []int{3, 4, 6, 3}, bottleneck: true, groups: 1, groupWidth: 64}.build
	resNeXt50 = residual{depths: []int{3, 4, 6, 3}, bottleneck: true, groups: 32, groupWidth: 4}.build
)

func (r residual) build(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(64), k: 7, stride: 2, act: "relu"})
	x = b.maxPool(x, 3, 2, 0, nil)
	for stage, n := range r.depths {
		for i := range b.times(n) {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			x = r.block(b, x, stage, stride, i == 0)
		}
	}
	b.classify(b.globalPool(x), x.c)
}

// block is one residual block, with a convolution on the shortcut if project.
func (r residual) block(b *builder, x fmap, stage, stride int, project bool) fmap {
	width := 64 << stage
	y, out := x, b.ch(width)
	if r.bottleneck {
		out = b.ch(4 * width)
		inner, groups := b.ch(r.groups*r.groupWidth<<stage), r.groups
		if groups > 1 && b.Width != 1 {
			groups = inner / 4
		}
		y = b.conv(y, conv{out: inner, k: 1, act: "relu"})
		y = b.conv(y, conv{out: inner, k: 3, stride: stride, groups: groups, act: "relu"})
		y = b.conv(y, conv{out: out, k: 1, gain: branch})
	} else {
		y = b.conv(y, conv{out: out, k: 3, stride: stride, act: "relu"})
		y = b.conv(y, conv{out: out, k: 3, gain: branch})
	}
	if project && (stride > 1 || x.c != out) {
		x = b.conv(x, conv{out: out, k: 1, stride: stride})
	}
	return b.relu(b.add(y, x))
}
