package zoo

// tiny is the size of tests for networks of attention, whose heads want width.
var tiny = Config{Size: 64, Width: 1.0 / 12}

// table lists all networks, by family in the order of their years.
var table = []Variant{
	{"alexnet-caffe", "AlexNet", "opset 9, initializers listed as inputs, Dropout, Softmax", 227, Config{Size: 95}, caffe, alexNet},

	{"vgg16-torchscript", "VGG", "constants as nodes, symbolic batch", 224, Config{Size: 32}, torchScript, vgg16},
	{"vgg16-keras", "VGG", "NHWC input, MatMul and Add", 224, Config{}, keras, vgg16},

	{"resnet50-torchscript", "ResNet", "batch normalisation folded", 224, Config{}, torchScript, resNet50},
	{"resnet50-dynamo", "ResNet", "batch normalisation, mean and Reshape to a computed shape", 224, Config{}, dynamo, resNet50},
	{"resnet50-tensorflow", "ResNet", "NHWC, a Pad before each strided convolution, Transposes around all", 224, Config{}, tensorFlow, resNet50},
	{"resnet18-training", "ResNet", "batch normalisation with weights shared through Identity", 224, Config{}, torchTraining, resNet18},
	{"resnet18-gluon", "ResNet", "opset 8, batch size 0, initializers listed as inputs", 224, Config{}, gluon, resNet18},
	{"resnet18-float16", "ResNet", "float16 throughout, Cast at both ends", 224, Config{}, float16, resNet18},
	{"resnet18-qdq", "ResNet", "8-bit: QuantizeLinear and DequantizeLinear around each operator", 224, Config{}, qdq, resNet18},

	{"googlenet-caffe", "GoogLeNet", "LRN, pooling padded at the end", 224, Config{}, caffe, googLeNet},
	{"googlenet-torchscript", "GoogLeNet", "ceil_mode, channels rescaled one by one", 224, Config{}, torchScript, googLeNet},

	{"inceptionv3-torchscript", "Inception-v3", "channels rescaled one by one, count_include_pad", 299, Config{Size: 91}, torchScript, inceptionV3},
	{"inceptionv3-dynamo", "Inception-v3", "batch normalisation", 299, Config{Size: 91}, dynamo, inceptionV3},
	{"inceptionv3-tensorflow", "Inception-v3", "NHWC, Transposes around each operator", 299, Config{Size: 91}, tensorFlow, inceptionV3},

	{"squeezenet1.1-torchscript", "SqueezeNet", "ceil_mode, classes by convolution", 224, Config{}, torchStatic, squeezeNet},
	{"squeezenet1.1-caffe", "SqueezeNet", "opset 9, Dropout, classes by convolution", 224, Config{}, caffe, squeezeNet},

	{"densenet121-torchscript", "DenseNet", "batch normalisation before convolutions", 224, Config{}, torchScript, denseNet121},
	{"densenet121-keras", "DenseNet", "the same from Keras", 224, Config{}, keras, denseNet121},

	{"resnext50-torchscript", "ResNeXt", "32 groups", 224, Config{}, torchScript, resNeXt50},
	{"resnext50-dynamo", "ResNeXt", "32 groups, weights in an external file", 224, Config{}, dynamoExternal, resNeXt50},

	{"xception-keras", "Xception", "separable convolutions, SAME padding, open batch", 299, Config{Size: 71}, kerasSame, xception},

	{"mobilenetv1-keras", "MobileNet", "Pad nodes, ReLU6", 224, Config{}, keras, mobileNetV1},
	{"mobilenetv1-tflite", "MobileNet", "8-bit TFLite: QuantizeLinear and DequantizeLinear", 224, Config{}, tflite, mobileNetV1},
	{"mobilenetv1-qlinear", "MobileNet", "8-bit: QLinearConv", 224, Config{}, qoperator, mobileNetV1},
	{"mobilenetv2-torchscript", "MobileNet", "Clip with constants as nodes", 224, Config{}, torchScript, mobileNetV2},
	{"mobilenetv2-opset10", "MobileNet", "Clip with attributes", 224, Config{}, torchStatic.with(func(s *style) { s.opset = 10 }), mobileNetV2},
	{"mobilenetv2-tensorflow", "MobileNet", "NHWC, Transposes around each operator", 224, Config{}, tensorFlow, mobileNetV2},
	{"mobilenetv2-tflite", "MobileNet", "8-bit TFLite with residual sums", 224, Config{}, tflite, mobileNetV2},
	{"mobilenetv3large-torchscript", "MobileNet", "HardSigmoid and Mul", 224, Config{}, torchScript, mobileNetV3Large},
	{"mobilenetv3large-keras", "MobileNet", "hard swish as Add, Clip, Mul, Mul", 224, Config{}, kerasSame, mobileNetV3Large},
	{"mobilenetv3small-dynamo", "MobileNet", "HardSwish, images of any size", 224, Config{},
		dynamo.with(func(s *style) { s.anySize = true }), mobileNetV3Small},

	{"shufflenetv2-torchscript", "ShuffleNet", "channel shuffle to shapes computed from Shape, images of any size", 224, Config{},
		torchScript.with(func(s *style) { s.anySize = true }), shuffleNetV2},
	{"shufflenetv2-dynamo", "ShuffleNet", "Split, Shape with start and end", 224, Config{}, dynamo, shuffleNetV2},

	{"efficientnetb0-torchscript", "EfficientNet", "SiLU as Sigmoid and Mul, gates", 224, Config{}, torchScript, efficientNetB0},
	{"efficientnetb0-keras", "EfficientNet", "NHWC input normalised first, Pad nodes, means for gates", 224, Config{},
		keras.with(func(s *style) { s.normalize = true }), efficientNetB0},
	{"efficientnetb0-dynamo", "EfficientNet", "static, gates from means", 224, Config{}, dynamoStatic, efficientNetB0},

	{"regnetx400mf-torchscript", "RegNet", "groups of 16, Squeeze inside If, images of any size", 224, Config{},
		torchScript.with(func(s *style) { s.pool, s.anySize = squeezeIf, true }), regNetX400MF},
	{"regnety400mf-dynamo", "RegNet", "groups of 8, gates", 224, Config{}, dynamo, regNetY400MF},

	{"repvgga0-training", "RepVGG", "three branches, each normalised", 224, Config{}, torchTraining, repVGGA0},
	{"repvgga0-torchscript", "RepVGG", "folded to 3×3 convolutions", 224, Config{}, torchStatic, repVGGA0Deployed},

	{"nfnetf0-torchscript", "NFNet", "weights standardized by BatchNormalization with five results", 256, Config{}, torchScript, nfNetF0},
	{"nfnetf0-training", "NFNet", "the same at opset 17: training_mode", 256, Config{}, torchTraining, nfNetF0},

	{"vitb16-torchscript", "ViT", "LayerNorm and Gelu written out, shapes computed", 224, tiny, torchScript, viTB16},
	{"vitb16-dynamo", "ViT", "opset 18: LayerNormalization, Split", 224, tiny, dynamo, viTB16},
	{"vitb16-attention", "ViT", "opset 23: Attention, Gelu, external weights", 224, tiny, dynamoExternal, viTB16},
	{"vitb16-float16", "ViT", "float16 throughout", 224, tiny, float16, viTB16},
	{"vitb16-keras", "ViT", "Einsum, NHWC patches", 224, tiny, tensorFlow, viTB16},

	{"swint-torchscript", "Swin", "roll by Slice and Concat, masks by ScatterND and Where", 224, Config{}, torchScript, swinT},
	{"swint-dynamo", "Swin", "Range, Mod, Not, padding computed", 224, Config{}, dynamo, swinT},
	{"swint-attention", "Swin", "opset 24: Attention with masks", 224, Config{},
		dynamoStatic.with(func(s *style) { s.opset = 24 }), swinT},

	{"mixerb16-torchscript", "MLP-Mixer", "Transposes between dense layers", 224, tiny, torchScript, mixerB16},
	{"mixerb16-dynamo", "MLP-Mixer", "opset 20: Gelu", 224, tiny, dynamoStatic, mixerB16},
	{"mixerb16-functions", "MLP-Mixer", "layers as local functions that call others", 224, tiny, dynamo, mixerFunctions},

	{"convnexttiny-torchscript", "ConvNeXt", "LayerNorm written out, Transposes", 224, Config{}, torchScript, convNeXtTiny},
	{"convnexttiny-dynamo", "ConvNeXt", "LayerNormalization, Gelu, Transposes", 224, Config{}, dynamoStatic, convNeXtTiny},
	{"convnexttiny-keras", "ConvNeXt", "NHWC", 224, Config{}, tensorFlow, convNeXtTiny},
}
