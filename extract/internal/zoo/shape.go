package zoo

import "featstore/extract/internal/onnx/onnxtest"

// A size is a dimension in a shape: an int, -1 to be worked out, or a dim that is
// known at run time.
type size any

// A dim is the name of a whole number that nodes compute.
type dim string

// batchOf returns the batch size of x: 1 where the model fixes it, else as the
// exporter asks for it.
func (b *builder) batchOf(x string) size {
	if b.batch == 1 {
		return 1
	}
	if !b.dims {
		return -1
	}
	return b.dimOf(x, 0)
}

// dimOf takes a size from the shape of x: Shape, Gather, or Shape of a part for the
// exporter that came after. It is a scalar for the one and a list of one for the
// other.
func (b *builder) dimOf(x string, axis int) dim {
	if !b.constants && b.opset >= 15 {
		return dim(b.with("Shape", x, onnxtest.Attrs{"start": axis, "end": axis + 1}))
	}
	shape, ok := b.lengths[x]
	if !ok {
		shape = b.op("Shape", x)
		b.lengths[x] = shape
	}
	return dim(b.Op("Gather", []string{shape, b.index(axis)}, onnxtest.Attrs{"axis": 0}))
}

// isList reports whether dimOf gives a list of one.
func (b *builder) isList() bool { return !b.constants && b.opset >= 15 }

// shape joins sizes to a list.
func (b *builder) shape(sizes ...size) string {
	var fixed []int
	for _, s := range sizes {
		if n, ok := s.(int); ok {
			fixed = append(fixed, n)
		}
	}
	if len(fixed) == len(sizes) {
		return b.ints(fixed...)
	}
	parts := make([]string, len(sizes))
	for i, s := range sizes {
		switch s := s.(type) {
		case int:
			if b.isList() {
				parts[i] = b.ints(s)
			} else {
				parts[i] = b.unsqueeze(b.index(s), 0)
			}
		case dim:
			parts[i] = string(s)
			if !b.isList() {
				parts[i] = b.unsqueeze(string(s), 0)
			}
		}
	}
	return b.Op("Concat", parts, onnxtest.Attrs{"axis": 0})
}

func (b *builder) reshape(x string, sizes ...size) string {
	attrs := onnxtest.Attrs{}
	if b.isList() {
		attrs["allowzero"] = 1
	}
	return b.Op("Reshape", []string{x, b.shape(sizes...)}, attrs)
}

// axes adds a node whose axes are an attribute before opset since, and an input
// from then on.
func (b *builder) axes(op string, since int, x string, attrs onnxtest.Attrs, axes ...int) string {
	if b.opset >= since {
		return b.Op(op, []string{x, b.ints(axes...)}, attrs)
	}
	if attrs == nil {
		attrs = onnxtest.Attrs{}
	}
	attrs["axes"] = axes
	return b.with(op, x, attrs)
}

func (b *builder) unsqueeze(x string, axes ...int) string {
	return b.axes("Unsqueeze", 13, x, nil, axes...)
}

func (b *builder) squeeze(x string, axes ...int) string {
	return b.axes("Squeeze", 13, x, nil, axes...)
}

func (b *builder) reduceMean(x string, keep int, axes ...int) string {
	return b.axes("ReduceMean", 18, x, onnxtest.Attrs{"keepdims": keep}, axes...)
}

// slice takes every step-th of x along one axis from start to before end. maxEnd
// stands for the end of the axis.
func (b *builder) slice(x string, axis, start, end, step int) string {
	return b.op("Slice", x, b.ints(start), b.ints(end), b.ints(axis), b.ints(step))
}

const maxEnd = 1<<63 - 1

func (b *builder) gather(x, indices string, axis int) string {
	return b.Op("Gather", []string{x, indices}, onnxtest.Attrs{"axis": axis})
}

func (b *builder) concat(axis int, parts ...string) string {
	return b.Op("Concat", parts, onnxtest.Attrs{"axis": axis})
}

// splitInto cuts x along an axis into parts of the given sizes.
func (b *builder) splitInto(x string, axis int, sizes ...int) []string {
	attrs := onnxtest.Attrs{"axis": axis}
	in := []string{x}
	if b.opset >= 13 {
		in = append(in, b.ints(sizes...))
	} else {
		attrs["split"] = sizes
	}
	return b.Ops("Split", len(sizes), in, attrs)
}
