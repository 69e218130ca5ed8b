package modelfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// SetAll and resolve together: what stands on a command line becomes a preparation.
func TestSettingsFromText(t *testing.T) {
	for list, want := range map[string]string{
		"imagenet":                                "224×224, centre after scaling the shorter side to 256, bilinear with antialiasing, large JPEGs at reduced size, (pixel − [123.675 116.28 103.53]) / [58.395 57.12 57.375], RGB",
		"preprocess=lite,size=384":                "384×384, central square, bicubic with antialiasing, large JPEGs at reduced size, (pixel − 127) / 128, RGB",
		"tf,resize=squash,filter=tf-bilinear":     "224×224, whole picture squashed, bilinear as in TensorFlow 1, (pixel − 127.5) / 127.5, RGB",
		"caffe,mean=104,117,123,order=rgb":        "224×224, centre after scaling the shorter side to 256, bilinear with antialiasing, large JPEGs at reduced size, pixel − [104 117 123], RGB",
		"imagenet,crop=1,antialias=false":         "224×224, centre after scaling the shorter side to 224, bilinear, (pixel − [123.675 116.28 103.53]) / [58.395 57.12 57.375], RGB",
		"imagenet,side=300,filter=bicubic,std=60": "224×224, centre after scaling the shorter side to 300, bicubic with antialiasing, large JPEGs at reduced size, (pixel − [123.675 116.28 103.53]) / 60, RGB",
		"raw,size=320x200":                        "320×200, central part, bilinear with antialiasing, large JPEGs at reduced size, pixels 0…255, RGB",
		"lite,crop=0.5":                           "224×224, centre after scaling the shorter side to 448, bicubic with antialiasing, large JPEGs at reduced size, (pixel − 127) / 128, RGB",
		"imagenet,resize=squash":                  "224×224, whole picture squashed, bilinear with antialiasing, large JPEGs at reduced size, (pixel − [123.675 116.28 103.53]) / [58.395 57.12 57.375], RGB",

		"size=10,resize=squash,filter=bilinear,mean=1,std=2,order=bgr": "10×10, whole picture squashed, bilinear with antialiasing, large JPEGs at reduced size, (pixel − 1) / 2, BGR",
	} {
		var m Manifest
		if err := m.SetAll(list); err != nil {
			t.Errorf("%s: %v", list, err)
			continue
		}
		s := m.Preprocess
		if !s.HasSize() {
			s.Width, s.Height = 224, 224
		}
		p, missing, err := s.Resolve(s.Width, s.Height)
		if err != nil || missing != nil || p.String() != want {
			t.Errorf("%s:\n got %v (missing %v, %v)\nwant %s", list, p.String(), missing, err, want)
		}
	}
}

func TestSettingsRefuse(t *testing.T) {
	for list, want := range map[string]string{
		"imagnet":               "no such preset: choose one of imagenet",
		"imagenet,lite":         `"lite" is not a setting`,
		"size=big":              "want pixels a side",
		"size=0":                "want pixels a side",
		"size=3x":               "want pixels a side",
		"colour=red":            "no such setting: choose one of name, tap",
		"mean=1,2":              "not 2",
		"mean=a":                "want one number",
		"mean=NaN":              "want one number",
		"std=0.229,0.224,0.225": "multiply mean and std by 255",
		"std=0":                 "not a standard deviation",
		"resize=stretch":        "want one of center-square, shorter-side, squash",
		"filter=lanczos":        "want one of bicubic",
		"antialias=perhaps":     "want true or false",
		"order=gbr":             "want one of rgb, bgr",
		"crop=1.5":              "want a share",
		"side=-3":               "want a number of pixels",
		"pool=min":              "want one of avg, max, none",
		"layout=hwc":            "want nchw or nhwc",
		"precision=16bit":       "want float or 8bit",
		"tap=":                  "it has no value",
		"":                      "no value",
	} {
		var m Manifest
		if err := m.SetAll(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", list, err, want)
		}
	}
}

func TestSettingsMissing(t *testing.T) {
	for list, want := range map[string][]string{
		"size=8":                           {"resize", "filter", "mean", "std", "order"},
		"resize=shorter-side,mean=1,std=1": {"crop", "filter", "order"},
		"lite,resize=shorter-side":         {"crop"},
	} {
		var m Manifest
		if err := m.SetAll(list); err != nil {
			t.Fatal(err)
		}
		if _, missing, err := m.Preprocess.Resolve(8, 8); err != nil || !slices.Equal(missing, want) {
			t.Errorf("%s: missing %v (%v), want %v", list, missing, err, want)
		}
	}
}

// Every key that Set knows is listed, and none is listed that it does not know.
func TestKeys(t *testing.T) {
	values := map[string]string{"name": "n", "tap": "t", "pool": "max", "layout": "nhwc", "preprocess": "lite", "size": "9", "resize": "squash",
		"side": "9", "crop": "0.5", "filter": "bicubic", "antialias": "true", "mean": "1", "std": "1", "order": "bgr", "color": "stored", "jpeg-reduce": "2",
		"precision": "float"}
	for _, k := range Keys() {
		var m Manifest
		if err := m.Set(k.Name, values[k.Name]); err != nil || k.About == "" {
			t.Errorf("%s (%s): %v", k.Name, k.About, err)
		}
		if cmp.Equal(m, Manifest{}) {
			t.Errorf("%s changes nothing", k.Name)
		}
		delete(values, k.Name)
	}
	if len(values) > 0 {
		t.Errorf("not listed: %v", values)
	}
}
