package zoo

// mobileNetV1 alternates depthwise and pointwise convolutions.
func mobileNetV1(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(32), k: 3, stride: 2, act: "relu6"})
	for i, c := range []int{64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024} {
		if b.Repeat > 0 && i >= 6+b.Repeat && i < 11 {
			continue
		}
		stride := 1
		if i == 1 || i == 3 || i == 5 || i == 11 {
			stride = 2
		}
		x = b.conv(x, conv{k: 3, stride: stride, groups: depthwise, act: "relu6"})
		x = b.conv(x, conv{out: b.ch(c), k: 1, act: "relu6"})
	}
	b.classify(b.globalPool(x), x.c)
	b.softmax()
}
