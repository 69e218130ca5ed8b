package extract

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/models"
	"featstore/extract/userfile"
)

// A ModelFile is an ONNX model as it lies on disk, read with what lies beside it:
// weights in files of their own, a manifest. What is to be done with it is decided
// by Network and Inspect.
type ModelFile struct {
	path    string // absolute
	bytes   int
	sum     string    // SHA-256 of the file, in hexadecimal
	weights []Weights // files beside it
	graph   *graph.Graph
	limits  ModelLimits
	sources []said // what is known of it, the weightiest first
}

// Weights are a file beside a model that holds weights of it.
type Weights struct {
	File   string `json:"file"` // relative to the model's folder, slash-separated
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// OpenModel reads an ONNX model. Errors that are the file's fault wrap ErrModel, or
// are those of package fs.
func OpenModel(path string) (*ModelFile, error) { return ModelLimits{}.OpenModel(path) }

// OpenModel is the function OpenModel within other limits than the default.
func (l ModelLimits) OpenModel(path string) (*ModelFile, error) {
	m, err := openModel(path, l.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", path, bare(err))
	}
	return m, nil
}

// bare drops the path that package os puts before an error: the caller names it.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && err == error(pe) {
		return pe.Err
	}
	return err
}

// largeFile is the size of a model file from which memory matters more than the
// milliseconds of freeing it.
const largeFile = 64 << 20

func openModel(path string, lim ModelLimits) (*ModelFile, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	data, err := readModel(abs, lim.File)
	if err != nil {
		return nil, err
	}
	dir, err := openModelFolder(filepath.Dir(abs))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	m, err := readMemory(data, dir, lim)
	if err == nil {
		if m.bytes >= largeFile {
			runtime.GC() // or the file stays in memory beside its weights, in two forms soon
		}
		m.path = abs
		m.sources, err = m.gather()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return m, nil
}

// readMemory reads a model with weights beside it, and no more.
func readMemory(data []byte, dir fs.FS, lim ModelLimits) (*ModelFile, error) {
	sum := sha256.Sum256(data)
	m := &ModelFile{bytes: len(data), sum: hex.EncodeToString(sum[:]), limits: lim}
	model, err := onnx.Scan(data, lim.scan())
	if err != nil {
		return nil, err
	}
	files, err := weightFiles(model, dir, lim)
	if err != nil {
		return nil, err
	}
	if m.graph, err = model.Graph(onnx.Options{External: dir, Copy: true}); err != nil {
		return nil, err
	}
	m.weights, err = digests(files, dir, lim.Weights)
	return m, err
}

// weightFiles lists the files beside a model that hold weights, and makes sure that
// they can be read: opening a pipe would wait for ever, and so would a file without
// end.
func weightFiles(model *onnx.Model, dir fs.FS, lim ModelLimits) ([]string, error) {
	names, err := model.Locations()
	if err != nil || dir == nil {
		return nil, err
	}
	for _, name := range names {
		info, err := fs.Stat(dir, name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("external weights: %w", err)
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("external weights: %q is not a regular file", name)
		case info.Size() > lim.Weights:
			return nil, fmt.Errorf("external weights: %q has %d bytes, at most %d are allowed: %w", name, info.Size(), lim.Weights, errFileTooLarge)
		}
	}
	return names, nil
}

// DefaultModel returns the embedded network as a model file, to be used otherwise than
// Default does. Its path is empty.
func DefaultModel() (*ModelFile, error) { return ModelLimits{}.DefaultModel() }

// DefaultModel is the function DefaultModel within other limits than the default.
func (l ModelLimits) DefaultModel() (*ModelFile, error) {
	m, err := readMemory(models.Default().ONNX, nil, l.withDefaults())
	if err == nil {
		var known *said
		if known, err = knownNetwork(m.sum); err == nil && known != nil {
			m.sources = []said{*known}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("embedded network: %w", err)
	}
	return m, nil
}

// SHA256 returns the digest of the model's file, in hexadecimal.
func (m *ModelFile) SHA256() string { return m.sum }

// readModel reads a file of at most the size that a model may have. What is clearly no
// model is refused by its beginning: it may be very large.
func readModel(path string, most int64) ([]byte, error) {
	f, err := userfile.Open(path)
	if err != nil {
		if info, e := os.Stat(path); e == nil && info.IsDir() {
			return nil, errors.New("this is a folder, not an ONNX file")
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%w: the file has %d bytes, at most %d are allowed: %w", ErrModel, info.Size(), most, errFileTooLarge)
	}
	if err := onnx.Skim(f, info.Size()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	data, err := userfile.ReadFile(context.Background(), f, most)
	if errors.Is(err, userfile.ErrTooLarge) { // it has grown
		err = fmt.Errorf("%w: %w: %w", ErrModel, err, errFileTooLarge)
	}
	return data, err
}

// digests hashes the files that hold weights beside a model, which have been found to
// be of at most most bytes.
func digests(names []string, dir fs.FS, most int64) ([]Weights, error) {
	var all []Weights
	for _, name := range names {
		f, err := dir.Open(name)
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		n, err := io.Copy(h, io.LimitReader(f, most+1)) // it may grow
		f.Close()
		if err != nil {
			return nil, err
		}
		all = append(all, Weights{File: name, SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n})
	}
	return all, nil
}

// weightsDigest is one digest for all files beside a model, "" for none: that of
// the list that sha256sum would print.
func weightsDigest(all []Weights) string {
	if len(all) == 0 {
		return ""
	}
	h := sha256.New()
	for _, w := range all {
		fmt.Fprintf(h, "%s  %s\n", w.SHA256, w.File)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// gather collects what is known of the model without the user's own word.
func (m *ModelFile) gather() ([]said, error) {
	manifest, configs, err := fromBeside(besideFolder(filepath.Dir(m.path)), filepath.Base(m.path))
	if err != nil {
		return nil, err
	}
	for _, s := range manifest {
		if s.SHA256 != "" && !strings.EqualFold(s.SHA256, m.sum) {
			return nil, fmt.Errorf("%s is for another file: it says SHA-256 %s, the model has %s", s.from, s.SHA256, m.sum)
		}
	}
	meta, err := fromMetadata(m.graph.Metadata)
	if err != nil {
		return nil, err
	}
	all := append(manifest, meta...)
	known, err := knownNetwork(m.sum)
	if err != nil {
		return nil, err
	}
	if known != nil {
		all = append(all, *known)
	}
	return append(all, configs...), nil
}

// knownNetwork returns the manifest of a network that is known by its digest.
func knownNetwork(sum string) (*said, error) {
	if !bytes.Contains(models.Known(), []byte(sum)) && !bytes.Contains(models.Default().Manifest, []byte(sum)) {
		return nil, nil
	}
	var all []Manifest
	if err := json.Unmarshal(models.Known(), &all); err != nil {
		return nil, fmt.Errorf("list of known networks: %w", err)
	}
	own, err := ParseManifest(models.Default().Manifest)
	if err != nil {
		return nil, fmt.Errorf("manifest of the embedded network: %w", err)
	}
	for _, m := range append(all, own) {
		if m.SHA256 == sum {
			return &said{"featstore knows this file by its digest", m}, nil
		}
	}
	return nil, nil
}
