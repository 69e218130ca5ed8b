package extract

import (
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
	"featstore/extract/photo"
)

// AddPicture makes one picture of any size an input of the model: H×W×3 bytes, red, green
// and blue, upright.
func (c *Composition) AddPicture(name string) {
	c.graph.Inputs = append(c.graph.Inputs, graph.Input{Name: name, DType: tensor.Uint8,
		Dims: []graph.Dim{{Symbol: "H"}, {Symbol: "W"}, {Size: 3}}})
}

// Prepare adds the preparation of a picture for a network and returns the name of the result,
// which AddNetwork takes. It follows photo.Preprocess, with two differences: ONNX's Resize
// rounds only once, to bytes, where featstore and Pillow do so after each direction; and a
// JPEG was decoded in full by whoever calls the model.
func (c *Composition) Prepare(n *Network, picture, name string) string {
	p := preparation{Composition: c, spec: n.info.Preprocess, name: name + "/"}
	x := p.resized(picture)
	if p.spec.Order == photo.OrderBGR {
		x = p.Op(p.name+"bgr", "Gather", []string{x, p.ints("channels", 2, 1, 0)}, Attributes{"axis": int64(1)})
	}
	x = p.Op(p.name+"centred", "Sub", []string{x, p.Floats(p.name+"mean", p.spec.Mean[:], 1, 3, 1, 1)}, nil)
	last := name
	if n.origin.Layout == LayoutNHWC {
		last = p.name + "normalised"
	}
	x = p.Op(last, "Div", []string{x, p.Floats(p.name+"deviation", p.spec.Std[:], 1, 3, 1, 1)}, nil)
	if last != name {
		p.Op(name, "Transpose", []string{x}, Attributes{"perm": []int64{0, 2, 3, 1}})
	}
	return name
}

// A preparation writes how a picture is cut and scaled. Sizes are vectors of height and width.
type preparation struct {
	*Composition
	spec photo.Preprocess
	name string // prefix of all values
}

func (p *preparation) ints(name string, v ...int64) string { return p.Ints(p.name+name, v, len(v)) }

func (p *preparation) op(name, op string, inputs ...string) string {
	return p.Op(p.name+name, op, inputs, nil)
}

// resized returns the picture, cut and scaled: 1×3×Height×Width, 0 to 255.
func (p *preparation) resized(picture string) string {
	size := p.op("size", "Slice", p.op("shape", "Shape", picture), p.ints("size from", 0), p.ints("size to", 2))
	out := p.ints("out", int64(p.spec.Height), int64(p.spec.Width))
	full, from := out, ""
	switch p.spec.Rule {
	case photo.RuleCenterSquare:
		picture = p.centralPart(picture, size, out)
	case photo.RuleShorterSide:
		full, from = p.shorterSide(size, out)
	}
	x := p.scaled(picture, full)
	if from != "" {
		x = p.op("cut", "Slice", x, from, p.op("cut to", "Add", from, out), p.ints("cut axes", 2, 3))
	}
	return x
}

// centralPart cuts out the largest central part of the output's shape.
func (p *preparation) centralPart(picture, size, out string) string {
	// (h·W + H/2) ÷ H is the width that fits the height, and likewise: of either direction
	// the smaller counts.
	other := p.op("other size", "Gather", size, p.ints("swapped", 1, 0))
	half := p.ints("half", int64(p.spec.Width)/2, int64(p.spec.Height)/2)
	swapped := p.ints("out swapped", int64(p.spec.Width), int64(p.spec.Height))
	fit := p.op("fit", "Div", p.op("fit rounded", "Add", p.op("fit product", "Mul", other, out), half), swapped)
	part := p.op("part", "Max", p.op("part at most", "Min", size, fit), p.ints("one", 1, 1))
	from := p.op("part from", "Div", p.op("outside", "Sub", size, part), p.ints("two", 2, 2))
	return p.op("part of picture", "Slice", picture, from, p.op("part to", "Add", from, part), p.ints("part axes", 0, 1))
}

// shorterSide returns the size to which the picture is scaled, and where the output begins
// in it: half of what is left over, rounded to even.
func (p *preparation) shorterSide(size, out string) (full, from string) {
	shorter := p.Op(p.name+"shorter", "ReduceMin", []string{size, p.ints("first axis", 0)}, Attributes{"keepdims": int64(1)})
	full = p.op("full", "Div", p.op("full product", "Mul", size, p.ints("side", int64(p.spec.Side))), shorter)
	two := p.ints("two", 2)
	left := p.op("left over", "Sub", full, out)
	half := p.op("half of it", "Div", left, two)
	odd := p.op("both odd", "Mul", p.op("odd", "Mod", left, two), p.op("half odd", "Mod", half, two))
	return full, p.op("cut from", "Add", half, odd)
}

// scaled resizes to so many pixels.
func (p *preparation) scaled(picture, size string) string {
	x := p.Op(p.name+"picture as float", "Cast", []string{picture}, Attributes{"to": int64(tensor.Float32)})
	x = p.Op(p.name+"planes", "Transpose", []string{x}, Attributes{"perm": []int64{2, 0, 1}})
	x = p.op("one picture", "Unsqueeze", x, p.ints("first", 0))
	sizes := p.Op(p.name+"sizes", "Concat", []string{p.ints("one of 3", 1, 3), size}, Attributes{"axis": int64(0)})
	a := Attributes{"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
	switch p.spec.Filter {
	case photo.FilterBicubic:
		a["mode"], a["cubic_coeff_a"] = "cubic", float32(-0.5)
	case photo.FilterTFBilinear:
		a["coordinate_transformation_mode"] = "asymmetric"
	}
	if p.spec.Antialias {
		a["antialias"] = int64(1)
		if p.spec.Filter == photo.FilterBicubic {
			a["exclude_outside"] = int64(1) // which a linear filter with antialiasing does by itself
		}
	}
	x = p.Op(p.name+"resized", "Resize", []string{x, "", "", sizes}, a)
	if p.spec.Filter == photo.FilterTFBilinear {
		return x // as TensorFlow, which rounds nothing
	}
	x = p.op("within bytes", "Clip", x, p.Floats(p.name+"least", []float32{0}), p.Floats(p.name+"most", []float32{255}))
	return p.op("rounded", "Round", x)
}
