package modelfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"featstore/extract/userfile"
)

// A FormatError says that a network is kept in another format than ONNX.
type FormatError struct {
	Format string // with its article: "a TFLite model"

	// Convert is a command that makes an ONNX file of it, or "" if there is none. In it
	// {file} stands for the network, {folder} for the folder that it is in, and {onnx}
	// for the file to be made.
	Convert string

	// Note is what to know about the command, or to do where there is none; may be "".
	Note string
}

func (e *FormatError) Error() string { return "this is " + e.Format + ", not an ONNX model" }

// The other formats of networks, and how to convert them. A format that is a plain
// container is told by what is in it.
var (
	savedModel = &FormatError{"a TensorFlow SavedModel", "python -m tf2onnx.convert --saved-model {file} --output {onnx}", ""}
	graphDef   = &FormatError{"a frozen TensorFlow graph",
		"python -m tf2onnx.convert --graphdef {file} --inputs INPUT:0 --outputs OUTPUT:0 --output {onnx}", "INPUT and OUTPUT are names of its nodes"}
	kerasHDF5 = &FormatError{"a Keras network in HDF5", "python -m tf2onnx.convert --keras {file} --output {onnx}", ""}
	kerasZip  = &FormatError{"a Keras network",
		`python -c 'import sys, keras; keras.saving.load_model(sys.argv[1]).export(sys.argv[2], format="onnx")' {file} {onnx}`, ""}
	hdf5     = &FormatError{"an HDF5 file that holds no Keras network", "", "if these are weights, load them into their network and export that"}
	tflite   = &FormatError{"a TFLite model", "python -m tf2onnx.convert --tflite {file} --output {onnx}", ""}
	torchJIT = &FormatError{"a TorchScript network",
		`python -c 'import sys, torch; torch.onnx.export(torch.jit.load(sys.argv[1]).eval(), torch.randn(1, 3, 224, 224), sys.argv[2], dynamo=False)' {file} {onnx}`, "224 is the size of its photos"}
	torchWhole = &FormatError{"a PyTorch network",
		`python -c 'import sys, torch; torch.onnx.export(torch.load(sys.argv[1], weights_only=False).eval(), torch.randn(1, 3, 224, 224), sys.argv[2])' {file} {onnx}`, "224 is the size of its photos, and the command runs what the file says: only for files you trust"}
	torchState = &FormatError{"a file of PyTorch weights, without their network", "",
		`make the network in Python, load the weights, and export it: model.load_state_dict(torch.load(FILE)); torch.onnx.export(model.eval(), torch.randn(1, 3, 224, 224), "net.onnx")`}
	safetensor = &FormatError{"a file of weights (safetensors), without their network", "",
		`make the network in Python, load the weights, and export it: model.load_state_dict(safetensors.torch.load_file(FILE)); torch.onnx.export(model.eval(), torch.randn(1, 3, 224, 224), "net.onnx")`}
	openVINO = &FormatError{"a network of OpenVINO", "", "export the network that it was made from to ONNX: nothing converts it back"}
	coreML   = &FormatError{"a Core ML model", "", "export the network that it was made from to ONNX: nothing converts it back"}

	// transformers stands for weights with a config.json of Hugging Face's package beside.
	transformers = FormatError{"", "optimum-cli export onnx --model {folder} --task image-classification {folder}/onnx", ""}
)

// otherFile tells the format of a file that is no ONNX model, by its bytes; nil if it is
// not one that is known here.
func otherFile(f *os.File, size int64) *FormatError {
	const part = 64 << 10
	head, tail := readPart(f, 0, part), readPart(f, max(0, size-part), part)
	dir := filepath.Dir(f.Name())
	switch {
	case bytes.HasPrefix(head, []byte("\x89HDF\r\n\x1a\n")):
		const headers = 1 << 20 // attributes are behind the first header, the longer ones a little further on
		if bytes.Contains(readPart(f, 0, headers), []byte("model_config")) || bytes.Contains(tail, []byte("model_config")) {
			return kerasHDF5
		}
		return hdf5
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return zipped(head, tail, dir)
	case len(head) > 8 && string(head[4:8]) == "TFL3":
		return tflite
	case isSafetensors(head, size):
		return ofTransformers(safetensor, dir)
	case bytes.HasPrefix(head, []byte("\x80")) && (bytes.Contains(head, []byte("torch")) || isTorchMagic(head)):
		return pickled(head, dir)
	case isOpenVINO(head) || strings.EqualFold(filepath.Ext(f.Name()), ".bin") && isOpenVINO(xmlBeside(f.Name())):
		return openVINO
	}
	return protobufs(f, head, size)
}

func readPart(r io.ReaderAt, at int64, n int) []byte {
	b := make([]byte, n)
	n, _ = r.ReadAt(b, at)
	return b[:n]
}

// zipped tells formats that are zip archives by the names in them, which are at their
// beginning and, again, at their end.
func zipped(head, tail []byte, dir string) *FormatError {
	has := func(name string) bool {
		return bytes.Contains(head, []byte(name)) || bytes.Contains(tail, []byte(name))
	}
	switch {
	case has("model.weights.h5"):
		return kerasZip
	case has("/data.pkl") && (has("/code/") || has("constants.pkl")):
		return torchJIT
	case has("/data.pkl"):
		return pickled(head, dir)
	}
	return nil
}

