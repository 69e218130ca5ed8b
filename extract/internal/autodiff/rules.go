package autodiff

import "maps"

// rules are the backward passes by operator of ONNX's own domain.
var rules = map[string]func(s *step) error{
	"Add": addition, "Sub": subtraction, "Mul": product, "Div": quotient, "Pow": power, "Sum": total, "Max": extreme, "Min": extreme,
	"PRelu": slopes,

	"Conv": convolution, "AveragePool": averagePool, "MaxPool": maxPool,
	"GlobalAveragePool": spreadMean, "GlobalMaxPool": spreadLargest,
	"ReduceMean": spreadMean, "ReduceSum": spreadSum,

	"Gemm": gemm, "MatMul": matMul, "Einsum": einsum, "Attention": attention,

	"Softmax": softmax, "LayerNormalization": layerNorm, "BatchNormalization": batchNorm,
	"InstanceNormalization": instanceNorm, "GroupNormalization": groupNorm, "LRN": localResponseNorm,
}

func init() {
	for name := range movers {
		rules[name] = moved
	}
	for name := range derivatives {
		rules[name] = elementwise
	}
}

// Operators lists the operators that have a rule.
func Operators() map[string]bool {
	names := map[string]bool{}
	for name := range maps.Keys(rules) {
		names[name] = true
	}
	return names
}
