package zoo

import (
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
)

// viTB16 is the base Vision Transformer on patches of 16×16 pixels.
func viTB16(b *builder) {
	d := b.ch(768)
	depth, heads := b.times(12), 12
	if b.Width != 1 {
		heads = d / 16
	}
	x, n := b.patches(b.image(), 16, d)
	x = b.positions(x, n, d)
	n++
	for range depth {
		a := attention{n: n, d: d, heads: heads, batch: b.batchOf(x)}
		x = b.op("Add", x, b.attend(b.layerNorm(x, d), a))
		x = b.op("Add", x, b.mlp(b.layerNorm(x, d), d, 4*d, "gelu"))
	}
	x = b.layerNorm(x, d)
	b.classify(b.first(x), d)
	if b.producer == "tf2onnx" {
		b.softmax()
	}
}

// positions puts the class token before the n others and adds the embedding of
// places. The class token is there once for each image.
func (b *builder) positions(x string, n, d int) string {
	class := b.normal("class_token", 0, 1, 1, 1, d)
	embedding := b.normal("pos_embedding", 0, 0.3, 1, n+1, d)
	switch {
	case b.dims && b.constants:
		// expand(batch, -1, -1): TorchScript asks whether a size is -1.
		shape := b.shape(b.batchOf(x), -1, -1)
		ones := b.with("ConstantOfShape", b.ints(3), onnxtest.Attrs{"value": tensor.New([]int64{1}, 1)})
		isRest := b.op("Equal", shape, b.op("Mul", ones, b.index(-1)))
		class = b.op("Expand", class, b.op("Where", isRest, ones, shape))
	case b.batch != 1:
		batch := b.slice(b.op("Shape", x), 0, 0, 1, 1)
		class = b.op("Expand", class, b.concat(0, batch, b.ints(1, d)))
	}
	return b.op("Add", b.concat(1, class, x), embedding)
}

// first takes the class token.
func (b *builder) first(x string) string {
	if b.producer == "tf2onnx" {
		y := b.op("Slice", x, b.ints(0, 0, 0), b.ints(maxEnd, 1, maxEnd), b.ints(0, 1, 2))
		return b.squeeze(y, 1)
	}
	return b.gather(x, b.index(0), 1)
}
