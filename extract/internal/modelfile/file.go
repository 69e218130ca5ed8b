package modelfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/models"
	"featstore/extract/userfile"
)

// A File is an ONNX model with its weights, and with what the model and the files beside
// it say about how it is used. Decide settles that.
type File struct {
	Path    string // absolute; "" for one that was read from memory
	Bytes   int
	SHA256  string    // of the file, in hexadecimal
	Weights []Weights // files beside it that hold weights
	Graph   *graph.Graph

	sources []source // the first one takes precedence
}

// Open reads a model and the files beside it. Errors that are the file's fault wrap
// ErrModel, others are those of package fs.
func Open(path string, limits onnx.Limits) (*File, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	data, err := readModel(abs, limits.MaxBytes)
	if err != nil {
		return nil, err
	}
	dir, err := openFolder(filepath.Dir(abs))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := Read(data, dir, limits)
	if err == nil {
		if f.Bytes >= largeFile {
			runtime.GC() // otherwise the file stays in memory beside its weights, and soon in two forms
		}
		f.Path = abs
		f.sources, err = f.gather(sidecarFolder(filepath.Dir(abs)), filepath.Base(abs))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return f, nil
}

// largeFile is the size in bytes from which it is worth the milliseconds of a garbage
// collection to free a model file's memory at once.
const largeFile = 64 << 20

// Read reads a model from memory, with weights in the folder dir, which may be nil. The
// File keeps no part of data. Sidecars in dir are not read.
func Read(data []byte, dir fs.FS, limits onnx.Limits) (*File, error) {
	sum := sha256.Sum256(data)
	f := &File{Bytes: len(data), SHA256: hex.EncodeToString(sum[:])}
	model, err := onnx.Scan(data, limits)
	if err != nil {
		return nil, err
	}
	names, err := weightFiles(model, dir, limits.MaxTensorBytes)
	if err != nil {
		return nil, err
	}
	if f.Graph, err = model.Graph(onnx.Options{External: dir, Copy: true}); err != nil {
		return nil, err
	}
	f.Weights, err = digests(names, dir, limits.MaxTensorBytes)
	return f, err
}

// Embedded returns the embedded network.
func Embedded(limits onnx.Limits) (*File, error) {
	f, err := Read(models.Default().ONNX, nil, limits)
	if err != nil {
		return nil, err
	}
	known, err := knownNetwork(f.SHA256)
	if known != nil {
		f.sources = []source{*known}
	}
	return f, err
}

// readModel reads a file of at most most bytes. A file that is clearly not a model is
// refused by its first bytes: it may be very large.
func readModel(path string, most int64) ([]byte, error) {
	f, err := userfile.Open(path)
	if err != nil {
		if info, e := os.Stat(path); e == nil && info.IsDir() {
			return nil, otherFolder(path)
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if other := otherFile(f, info.Size()); other != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, other)
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%w: the file has %d bytes, at most %d are allowed: %w", ErrModel, info.Size(), most, ErrTooLarge)
	}
	if err := onnx.Skim(f, info.Size()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	if err := findHole(f, info.Size()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	data, err := userfile.ReadFile(context.Background(), f, most)
	if errors.Is(err, userfile.ErrTooLarge) { // it has grown
		err = fmt.Errorf("%w: %w: %w", ErrModel, err, ErrTooLarge)
	}
	return data, err
}
