package zoo

import "testing"

// published are the numbers of trainable parameters that the authors of torchvision,
// timm, Keras and Caffe state for networks of 1000 classes, auxiliary classifiers
// left out.
var published = map[string]int{
	"alexnet-caffe":                60_965_224,
	"vgg16-torchscript":            138_357_544,
	"resnet18-training":            11_689_512,
	"resnet50-dynamo":              25_557_032,
	"resnext50-dynamo":             25_028_904,
	"inceptionv3-dynamo":           23_834_568,
	"googlenet-torchscript":        6_624_904,
	"xception-keras":               22_855_952,
	"densenet121-torchscript":      7_978_856,
	"squeezenet1.1-torchscript":    1_235_496,
	"mobilenetv1-keras":            4_231_976,
	"mobilenetv2-torchscript":      3_504_872,
	"mobilenetv3large-torchscript": 5_483_032,
	"mobilenetv3small-dynamo":      2_542_856,
	"shufflenetv2-dynamo":          2_278_604,
	"efficientnetb0-torchscript":   5_288_548,
	"regnetx400mf-torchscript":     5_495_976,
	"regnety400mf-dynamo":          4_344_144,
	"repvgga0-training":            9_108_968,
	"convnexttiny-dynamo":          28_589_128,
	"vitb16-dynamo":                86_567_656,
	"swint-dynamo":                 28_288_354,
	"mixerb16-dynamo":              59_880_472,
}

// TestPublishedSizes makes networks in full size, with all normalisations but
// without values, and counts their weights.
func TestPublishedSizes(t *testing.T) {
	for name, want := range published {
		t.Run(name, func(t *testing.T) {
			v, err := Find(name)
			if err != nil {
				t.Fatal(err)
			}
			v.style.norms, v.style.shared = true, false
			b := newBuilder(Config{Size: v.size, Width: 1, Classes: 1000}, v.style)
			b.dry = true
			v.build(b)
			if got := b.params; got != want {
				t.Errorf("%d parameters, not %d", got, want)
			}
		})
	}
}
