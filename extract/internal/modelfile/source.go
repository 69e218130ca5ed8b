package modelfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"featstore/extract/models"
)

// A source is a place that says something about a network, and what it says.
type source struct {
	from string // in words, as "manifest net.json"
	Manifest
}

// gather returns all sources but the caller's request, in order of precedence.
func (f *File) gather(folder fs.FS, name string) ([]source, error) {
	manifest, configs, err := fromSidecars(folder, name)
	if err != nil {
		return nil, err
	}
	for _, s := range manifest {
		if s.SHA256 != "" && !strings.EqualFold(s.SHA256, f.SHA256) {
			return nil, fmt.Errorf("%s is for another file: it says SHA-256 %s, the model has %s", s.from, s.SHA256, f.SHA256)
		}
	}
	meta, err := fromMetadata(f.Graph.Metadata)
	if err != nil {
		return nil, err
	}
	all := append(manifest, meta...)
	known, err := knownNetwork(f.SHA256)
	if err != nil {
		return nil, err
	}
	if known != nil {
		all = append(all, *known)
	}
	return append(all, configs...), nil
}

// knownNetwork returns the manifest of a network that is known by its digest.
func knownNetwork(sum string) (*source, error) {
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
			return &source{"featstore knows this file by its digest", m}, nil
		}
	}
	return nil, nil
}
