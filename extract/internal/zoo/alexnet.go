package zoo

// alexNet is Krizhevsky's network of 2012 in its Caffe form: local response
// normalisation, and convolutions in two groups.
func alexNet(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(96), k: 11, stride: 4, pad: valid, act: "relu", plain: true})
	x = b.maxPool(b.lrn(x), 3, 2, valid, nil)
	x = b.conv(x, conv{out: b.ch(256), k: 5, groups: 2, act: "relu", plain: true})
	x = b.maxPool(b.lrn(x), 3, 2, valid, nil)
	x = b.conv(x, conv{out: b.ch(384), k: 3, act: "relu", plain: true})
	x = b.conv(x, conv{out: b.ch(384), k: 3, groups: 2, act: "relu", plain: true})
	x = b.conv(x, conv{out: b.ch(256), k: 3, groups: 2, act: "relu", plain: true})
	x = b.maxPool(x, 3, 2, valid, nil)
	v := b.reshape(x.name, 1, x.c*x.h*x.w)
	v = b.dropout(b.dense(v, x.c*x.h*x.w, b.ch(4096), "relu"))
	v = b.dense(v, b.ch(4096), b.ch(4096), "relu")
	b.classify(v, b.ch(4096))
	b.softmax()
}
