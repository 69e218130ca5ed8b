// Package quantize turns a network of floats into one of 8-bit numbers, after training,
// with the help of a sample of photos.
//
// # What is quantized
//
// A layer is a convolution or fully connected layer with constant weights. Its weights
// become int8, symmetric, with a scale for each output. A point is a tensor of
// activations that becomes uint8, with one scale and zero point: the input of a layer;
// the result of one, behind the bounds (Relu, Clip) that follow; and what lies between
// layers and can be computed on bytes: sums and products, concatenations, functions of
// one number, what only moves numbers. Everything else stays in float: layer
// normalisation, softmax, products of two computed values.
//
// # How
//
// In this order, each step on the sample:
//
//  1. Equalise: where a point lies between a convolution and a depthwise one and its
//     channels differ much in size, the weights on both sides are scaled by powers of two
//     so that all channels use the range (cross-layer equalisation, Nagel et al. 2019,
//     "Data-free quantization through weight equalization and bias correction").
//  2. Round the weights: the scale of each output is the one with the least squared
//     error, each input counted by its mean square.
//  3. Correct the biases by the mean error of the layer's result (bias correction, same
//     paper).
//  4. Measure the ranges of the points, on the network with its rounded weights, and
//     choose for each point among minimum and maximum, two percentiles and the range of
//     the least squared error: the one whose measured error matters least to the layers
//     that read it.
//  5. Layers and points whose signal is too weak against the error stay in float.
//
// The result is written as pairs of QuantizeLinear and DequantizeLinear (QDQ), which
// ONNX Runtime, OpenVINO and featstore's engine run on integers.
//
// The same network and sample give the same result on any number of workers: sums are
// made in the order of the sample.
package quantize
