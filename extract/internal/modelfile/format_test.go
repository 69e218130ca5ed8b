package modelfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/zoo"
)

// zipOf is an archive of files, stored as they are.
func zipOf(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: files[i], Method: zip.Store})
		if err == nil {
			_, err = f.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func field(num protowire.Number, content string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, num, protowire.BytesType), content))
}

// Starts of pickles as torch.save writes them: of weights, and of a network.
const (
	stateDict = "\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x08\x00\x00\x00conv.biasq\x02ctorch._utils\n_rebuild_tensor_v2\nq\x03"
	network   = "\x80\x02ctorchvision.models.resnet\nResNet\nq\x00)\x81q\x01ctorch.nn.modules.conv\nConv2d\n"
	oldMagic  = "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
)

// Networks in other formats are told by their bytes, whatever they are called, and most
// with the command that converts them.
func TestOtherFormats(t *testing.T) {
	header := `{"fc.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	safetensors := string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + "abcd"
	hdf := "\x89HDF\r\n\x1a\n" + strings.Repeat("\x00", 500)
	xml := `<?xml version="1.0"?>` + "\n" + `<net name="x" version="11">` + "\n<layers>\n</layers></net>"
	for name, c := range map[string]struct {
		data, format, command string
		beside                map[string]string
	}{
		"SavedModel's file": {"\x08\x01" + field(2, field(1, "meta")+field(2, strings.Repeat("graph", 1000))), "a TensorFlow SavedModel",
			"python -m tf2onnx.convert --saved-model DIR/FILE --output DIR/net.onnx", nil},
		"GraphDef": {field(1, field(1, "input")+field(2, "Placeholder")) + field(1, field(1, "conv")+field(2, "Conv2D")),
			"a frozen TensorFlow graph", "python -m tf2onnx.convert --graphdef DIR/FILE --inputs INPUT:0 --outputs OUTPUT:0 --output DIR/net.onnx", nil},
		"Keras HDF5": {hdf + "keras_version\x00model_config\x00{}", "a Keras network in HDF5",
			"python -m tf2onnx.convert --keras DIR/FILE --output DIR/net.onnx", nil},
		"other HDF5": {hdf, "an HDF5 file that holds no Keras network", "", nil},
		"Keras zip": {zipOf(t, "metadata.json", "{}", "config.json", "{}", "model.weights.h5", "x"), "a Keras network",
			`python -c 'import sys, keras; keras.saving.load_model(sys.argv[1]).export(sys.argv[2], format="onnx")' DIR/FILE DIR/net.onnx`, nil},
		"TFLite": {"\x1c\x00\x00\x00TFL3" + strings.Repeat("\x00", 100), "a TFLite model",
			"python -m tf2onnx.convert --tflite DIR/FILE --output DIR/net.onnx", nil},
		"TorchScript": {zipOf(t, "net/data.pkl", stateDict, "net/code/__torch__/x.py", "", "net/constants.pkl", ""), "a TorchScript network",
			"torch.onnx.export(torch.jit.load(", nil},
		"PyTorch, whole":   {zipOf(t, "archive/data.pkl", network, "archive/data/0", "x"), "a PyTorch network", "torch.load(sys.argv[1], weights_only=False)", nil},
		"PyTorch, weights": {zipOf(t, "archive/data.pkl", stateDict, "archive/data/0", "x"), "a file of PyTorch weights", "", nil},
		"PyTorch of old":   {oldMagic + stateDict, "a file of PyTorch weights", "", nil},
		"safetensors":      {safetensors, "a file of weights (safetensors)", "", nil},
		"transformers": {safetensors, "a file of weights (safetensors)", "optimum-cli export onnx --model DIR --task image-classification DIR/onnx",
			map[string]string{"config.json": `{"architectures":["ViT"],"model_type":"vit"}`}},
		"OpenVINO": {xml, "a network of OpenVINO", "", nil},
		"Core ML":  {"\x08\x04" + field(2, field(1, "in")) + field(403, "layers"), "a Core ML model", "", nil},
	} {
		dir := t.TempDir()
		for beside, text := range c.beside {
			if err := os.WriteFile(filepath.Join(dir, beside), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, "net.weights")
		if err := os.WriteFile(path, []byte(c.data), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, onnx.DefaultLimits())
		var other *FormatError
		if !errors.As(err, &other) || !errors.Is(err, ErrModel) || !strings.HasPrefix(other.Format, c.format) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := strings.NewReplacer("DIR", dir, "FILE", "net.weights").Replace(c.command)
		got := other.Command(path, func(s string) string { return s })
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: command %q, want %q", name, got, want)
		}
		if got == "" && other.Note == "" {
			t.Errorf("%s: neither a command nor a word of advice", name)
		}
	}
}

// Weights of OpenVINO are told by the description beside them.
func TestOpenVINOWeights(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "net.bin")
	for name, text := range map[string]string{"net.bin": "\x00\x01\x02", "net.xml": `<net name="x"><layers/></net>`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var other *FormatError
	if _, err := Open(path, onnx.DefaultLimits()); !errors.As(err, &other) || other != openVINO {
		t.Error(err)
	}
}

func TestOtherFolders(t *testing.T) {
	for name, c := range map[string]struct {
		files        []string
		want, advice string
	}{
		"saved":       {[]string{"saved_model.pb"}, "a TensorFlow SavedModel", "--saved-model DIR --output DIR.onnx"},
		"vit":         {[]string{"config.json", "model.safetensors"}, "a folder of weights (model.safetensors)", "optimum-cli export onnx --model DIR --task"},
		"n.mlpackage": {[]string{"Manifest.json"}, "a Core ML model", ""},
		"hub":         {[]string{"onnx/model.onnx"}, "give DIR/onnx/model.onnx", ""},
		"plain":       {[]string{"1.jpg"}, "this is a folder, not an ONNX file", ""},
	} {
		dir := filepath.Join(t.TempDir(), name)
		for _, f := range c.files {
			f = filepath.Join(dir, f)
			if err := os.MkdirAll(filepath.Dir(f), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f, []byte(`{"model_type":"vit"}`), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Open(dir, onnx.DefaultLimits())
		if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(c.want, "DIR", dir)) {
			t.Errorf("%s: %v", name, err)
		}
		var other *FormatError
		if errors.As(err, &other) {
			if got := other.Command(dir, func(s string) string { return s }); !strings.Contains(got, strings.ReplaceAll(c.advice, "DIR", dir)) {
				t.Errorf("%s: command %q", name, got)
			}
		} else if c.advice != "" {
			t.Errorf("%s: no advice: %v", name, err)
		}
	}
}

// The command for a SavedModel is about its folder, also when its file was given.
func TestSavedModelCommand(t *testing.T) {
	for path, want := range map[string]string{
		"flowers/saved_model.pb": "--saved-model flowers --output flowers.onnx",
		"saved_model.pb":         "--saved-model . --output net.onnx",
		"other.pb":               "--saved-model other.pb --output other.onnx",
	} {
		if got := savedModel.Command(path, func(s string) string { return s }); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// No ONNX model is taken for anything else.
func TestONNXIsNoOtherFormat(t *testing.T) {
	for _, v := range zoo.Variants() {
		path := filepath.Join(t.TempDir(), "net.bin")
		if err := os.WriteFile(path, v.Small().Data, 0o666); err != nil {
			t.Fatal(err)
		}
		isONNX(t, path)
	}
	shared, _ := filepath.Glob("../../../../shared/*/*.onnx")
	more, _ := filepath.Glob("../../../../shared/onnx-node-tests/*/model.onnx")
	for _, path := range append(shared, more...) {
		isONNX(t, path)
	}
}

func isONNX(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if other := otherFile(f, info.Size()); other != nil {
		t.Errorf("%s: %v", path, other)
	}
}

// Whatever a file holds, telling what it is ends with an answer.
func FuzzOtherFormats(f *testing.F) {
	f.Add([]byte("\x08\x01" + field(2, field(1, "meta"))))
	f.Add([]byte(field(1, field(1, "input"))))
	f.Add([]byte("\x08\x04" + field(2, "\x0a\x00") + field(403, "")))
	f.Add([]byte("PK\x03\x04/data.pkl"))
	f.Add([]byte("\x80\x02torch"))
	path := filepath.Join(f.TempDir(), "net")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		h, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		otherFile(h, int64(len(data)))
	})
}
