// Package models holds the networks that are part of the program, so that the
// first photo can be looked at without a download.
//
// There is one: EfficientNet-Lite0, trained on ImageNet, 9.3 MB with its weights
// as float16. Where it comes from, its licence and how good its features are
// stands in README.md beside this file. Embedded bytes cost nothing until they
// are read: nothing is parsed here.
package models

import _ "embed"

//go:embed efficientnet_lite0_fp16.onnx
var lite0 []byte

//go:embed efficientnet_lite0.json
var lite0Manifest []byte

//go:embed known.json
var known []byte

// A Model is a network as it would lie on disk: an ONNX file and the manifest
// beside it, which says how photos are prepared for it and where to tap it. The
// bytes are shared and must not be changed.
type Model struct {
	ONNX     []byte
	Manifest []byte
}

// Default returns the network that featstore uses unless told otherwise.
func Default() Model { return Model{ONNX: lite0, Manifest: lite0Manifest} }

// Known returns the manifests, as a JSON list, of networks that are not embedded
// but told by the SHA-256 of their file.
func Known() []byte { return known }
