package onnx

// The field numbers of the protobuf messages, as onnx.proto has them. The names are the
// message's and the field's.
const (
	modelIRVersion       = 1
	modelProducerName    = 2
	modelProducerVersion = 3
	modelGraph           = 7
	modelOpsetImport     = 8
	modelMetadataProps   = 14
	modelFunctions       = 25

	opsetDomain  = 1
	opsetVersion = 2

	entryKey   = 1 // of a StringStringEntryProto
	entryValue = 2

	functionName           = 1
	functionInput          = 4
	functionOutput         = 5
	functionNode           = 7
	functionOpsetImport    = 9
	functionDomain         = 10
	functionAttributeProto = 11
	functionOverload       = 13

	graphNode              = 1
	graphName              = 2
	graphInitializer       = 5
	graphInput             = 11
	graphOutput            = 12
	graphSparseInitializer = 15

	nodeInput     = 1
	nodeOutput    = 2
	nodeName      = 3
	nodeOpType    = 4
	nodeAttribute = 5
	nodeDomain    = 7
	nodeOverload  = 8

	attributeName          = 1
	attributeFloat         = 2
	attributeInt           = 3
	attributeString        = 4
	attributeTensor        = 5
	attributeGraph         = 6
	attributeFloats        = 7
	attributeInts          = 8
	attributeStrings       = 9
	attributeTensors       = 10
	attributeGraphs        = 11
	attributeTypeProto     = 14
	attributeTypeProtos    = 15
	attributeType          = 20
	attributeRefName       = 21
	attributeSparseTensor  = 22
	attributeSparseTensors = 23

	tensorDims         = 1
	tensorDataType     = 2
	tensorSegment      = 3
	tensorFloatData    = 4
	tensorInt32Data    = 5
	tensorStringData   = 6
	tensorInt64Data    = 7
	tensorName         = 8
	tensorRawData      = 9
	tensorDoubleData   = 10
	tensorUint64Data   = 11
	tensorExternalData = 13
	tensorDataLocation = 14

	sparseTensorValues = 1

	valueInfoName = 1
	valueInfoType = 2

	typeTensor    = 1 // TypeProto.tensor_type
	tensorElem    = 1 // TypeProto.Tensor
	tensorShape   = 2
	shapeDim      = 1
	dimensionSize = 1 // TensorShapeProto.Dimension.dim_value
	dimensionName = 2 // and dim_param
)

// locationExternal is TensorProto.DataLocation.EXTERNAL.
const locationExternal = 1
