package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"featstore/extract"
	"featstore/extract/userfile"
	"featstore/store"
)

// A keptFile is the file of a network that the store is to keep.
type keptFile struct {
	model string // its id
	data  []byte
}

// filesToKeep reads the files of networks, which must hold all of them: weights in files
// beside one cannot be kept. The embedded network needs no file.
func filesToKeep(ctx context.Context, networks []*extract.Network) ([]keptFile, error) {
	var files []keptFile
	for _, n := range networks {
		i, path := n.Info(), n.Origin().Path
		switch {
		case path == "": // embedded, or kept already
			continue
		case i.WeightsSHA256 != "":
			return nil, hint(fmt.Errorf("network %s cannot be kept: its weights lie in files beside it", path),
				"write it into one file first, such as by onnx.save(model, FILE)")
		}
		data, err := userfile.Read(ctx, path, math.MaxInt32) // larger ones are no ONNX
		if err != nil {
			return nil, fmt.Errorf("network %s: %w", path, err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != i.FileSHA256 {
			return nil, fmt.Errorf("network %s: %w", path, errOtherFile)
		}
		files = append(files, keptFile{i.ID, data})
	}
	return files, nil
}

// keepNetworks puts the files of networks into the store, unless they are there.
func keepNetworks(db *store.DB, files []keptFile) error {
	for _, f := range files {
		err := db.Update(func(tx *store.Tx) error {
			m, err := tx.Model(f.model)
			if errors.Is(err, store.ErrNotFound) || err == nil && m.Network > 0 {
				return nil // interrupted before it was recorded; or kept
			}
			if err != nil {
				return err
			}
			return tx.PutNetwork(f.model, f.data)
		})
		if err != nil {
			return fmt.Errorf("keep the network: %w", err)
		}
	}
	return nil
}
