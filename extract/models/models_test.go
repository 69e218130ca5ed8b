package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// The digest is part of the model id: a changed file must be a deliberate act.
func TestManifestDescribesTheFile(t *testing.T) {
	m := Default()
	var manifest struct {
		File   string `json:"file"`
		SHA256 string `json:"sha256"`
	}
	if err := json.Unmarshal(m.Manifest, &manifest); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(m.ONNX)
	if got := hex.EncodeToString(sum[:]); got != manifest.SHA256 {
		t.Errorf("%s has SHA-256 %s, its manifest says %s", manifest.File, got, manifest.SHA256)
	}
	onDisk, err := os.ReadFile(manifest.File)
	if err != nil {
		t.Fatal(err)
	}
	if len(onDisk) != len(m.ONNX) {
		t.Errorf("%s: %d bytes on disk, %d embedded", manifest.File, len(onDisk), len(m.ONNX))
	}
}