// pickled tells a whole network of PyTorch from its weights alone.
func pickled(head []byte, dir string) *FormatError {
	if bytes.Contains(head, []byte("ctorch.nn.modules")) || bytes.Contains(head, []byte("ctorchvision.models")) || bytes.Contains(head, []byte("ctimm.models")) {
		return torchWhole
	}
	return ofTransformers(torchState, dir)
}

// isTorchMagic knows the number at the start of PyTorch's files before version 1.6.
func isTorchMagic(head []byte) bool {
	return bytes.Contains(head[:min(len(head), 32)], []byte("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"))
}

func isSafetensors(head []byte, size int64) bool {
	if len(head) < 10 {
		return false
	}
	n := binary.LittleEndian.Uint64(head)
	return n >= 2 && n < uint64(size) && head[8] == '{' && (head[9] == '"' || head[9] == '}' || head[9] == ' ')
}

// ofTransformers is a format of weights with the command for its network, if a
// configuration beside names it.
func ofTransformers(weights *FormatError, dir string) *FormatError {
	config, err := userfile.Read(context.Background(), filepath.Join(dir, "config.json"), maxManifest)
	if err != nil || !bytes.Contains(config, []byte(`"model_type"`)) {
		return weights
	}
	known := transformers
	known.Format = weights.Format
	return &known
}

func isOpenVINO(head []byte) bool {
	text := bytes.TrimLeft(head, "\ufeff \t\r\n")
	return bytes.HasPrefix(text, []byte("<")) && bytes.Contains(text, []byte("<net ")) && bytes.Contains(text, []byte("<layers"))
}

// xmlBeside reads the description of weights in OpenVINO's form, which have no mark of
// their own.
func xmlBeside(bin string) []byte {
	f, err := userfile.Open(strings.TrimSuffix(bin, filepath.Ext(bin)) + ".xml")
	if err != nil {
		return nil
	}
	defer f.Close()
	return readPart(f, 0, 4096)
}

// protobufs tells other formats that are protobuf messages, as ONNX is. A model of ONNX
// begins with a number (its version); its second field is a name, and it has no field of
// a number above 26.
func protobufs(f *os.File, head []byte, size int64) *FormatError {
	if len(head) > 2 && head[0] == 0x0a { // GraphDef: nodes, each with its name first
		_, n := protowire.ConsumeVarint(head[1:])
		if n > 0 && len(head) > 1+n && head[1+n] == 0x0a {
			return graphDef
		}
		return nil
	}
	num, typ, n := protowire.ConsumeTag(head)
	if n < 0 || num != 1 || typ != protowire.VarintType {
		return nil
	}
	version, m := protowire.ConsumeVarint(head[n:])
	if m < 0 || len(head) < n+m+1 || head[n+m] != 0x12 {
		return nil
	}
	at := n + m + 1
	length, m := protowire.ConsumeVarint(head[at:])
	if m < 0 || len(head) <= at+m || head[at+m] != 0x0a {
		return nil // a name, as in ONNX
	}
	end := int64(at+m) + int64(length)
	next, _, _ := protowire.ConsumeTag(readPart(f, end, 10))
	switch {
	case next >= 200:
		return coreML
	case version == 1 && (end == size || next == 2):
		return savedModel
	}
	return nil
}

// otherFolder tells what a folder is that was given for a network.
func otherFolder(dir string) error {
	is := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular()
	}
	switch {
	case is("saved_model.pb"):
		return savedModel
	case is("Manifest.json") && strings.EqualFold(filepath.Ext(dir), ".mlpackage"):
		return coreML
	}
	for _, weights := range []string{"model.safetensors", "pytorch_model.bin"} {
		if is(weights) {
			e := *ofTransformers(torchState, dir)
			e.Format = "a folder of weights (" + weights + ")"
			return &e
		}
	}
	for _, name := range []string{"model.onnx", "onnx/model.onnx"} {
		if is(name) {
			return errors.New("this is a folder, not an ONNX file: give " + filepath.Join(dir, filepath.FromSlash(name)))
		}
	}
	return errors.New("this is a folder, not an ONNX file")
}

// Command returns the command that converts the network at path, for a shell of which
// quote writes a word, or "".
func (e *FormatError) Command(path string, quote func(string) string) string {
	path = filepath.Clean(path)
	folder := filepath.Dir(path)
	if e.Format == savedModel.Format && filepath.Base(path) == "saved_model.pb" {
		path, folder = folder, filepath.Dir(folder) // what is converted is the folder
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() && e.Format != savedModel.Format {
		folder = path
	}
	onnx := "net.onnx"
	if !strings.HasPrefix(filepath.Base(path), ".") {
		onnx = strings.TrimSuffix(path, filepath.Ext(path)) + ".onnx"
	}
	return strings.NewReplacer("{file}", quote(path), "{folder}", quote(folder), "{onnx}", quote(onnx)).Replace(e.Convert)
}
