package photo

import (
	"fmt"
	"strings"
)

// A preset is what a family of networks was trained with, at any input size.
type preset struct {
	name, alias, about string
	spec               Preprocess // without size
	side               float64    // shorter side per input side, for RuleShorterSide
	size               int        // usual size of the input, 0 if there is none
}

func same(v float32) [3]float32 { return [3]float32{v, v, v} }

// presets in the order in which help texts list them. Sources: torchvision's
// reference transforms; Inception preprocessing of TensorFlow's slim models;
// EfficientNet-Lite's preprocessing; Caffe's reference models (means of
// ImageNet in BGR); OpenAI's CLIP.
var presets = []preset{
	{
		name: "imagenet", about: "PyTorch and torchvision: ResNet, VGG, DenseNet, MobileNet, ConvNeXt, ViT, Swin",
		spec: Preprocess{Rule: RuleShorterSide, Filter: FilterBilinear, Antialias: true, Order: OrderRGB,
			Mean: [3]float32{0.485 * 255, 0.456 * 255, 0.406 * 255}, Std: [3]float32{0.229 * 255, 0.224 * 255, 0.225 * 255}},
		side: 256. / 224,
		size: 224,
	},
	{
		name: "inception", alias: "tf", about: "TensorFlow and Keras: Inception, Xception, MobileNet",
		spec: Preprocess{Rule: RuleCenterSquare, Filter: FilterBilinear, Antialias: true, Order: OrderRGB, Mean: same(127.5), Std: same(127.5)},
		size: 299,
	},
	{
		name: "lite", about: "EfficientNet-Lite",
		spec: Preprocess{Rule: RuleCenterSquare, Filter: FilterBicubic, Antialias: true, Order: OrderRGB, Mean: same(127), Std: same(128)},
		size: 224,
	},
	{
		name: "caffe", about: "Caffe and Keras: AlexNet, VGG, ResNet-50 of Keras",
		spec: Preprocess{Rule: RuleShorterSide, Filter: FilterBilinear, Antialias: true, Order: OrderBGR,
			Mean: [3]float32{103.939, 116.779, 123.68}, Std: same(1)},
		side: 256. / 224,
		size: 224,
	},
	{
		name: "clip", about: "CLIP",
		spec: Preprocess{Rule: RuleShorterSide, Filter: FilterBicubic, Antialias: true, Order: OrderRGB,
			Mean: [3]float32{0.48145466 * 255, 0.4578275 * 255, 0.40821073 * 255},
			Std:  [3]float32{0.26862954 * 255, 0.26130258 * 255, 0.27577711 * 255}},
		side: 1,
		size: 224,
	},
	{
		name: "unit", about: "pixels 0…1",
		spec: Preprocess{Rule: RuleCenterSquare, Filter: FilterBilinear, Antialias: true, Order: OrderRGB, Std: same(255)},
	},
	{
		name: "raw", about: "pixels 0…255: networks that normalise inside",
		spec: Preprocess{Rule: RuleCenterSquare, Filter: FilterBilinear, Antialias: true, Order: OrderRGB, Std: same(1)},
	},
}

// PresetNames lists the presets in the order in which help texts show them.
func PresetNames() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

// PresetAbout says which networks a preset is for, or "" if there is none of
// that name.
func PresetAbout(name string) string {
	if p := findPreset(name); p != nil {
		return p.about
	}
	return ""
}

// PresetSize returns the width and height that networks of a preset usually take, 0
// if there is no such preset or it has no usual size.
func PresetSize(name string) int {
	if p := findPreset(name); p != nil {
		return p.size
	}
	return 0
}

// Preset returns the preprocessing of a family of networks for a width×height
// input.
func Preset(name string, width, height int) (Preprocess, error) {
	p := findPreset(name)
	if p == nil {
		return Preprocess{}, fmt.Errorf("no preprocessing preset %q: there are %s", name, strings.Join(PresetNames(), ", "))
	}
	spec := p.spec
	spec.Width, spec.Height = width, height
	if spec.Rule == RuleShorterSide {
		spec.Side = int(float64(float64(max(width, height))*p.side) + 0.5)
	}
	return spec, spec.Validate()
}

func findPreset(name string) *preset {
	for i := range presets {
		if p := &presets[i]; name == p.name || name == p.alias && name != "" {
			return p
		}
	}
	return nil
}
