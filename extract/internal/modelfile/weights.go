package modelfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"

	"featstore/extract/internal/onnx"
)

// Weights are a file beside a model that holds some or all of its weights.
type Weights struct {
	File   string `json:"file"` // relative to the model's folder, slash-separated
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// weightFiles lists the files beside a model that hold weights. It refuses what is not a
// regular file of bounded size: reading a pipe or device might never end.
func weightFiles(model *onnx.Model, dir fs.FS, most int64) ([]string, error) {
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
		case info.Size() > most:
			return nil, fmt.Errorf("external weights: %q has %d bytes, at most %d are allowed: %w", name, info.Size(), most, ErrTooLarge)
		}
	}
	return names, nil
}

// digests hashes the files that hold weights, each of at most most bytes.
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

// WeightsDigest returns one digest for all weight files of a model, "" if there are none:
// that of the list that sha256sum would print.
func WeightsDigest(all []Weights) string {
	if len(all) == 0 {
		return ""
	}
	h := sha256.New()
	for _, w := range all {
		fmt.Fprintf(h, "%s  %s\n", w.SHA256, w.File)
	}
	return hex.EncodeToString(h.Sum(nil))
}
