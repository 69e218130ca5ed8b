package zoo

// A style is how an exporter writes a model.
type style struct {
	producer string
	opset    int
	ir       int  // version of the format; 0 for 8; 3 lists initializers as inputs too
	batch    any  // size of a batch as declared: a symbol, or 0 as some exporters write
	anySize  bool // height and width are symbols too

	constants bool // small constants are Constant nodes, not initializers
	dims      bool // shapes are computed from Shape at run time
	nhwc      bool // N×H×W×C input, and Transposes around each operator that wants channels first
	transpose bool // N×H×W×C input, but one Transpose behind it and channels first from there
	normalize bool // N×H×W×C input whose channels are centred and scaled first
	norms     bool // batch normalisation is a node of its own instead of part of the convolution
	shared    bool // equal weights are there once, with Identity nodes for the other uses
	half      bool // weights and all between the first and the last node are float16
	external  bool // weights lie in a file beside the model
	matMul    bool // dense layers are MatMul and Add instead of Gemm
	pad       padding
	pool      pooling
	quantized quantization
	newOps    bool // LayerNormalization, Gelu, HardSwish instead of what they consist of
}

// padding is how a convolution is padded that keeps the size, or halves it.
type padding int

const (
	symmetric padding = iota // as PyTorch does, the same on both sides
	autoPad                  // auto_pad SAME_UPPER
	padNode                  // a Pad node before each strided convolution, SAME_UPPER for the others
)

// pooling is how the last feature map is averaged.
type pooling int

const (
	globalFlatten pooling = iota // GlobalAveragePool, Flatten
	meanSqueezed                 // ReduceMean without the dimensions of size 1
	meanReshape                  // ReduceMean, and Reshape to the batch size and the rest
	windowReshape                // AveragePool over the whole map, and Reshape
	squeezeIf                    // GlobalAveragePool, and Squeeze if the sizes that are computed are 1
)

// The exporters.
var (
	// torchScript is torch.onnx.export of PyTorch 1.x at opset 13: batch
	// normalisation folded, constants as nodes, sizes taken from Shape.
	torchScript = style{producer: "pytorch", opset: 13, batch: "batch_size", constants: true, dims: true}
	// torchStatic is the same without dynamic axes.
	torchStatic = style{producer: "pytorch", opset: 13, batch: 1, constants: true}
	// torchTraining is torch.onnx.export with training=PRESERVE: normalisation
	// stays, and weights that are equal are shared through Identity.
	torchTraining = style{producer: "pytorch", opset: 17, batch: "N", norms: true, shared: true, constants: true, newOps: true}
	// float16 is a converter's work on a model of PyTorch: floats at the ends, float16
	// between.
	float16 = style{producer: "pytorch", opset: 17, batch: "batch_size", half: true, newOps: true}
	// dynamo is torch.onnx.export(dynamo=True): initializers, newer operators.
	dynamo = style{producer: "pytorch", opset: 18, ir: 10, batch: "s0", norms: true, newOps: true, dims: true, pool: meanReshape}
	// dynamoStatic is the same without dynamic shapes, at opset 20 with Gelu.
	dynamoStatic = style{producer: "pytorch", opset: 20, ir: 10, batch: 1, newOps: true, pool: meanReshape}
	// dynamoExternal keeps the weights beside the model, as it does by default
	// from PyTorch 2.9 on.
	dynamoExternal = style{producer: "pytorch", opset: 23, ir: 10, batch: "batch", newOps: true, dims: true, external: true, pool: meanReshape}
	// tensorFlow is tf2onnx without its optimizer.
	tensorFlow = style{producer: "tf2onnx", opset: 13, batch: "unk__1", nhwc: true, norms: true, matMul: true, pad: padNode, pool: meanSqueezed}
	// keras is tf2onnx with its optimizer, which moves Transposes to the ends.
	keras = style{producer: "tf2onnx", opset: 15, batch: "unk__2", transpose: true, matMul: true, pad: padNode, pool: meanSqueezed}
	// kerasSame is the same for networks of padding="same".
	kerasSame = style{producer: "tf2onnx", opset: 15, batch: -1, transpose: true, matMul: true, norms: true, pad: autoPad, pool: meanSqueezed}
	// tflite is tf2onnx on a quantised TFLite file.
	tflite = style{producer: "tf2onnx", opset: 13, batch: 1, transpose: true, matMul: true, pad: autoPad, pool: meanSqueezed, quantized: around}
	// qoperator is ONNX Runtime's quantisation into operators on integers.
	qoperator = style{producer: "onnx.quantize", opset: 13, batch: "batch_size", quantized: integer}
	// qdq is ONNX Runtime's quantisation around operators on floats.
	qdq = style{producer: "onnx.quantize", opset: 13, batch: "batch_size", quantized: around}
	// caffe is the converter behind the older models of ONNX's own collection.
	caffe = style{producer: "onnx-caffe2", opset: 9, ir: 3, batch: 1, pool: windowReshape}
	// gluon is MXNet's exporter.
	gluon = style{producer: "mxnet", opset: 8, ir: 3, batch: 0, norms: true}
)

func (s style) with(change func(*style)) style {
	change(&s)
	return s
}
