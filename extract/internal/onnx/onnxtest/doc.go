// Package onnxtest writes ONNX models for tests.
//
// A Model is built from the inputs on. Each call returns the name of the value that
// it makes, for the next call to use:
//
//	m := onnxtest.New(17)
//	x := m.Input("x", tensor.Float32, "N", 3, 32, 32)
//	w := m.Rand("w", 0.1, 8, 3, 3, 3)
//	y := m.Op("Conv", []string{x, w}, onnxtest.Attrs{"pads": []int{1, 1, 1, 1}})
//	m.Output(m.Op("Relu", []string{y}, nil))
//	data := m.Bytes()
//
// Names that a call does not give are made up: "conv_1", "relu_2".
//
// What these methods cannot say, damaged and hostile files above all, is written
// field by field with [Message] and added by the Raw methods. Mistakes panic: only
// tests use the package.
package onnxtest
