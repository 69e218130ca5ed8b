package modelfile

import (
	"strings"
	"testing"
	"testing/fstest"
)

// Configurations that networks have beside them on Hugging Face's hub.
func TestSidecars(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"ViT": {"preprocessor_config.json",
			`{"do_normalize":true,"do_rescale":true,"do_resize":true,"image_mean":[0.5,0.5,0.5],"image_processor_type":"ViTImageProcessor","image_std":[0.5,0.5,0.5],"resample":2,"rescale_factor":0.00392156862745098,"size":{"height":224,"width":224}}`,
			"224×224, whole picture squashed, bilinear with antialiasing, large JPEGs at reduced size, (pixel − 127.5) / 127.5, RGB"},
		"old ViT": {"preprocessor_config.json", `{"do_normalize":true,"do_resize":true,"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"resample":2,"size":224}`,
			"224×224, whole picture squashed, bilinear with antialiasing, large JPEGs at reduced size, (pixel − 127.5) / 127.5, RGB"},
		"CLIP": {"preprocessor_config.json", `{"crop_size":224,"do_center_crop":true,"do_normalize":false,"do_resize":true,"resample":3,"size":224}`,
			"224×224, centre after scaling the shorter side to 224, bicubic with antialiasing, large JPEGs at reduced size, pixel / 255, RGB"},
		"ConvNeXt": {"preprocessor_config.json",
			`{"crop_pct":0.875,"do_normalize":true,"do_resize":true,"image_mean":[0.5,0.5,0.5],"image_std":[0.2,0.2,0.2],"resample":3,"size":{"shortest_edge":224}}`,
			"224×224, centre after scaling the shorter side to 256, bicubic with antialiasing, large JPEGs at reduced size, (pixel − 127.5) / 51, RGB"},
		"ConvNeXt, large": {"preprocessor_config.json", `{"crop_pct":0.875,"do_normalize":false,"do_resize":true,"resample":3,"size":{"shortest_edge":384}}`,
			"384×384, whole picture squashed, bicubic with antialiasing, large JPEGs at reduced size, pixel / 255, RGB"},
		"MobileViT": {"preprocessor_config.json",
			`{"crop_size":{"height":256,"width":256},"do_center_crop":true,"do_flip_channel_order":true,"do_normalize":false,"do_rescale":true,"do_resize":true,"resample":2,"size":{"shortest_edge":288}}`,
			"256×256, centre after scaling the shorter side to 288, bilinear with antialiasing, large JPEGs at reduced size, pixel / 255, BGR"},
		"timm": {"config.json",
			`{"architecture":"resnet50","pretrained_cfg":{"input_size":[3,224,224],"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"interpolation":"bicubic","crop_pct":0.95}}`,
			"224×224, centre after scaling the shorter side to 236, bicubic with antialiasing, large JPEGs at reduced size, (pixel − 127.5) / 127.5, RGB"},
	} {
		dir := fstest.MapFS{c.file: &fstest.MapFile{Data: []byte(c.text)}, "other.json": &fstest.MapFile{Data: []byte("?")}}
		manifest, configs, err := fromSidecars(dir, "net.onnx")
		if err != nil || manifest != nil || len(configs) != 1 {
			t.Errorf("%s: %v, %v, %v", name, manifest, configs, err)
			continue
		}
		if got := prepared(t, configs[0]); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestSidecarsRefuse(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"net.json", `{"labels":["a"]}`, `net.json: not a manifest: json: unknown field "labels"`},
		{"net.json", strings.Repeat(" ", maxManifest+1), "larger than"},
		{"preprocessor_config.json", `{`, "preprocessor_config.json: "},
		{"preprocessor_config.json", `{"size":{"longest_edge":3},"do_normalize":false}`, "neither a number"},
		{"preprocessor_config.json", `{"size":3,"image_mean":[1]}`, "3 numbers each"},
		{"preprocessor_config.json", `{"size":3,"do_normalize":false,"resample":1}`, "resample 1 is not one of"},
	} {
		dir := fstest.MapFS{c.file: &fstest.MapFile{Data: []byte(c.text)}}
		if _, _, err := fromSidecars(dir, "net.onnx"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.text[:min(40, len(c.text))], err, c.want)
		}
	}
	quiet := fstest.MapFS{"config.json": &fstest.MapFile{Data: []byte(`[1,2`)},
		"preprocessor_config.json": &fstest.MapFile{Data: []byte(`{"feature_size":80}`)}}
	if m, c, err := fromSidecars(quiet, "net.onnx"); m != nil || c != nil || err != nil {
		t.Errorf("other people's files: %v, %v, %v", m, c, err)
	}
}
