package zoo

import "featstore/extract/internal/onnx/onnxtest"

// mixerB16 is the MLP-Mixer: dense layers along the tokens and along the channels.
func mixerB16(b *builder) {
	d := b.ch(768)
	x, n := b.patches(b.image(), 16, d)
	for range b.times(12) {
		y := b.permute(b.layerNorm(x, d), 0, 2, 1)
		y = b.mlp(y, n, b.ch(384), "gelu")
		x = b.op("Add", x, b.permute(y, 0, 2, 1))
		x = b.op("Add", x, b.mlp(b.layerNorm(x, d), d, 4*d, "gelu"))
	}
	x = b.layerNorm(x, d)
	b.classify(b.reduceMean(x, 0, 1), d)
}

// functionDomain is where torch.onnx.dynamo_export of PyTorch 2.1 to 2.4 put the
// functions of its models.
const functionDomain = "pkg.torch.2.3.0"

// mixerFunctions is mixerB16 with its layers as local functions that call others,
// as the first exporter on dynamo wrote every module.
func mixerFunctions(b *builder) {
	b.Opset(functionDomain, 1)
	b.defineLayers()
	d := b.ch(768)
	x, n := b.patches(b.image(), 16, d)
	for range b.times(12) {
		y := b.call("token_mixing", x, b.layerWeights(d, n, b.ch(384))...)
		x = b.call("channel_mixing", y, b.layerWeights(d, d, 4*d)...)
	}
	x = b.layerNorm(x, d)
	b.classify(b.reduceMean(x, 0, 1), d)
}

func (b *builder) call(function, x string, weights ...string) string {
	out := b.layer(function)
	b.Node(onnxtest.Node{Op: function, Domain: functionDomain, Inputs: append([]string{x}, weights...), Outputs: []string{out}})
	return out
}

// layerWeights are the weights of a normalisation of d values and two dense layers.
func (b *builder) layerWeights(d, in, inner int) []string {
	name := b.layer("mix")
	up, down := gains["gelu"]/sqrt(in), branch/sqrt(inner)
	return []string{
		b.uniform(name+".norm.weight", 0.8, 1.2, d), b.uniform(name+".norm.bias", -0.2, 0.2, d),
		b.normal(name+".fc1.weight", 0, up, inner, in), b.normal(name+".fc1.bias", 0, 0.1, inner),
		b.normal(name+".fc2.weight", 0, down, in, inner), b.normal(name+".fc2.bias", 0, 0.1, in),
	}
}

// defineLayers defines the functions: a dense layer whose weights are out × in, two
// of them with a Gelu, and the two kinds of mixing.
func (b *builder) defineLayers() {
	opsets := map[string]int{"": b.opset, functionDomain: 1}
	define := func(name string, inputs []string, build func(f *builder)) {
		spec := onnxtest.Function{Name: name, Domain: functionDomain, Inputs: inputs, Outputs: []string{"result"}, Opsets: opsets}
		b.Func(spec, func(g *onnxtest.Graph) {
			f := b.in(g)
			f.constants = true // a function has no initializers
			build(f)
		})
	}
	node := func(f *builder, function string, out string, in ...string) {
		f.Node(onnxtest.Node{Op: function, Domain: functionDomain, Inputs: in, Outputs: []string{out}})
	}
	define("linear", []string{"x", "weight", "bias"}, func(f *builder) {
		f.As("result", "Add", []string{f.op("MatMul", "x", f.permute("weight", 1, 0)), "bias"}, nil)
	})
	define("mlp", []string{"x", "w1", "b1", "w2", "b2"}, func(f *builder) {
		node(f, "linear", "up", "x", "w1", "b1")
		node(f, "linear", "result", f.gelu("up"), "w2", "b2")
	})
	layer := []string{"x", "scale", "shift", "w1", "b1", "w2", "b2"}
	define("token_mixing", layer, func(f *builder) {
		y := f.permute(f.Op("LayerNormalization", []string{"x", "scale", "shift"}, onnxtest.Attrs{"epsilon": 1e-6}), 0, 2, 1)
		node(f, "mlp", "mixed", y, "w1", "b1", "w2", "b2")
		f.As("result", "Add", []string{"x", f.permute("mixed", 0, 2, 1)}, nil)
	})
	define("channel_mixing", layer, func(f *builder) {
		y := f.Op("LayerNormalization", []string{"x", "scale", "shift"}, onnxtest.Attrs{"epsilon": 1e-6})
		node(f, "mlp", "mixed", y, "w1", "b1", "w2", "b2")
		f.As("result", "Add", []string{"x", "mixed"}, nil)
	})
}
