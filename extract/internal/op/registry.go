package op

import "math"

// onnxOps are the operators of ONNX's own domain.
var onnxOps = map[string]impl{
	// Arithmetic on one element, or on several that broadcast.
	"Abs":        unaryAny(math.Abs, absInt, sameUint),
	"Acos":       unary(math.Acos),
	"Acosh":      unary(math.Acosh),
	"Add":        arith(add[float64], add[int64], add[uint64]),
	"Asin":       unary(math.Asin),
	"Asinh":      unary(math.Asinh),
	"Atan":       unary(math.Atan),
	"Atanh":      unary(math.Atanh),
	"BitShift":   bitShift,
	"BitwiseAnd": bitwise(bitAnd[int64], bitAnd[uint64]),
	"BitwiseNot": bitwiseNot,
	"BitwiseOr":  bitwise(bitOr[int64], bitOr[uint64]),
	"BitwiseXor": bitwise(bitXor[int64], bitXor[uint64]),
	"Ceil":       unary(math.Ceil),
	"Clip":       clip,
	"Cos":        unary(math.Cos),
	"Cosh":       unary(math.Cosh),
	"Div":        arith(divFloat, divInt[int64], divInt[uint64]),
	"Erf":        unary(math.Erf),
	"Exp":        unary(math.Exp),
	"Floor":      unary(math.Floor),
	"Log":        unary(math.Log),
	"Max":        variadic(larger[float64], larger[int64], larger[uint64]),
	"Mean":       mean,
	"Min":        variadic(smaller[float64], smaller[int64], smaller[uint64]),
	"Mod":        mod,
	"Mul":        arith(mul[float64], mul[int64], mul[uint64]),
	"Neg":        unaryAny(negFloat, negInt, nil),
	"Pow":        pow,
	"Reciprocal": unary(reciprocal),
	"Round":      unary(math.RoundToEven),
	"Sign":       unaryAny(signFloat, signInt, signUint),
	"Sin":        unary(math.Sin),
	"Sinh":       unary(math.Sinh),
	"Sqrt":       unary(math.Sqrt),
	"Sub":        arith(sub[float64], sub[int64], sub[uint64]),
	"Sum":        variadic(add[float64], nil, nil),
	"Tan":        unary(math.Tan),
	"Tanh":       unary(math.Tanh),

	// Truth values.
	"And":            logic(bitAnd[int64]),
	"Equal":          compare(equal[float64], equal[int64], equal[uint64]),
	"Greater":        compare(greater[float64], greater[int64], greater[uint64]),
	"GreaterOrEqual": compare(greaterOrEqual[float64], greaterOrEqual[int64], greaterOrEqual[uint64]),
	"IsInf":          isInf,
	"IsNaN":          isNaN,
	"Less":           compare(less[float64], less[int64], less[uint64]),
	"LessOrEqual":    compare(lessOrEqual[float64], lessOrEqual[int64], lessOrEqual[uint64]),
	"Not":            not,
	"Or":             logic(bitOr[int64]),
	"Where":          where,
	"Xor":            logic(bitXor[int64]),

	// Activations.
	"Celu":            scaled(1, celu),
	"Elu":             scaled(1, elu),
	"Gelu":            gelu,
	"HardSigmoid":     hardSigmoid,
	"HardSwish":       unary(hardSwish),
	"Hardmax":         alongLanes(hardmax),
	"LeakyRelu":       scaled(0.01, leakyRelu),
	"LogSoftmax":      alongLanes(logSoftmax),
	"Mish":            unary(mish),
	"PRelu":           prelu,
	"Relu":            unaryAny(relu, reluInt, sameUint),
	"Selu":            selu,
	"Shrink":          shrink,
	"Sigmoid":         unary(sigmoid),
	"Softmax":         alongLanes(softmax),
	"Softplus":        unary(softplus),
	"Softsign":        unary(softsign),
	"Swish":           scaled(1, swish),
	"ThresholdedRelu": scaled(1, thresholdedRelu),

	// Convolution and pooling.
	"AveragePool":       averagePool,
	"Conv":              conv,
	"GlobalAveragePool": global(average),
	"GlobalLpPool":      global(pNorm),
	"GlobalMaxPool":     global(largest),
	"LpPool":            lpPool,
	"MaxPool":           maxPool,

	// Matrix products.
	"Gemm":   gemm,
	"MatMul": matMul,

	// Normalisation.
	"BatchNormalization":        batchNormalization,
	"GroupNormalization":        groupNormalization,
	"InstanceNormalization":     instanceNormalization,
	"LRN":                       lrn,
	"LayerNormalization":        layerNormalization,
	"LpNormalization":           lpNormalization,
	"MeanVarianceNormalization": meanVarianceNormalization,
	"RMSNormalization":          rmsNormalization,

	// Reduction.
	"ReduceL1":        reduce(sumOfAbs, 18),
	"ReduceL2":        reduce(rootOfSquares, 18),
	"ReduceLogSum":    reduce(logOfSum, 18),
	"ReduceLogSumExp": reduceLogSumExp,
	"ReduceMax":       reduceMinMax(true),
	"ReduceMean":      reduce(meanOfAll, 18),
	"ReduceMin":       reduceMinMax(false),
	"ReduceProd":      reduce(product, 18),
	"ReduceSum":       reduce(sum, 13),
	"ReduceSumSquare": reduce(sumOfSquares, 18),

	// Shapes and places.
	"Cast":            cast,
	"CastLike":        castLike,
	"Concat":          concat,
	"Constant":        constantNode,
	"ConstantOfShape": constantOfShape,
	"DepthToSpace":    depthToSpace,
	"Dropout":         dropout,
	"Expand":          expand,
	"Flatten":         flatten,
	"Identity":        identity,
	"Pad":             pad,
	"Range":           rangeOf,
	"Reshape":         reshape,
	"Shape":           shapeOf,
	"Size":            sizeOf,
	"Slice":           slice,
	"SpaceToDepth":    spaceToDepth,
	"Split":           split,
	"Squeeze":         squeeze,
	"Tile":            tile,
	"Transpose":       transpose,
	"Unsqueeze":       unsqueeze,
}

// microsoftOps are operators of the domain com.microsoft, which ONNX Runtime's
// optimiser and some exporters write.
var microsoftOps = map[string]impl{}

// refused names operators that are left out on purpose, with the reason.
var refused = map[string]string{
	"Loop": "loops are not run; export the model with the loop unrolled",
	"Scan": "loops are not run; export the model with the loop unrolled",
}
