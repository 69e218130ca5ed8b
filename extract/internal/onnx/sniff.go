package onnx

import (
	"bytes"
	"strings"
	"unicode"
)

// magics are the starts of files that get mistaken for ONNX models. None of them
// can start one: an ONNX model starts with a protobuf tag of fields 1 to 26.
var magics = []struct{ start, what string }{
	{"<", "it is a web page or XML; was the download refused?"},
	{"{", "it is JSON"},
	{"version https://git-lfs", "it is a Git LFS pointer; fetch the file itself with git lfs pull"},
	{"PK\x03\x04", "it is a zip archive, as PyTorch and Keras save networks; export the network to ONNX"},
	{"\x89HDF", "it is an HDF5 file, as Keras saves networks; convert it to ONNX with tf2onnx"},
	{"\x80\x02", "it is a Python pickle, as PyTorch saves networks; export the network to ONNX"},
	{"\x80\x04", "it is a Python pickle; export the network to ONNX"},
	{"\x1f\x8b", "it is compressed with gzip; unpack it first"},
	{"\xff\xd8\xff", "it is a JPEG image"},
	{"\x89PNG", "it is a PNG image"},
}

// sniff names the format of data if it is clearly not ONNX.
func sniff(data []byte) string {
	if len(data) == 0 {
		return "it is empty"
	}
	head := string(bytes.TrimLeft(data[:min(len(data), 64)], " \t\r\n\ufeff"))
	for _, m := range magics {
		if strings.HasPrefix(head, m.start) {
			return m.what
		}
	}
	if isText(data[:min(len(data), 512)]) {
		return "it is text"
	}
	if len(data) >= 8 && data[2] == 0 && data[3] == 0 { // flatbuffers: an offset, then the format's name
		switch string(data[4:8]) {
		case "TFL3":
			return "it is a TFLite model; convert it to ONNX with tf2onnx --tflite"
		case "ORTM":
			return "it is in ONNX Runtime's own format; use the .onnx file that it was made from"
		}
	}
	return ""
}

// isText reports whether the start of a file is plain text. The numbers in a model, of
// which its first bytes have some, are control characters as text.
func isText(head []byte) bool {
	for _, r := range string(head) {
		if unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\f", r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return true
}
