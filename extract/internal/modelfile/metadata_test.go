package modelfile

import (
	"strings"
	"testing"

	"featstore/extract/photo"
)

// prepared resolves what a source says, at 224 where it says no size.
func prepared(t *testing.T, s source) string {
	t.Helper()
	w, h := s.Preprocess.Width, s.Preprocess.Height
	if w == 0 {
		w, h = 224, 224
	}
	p, missing, err := s.Preprocess.Resolve(w, h)
	if err != nil || missing != nil {
		t.Errorf("%s: missing %v, %v", s.from, missing, err)
	}
	return p.String()
}

func TestMetadata(t *testing.T) {
	for name, c := range map[string]struct {
		meta       map[string]string
		want, from string
	}{
		"own": {map[string]string{"featstore.preprocess": "imagenet,size=64", "featstore.tap": "x"},
			"64×64, centre after scaling the shorter side to 73, bilinear with antialiasing, large JPEGs at reduced size, (pixel − [123.675 116.28 103.53]) / [58.395 57.12 57.375], RGB",
			"the model's metadata"},
		"a manifest": {WithManifest(map[string]string{"featstore.size": "9", "author": "me"},
			Manifest{Tap: "x", Preprocess: photo.SettingsOf(photo.Preprocess{Width: 32, Height: 16, Rule: photo.RuleSquash, Filter: photo.FilterTFBilinear,
				Mean: [3]float32{1.25, 2, 3}, Std: [3]float32{4, 5, 6}, Order: photo.OrderBGR})}),
			"32×16, whole picture squashed, bilinear as in TensorFlow 1, (pixel − [1.25 2 3]) / [4 5 6], BGR", "the model's metadata"},
		"Windows, 0…1": {map[string]string{"Image.NominalPixelRange": "Normalized_0_1", "Image.BitmapPixelFormat": "Bgr8", "Image.ColorSpaceGamma": "SRGB"},
			"224×224, central square, bilinear with antialiasing, large JPEGs at reduced size, pixel / 255, BGR", "Image.NominalPixelRange"},
		"Windows, −1…1": {map[string]string{"Image.NominalPixelRange": "Normalized_1_1"},
			"224×224, central square, bilinear with antialiasing, large JPEGs at reduced size, (pixel − 127.5) / 127.5, RGB", "featstore's usual"},
		"Windows, 0…255": {map[string]string{"Image.NominalPixelRange": "NominalRange_0_255", "Image.BitmapPixelFormat": "Rgb8"},
			"224×224, central square, bilinear with antialiasing, large JPEGs at reduced size, pixels 0…255, RGB", ""},
		"Ultralytics": {map[string]string{"author": "Ultralytics", "task": "classify", "imgsz": "[160, 96]", "names": "{0: 'a'}"},
			"96×160, centre after scaling the shorter side to 160, bilinear with antialiasing, large JPEGs at reduced size, pixel / 255, RGB", "Ultralytics"},
		"timm, whole": {map[string]string{"pretrained_cfg": `{"input_size":[3,384,384],"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"interpolation":"bicubic","crop_pct":1.0,"crop_mode":"squash","url":"u"}`},
			"384×384, whole picture squashed, bicubic with antialiasing, large JPEGs at reduced size, (pixel − 127.5) / 127.5, RGB", "pretrained_cfg"},
		"timm, key by key": {map[string]string{"mean": "(0.5, 0.5, 0.5)", "std": "(0.2, 0.2, 0.2)", "input_size": "(3, 256, 256)", "crop_pct": "0.8"},
			"256×256, centre after scaling the shorter side to 320, bilinear with antialiasing, large JPEGs at reduced size, (pixel − 127.5) / 51, RGB", "mean, std"},
		"Model API": {map[string]string{"model_info mean_values": "123.5 116.25 103.5", "model_info scale_values": "58.5 57 57.5",
			"model_info reverse_input_channels": "True", "model_info resize_type": "standard"},
			"224×224, whole picture squashed, bilinear with antialiasing, large JPEGs at reduced size, (pixel − [123.5 116.25 103.5]) / [58.5 57 57.5], RGB", "model_info"},
	} {
		all, err := fromMetadata(c.meta)
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %v, %v", name, all, err)
			continue
		}
		if got := prepared(t, all[0]); got != c.want || !strings.Contains(all[0].from, c.from) {
			t.Errorf("%s: got %s (%s)\nwant %s (%s)", name, got, all[0].from, c.want, c.from)
		}
	}
}

func TestMetadataSaysNothing(t *testing.T) {
	for name, meta := range map[string]map[string]string{
		"none":         nil,
		"words":        {"preprocess": "(pixel-127)/128", "license": "Apache-2.0"},
		"a detector":   {"author": "Ultralytics", "task": "detect", "imgsz": "[640, 640]"},
		"video range":  {"Image.NominalPixelRange": "NominalRange_16_235"},
		"other means":  {"mean": "of all", "std": "error"},
		"two channels": {"mean": "[1, 2]", "std": "[1, 2]"},
	} {
		if all, err := fromMetadata(meta); err != nil || all != nil {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
}

func TestMetadataRefuses(t *testing.T) {
	for want, meta := range map[string]map[string]string{
		"featstore.preprocess=imagnet": {"featstore.preprocess": "imagnet"},
		"featstore.pool=min":           {"featstore.pool": "min"},
		`unknown field "tup"`:          {"featstore.manifest": `{"tup": "x"}`},
		"photos have 3 colours":        {"Image.NominalPixelRange": "Normalized_0_1", "Image.BitmapPixelFormat": "Gray8"},
		"pretrained_cfg":               {"pretrained_cfg": "{"},
		`filter "lanczos" is not one`:  {"pretrained_cfg": `{"mean":[0,0,0],"std":[1,1,1],"interpolation":"lanczos"}`},
		`"many" is not a number`:       {"model_info mean_values": "many", "model_info scale_values": "1 1 1"},
	} {
		if all, err := fromMetadata(meta); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, %v, want %q", all, err, want)
		}
	}
}
