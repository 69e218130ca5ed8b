package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"featstore/extract/userfile"
	"featstore/store"
)

func exportModelCommand(a *app) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "export MODEL -o FILE",
		Short: "Write a network that the store keeps as an ONNX file",
		Long: `Writes a network that the store keeps, such as one that finetune has made, as an ONNX
file. It goes from prepared pixels to the bottleneck. A file that exists is not replaced.

JSON, one object: model (the id), path, bytes.` + storeExits(),
		Example: "  featstore models export efficientnet-lite0-finetuned -o tuned.onnx",
		Args:    args(1, 1, "a model's id or name"),
		RunE: func(_ *cobra.Command, args []string) error {
			if to == "" {
				return usagef("-o is missing: it names the file to write")
			}
			return a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error { return a.exportModel(db, args[0], to) })
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "the file to write")
	return cmd
}

func (a *app) exportModel(db *store.DB, word, to string) error {
	var m store.Model
	var data []byte
	err := db.View(func(tx *store.Tx) error {
		models, err := tx.Models()
		if err != nil {
			return err
		}
		if m, err = findModel(models, word); err != nil {
			return err
		}
		data, err = tx.Network(m.ID)
		return err
	})
	if m.Imported != nil {
		return hint(noNetwork(m), importNetworkHint, run("predict", "--features", "FILE"))
	}
	if errors.Is(err, store.ErrNotFound) {
		return hint(fmt.Errorf("the store does not keep network %s", describeModel(m)),
			"it keeps those that %s has made, and others after %s", run("finetune"), run("ingest", "FOLDER", "--keep-network"))
	}
	if err != nil {
		return err
	}
	if err := writeNew(to, data); err != nil {
		return fmt.Errorf("write %s: %w", to, userfile.WithoutPath(err))
	}
	if a.json {
		return a.emit(struct {
			Model string `json:"model"`
			Path  string `json:"path"`
			Bytes int    `json:"bytes"`
		}{m.ID, to, len(data)})
	}
	fmt.Fprintf(a.Out, "%s: %s, %s\n", printable(to), printable(describeModel(m)), bytesText(int64(len(data))))
	return nil
}

// writeNew writes a file that does not exist yet, which gets its name when it is complete.
func writeNew(path string, data []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	return writeWhole(path, data)
}

// writeWhole writes a file, which gets its name when it is complete.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
