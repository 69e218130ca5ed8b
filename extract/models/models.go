// Package models holds the networks that are embedded in the program, so that the
// first photo can be classified without a download.
//
// There is one: EfficientNet-Lite0, trained on ImageNet, 9.3 MB with its weights
// as float16. README.md beside this file says where it comes from, its licence and how
// good its features are. Embedded bytes cost nothing until they are read: nothing is
// parsed here.
package models

import _ "embed"

//go:embed efficientnet_lite0_fp16.onnx
var lite0 []byte

//go:embed efficientnet_lite0.json
var lite0Manifest []byte

//go:embed efficientnet_lite0_ranges.txt
var lite0Ranges []byte

//go:embed known.json
var known []byte

// A Model is a network as on disk: an ONNX file and the manifest beside it, which says
// how photos are prepared for it and which tensor is the bottleneck. The bytes are
// shared and must not be changed.
type Model struct {
	ONNX     []byte
	Manifest []byte
	Ranges   []byte // of its activations, by which it becomes a network of 8-bit numbers
}

// Default returns the network that featstore uses unless told otherwise.
func Default() Model { return Model{ONNX: lite0, Manifest: lite0Manifest, Ranges: lite0Ranges} }

// Known returns the manifests, as a JSON list, of networks that are not embedded
// but recognised by the SHA-256 of their file.
func Known() []byte { return known }
