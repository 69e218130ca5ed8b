package modelfile

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A Suggestion is a preset that would suit a network, and why.
type Suggestion struct {
	Preset string `json:"preset"`
	Why    string `json:"why"`
}

// Suggest lists the presets that are likely to suit a network, judged by its file.
// They are for the user to choose from and are never chosen automatically.
func (d *Decision) Suggest() []Suggestion {
	var list []Suggestion
	add := func(preset, format string, args ...any) {
		if !slices.ContainsFunc(list, func(s Suggestion) bool { return s.Preset == preset }) {
			list = append(list, Suggestion{preset, fmt.Sprintf(format, args...)})
		}
	}
	if !isFloat(d.Input.DType) {
		add("raw", "the input takes %v", d.Input.DType)
		return list
	}
	if preset, why := normalisesInside(d.Graph, d.Input.Name); preset != "" {
		add(preset, "%s", why)
	}
	names := strings.ToLower(strings.Join([]string{d.Name, d.file.Graph.Name, d.file.Graph.Metadata["source"], d.file.Graph.Metadata["description"]}, " "))
	if mentions(names, "clip") {
		add("clip", "its name speaks of CLIP")
	}
	if mentions(names, "lite") && strings.Contains(names, "efficientnet") {
		add("lite", "its name speaks of EfficientNet-Lite")
	}
	d.suggestByProducer(names, add)
	return list
}

// suggestByProducer judges by the exporter, and by families that are prepared in another
// way than most of its networks.
func (d *Decision) suggestByProducer(names string, add func(preset, format string, args ...any)) {
	producer := strings.ToLower(d.file.Graph.Producer)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(producer, w) })
	}
	caffeLike := slices.ContainsFunc([]string{"vgg", "resnet", "alexnet"}, func(w string) bool { return strings.Contains(names, w) })
	width, _ := d.Input.Fixed()
	switch {
	case has("pytorch", "torch"):
		add("imagenet", "exported by PyTorch")
	case has("tf2onnx", "tensorflow", "keras", "tflite"):
		if caffeLike {
			add("caffe", "Keras trains ResNet and VGG so")
		}
		add("inception", "exported from TensorFlow")
		add("unit", "the other usual one there")
	case has("caffe"):
		add("caffe", "exported from Caffe")
	case has("mxnet"):
		add("imagenet", "exported from MXNet")
	case d.Input.Layout == LayoutNHWC:
		if caffeLike {
			add("caffe", "Keras trains ResNet and VGG so")
		}
		add("inception", "layout NHWC, as in TensorFlow")
		add("unit", "the other usual one there")
	case width == 227:
		add("caffe", "size 227, as AlexNet of Caffe")
	case width == 299:
		add("inception", "size 299, as Inception and Xception")
		add("imagenet", "layout NCHW, as in PyTorch")
	default:
		add("imagenet", "layout NCHW, as in PyTorch")
	}
}

// mentions reports whether a text contains a word as a word of its own.
func mentions(text, word string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), word) || strings.Contains(text, "-"+word) || strings.Contains(text, "_"+word)
}

// normalisesInside looks for arithmetic between the input and the first layer: such a
// network takes pixels 0…255 or 0…1.
func normalisesInside(g *graph.Graph, name string) (preset, why string) {
	for range 16 {
		n := reader(g, name)
		if n == nil {
			return "", ""
		}
		switch n.Op {
		case "Sub", "Add", "Mul", "Div":
			c := g.Initializers[n.Input(1)]
			if n.Input(1) == name {
				c = g.Initializers[n.Input(0)]
			}
			if c == nil || c.DType != tensor.Float32 || len(tensor.Values[float32](c)) == 0 {
				return "", ""
			}
			first := math.Abs(float64(tensor.Values[float32](c)[0]))
			shifts := n.Op == "Sub" || n.Op == "Add"
			if shifts && first > 2 || n.Op == "Mul" && first < 0.02 || n.Op == "Div" && first > 2 {
				return "raw", "it normalises pixels 0…255 itself, by " + n.Label()
			}
			return "unit", "it normalises by itself, by " + n.Label()
		case "Transpose", "Identity", "Cast":
			name = n.Outputs[0]
		default:
			return "", ""
		}
	}
	return "", ""
}

func isFloat(t tensor.DType) bool {
	return t == tensor.Float32 || t == tensor.Float16 || t == tensor.Float64
}
