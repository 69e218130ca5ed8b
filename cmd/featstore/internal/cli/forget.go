package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"featstore/store"
)

func forgetCommand(a *app) *cobra.Command {
	var head string
	cmd := &cobra.Command{
		Use:   "forget FOLDER",
		Short: "Remove a photo folder, or a trained head, from the store",
		Long: `Removes what the store knows of a photo folder: its photos, the vectors that no
other folder's photos share, and its failures. The photos themselves are not touched,
and the folder may be gone already. With --head it removes a trained head instead.

The freed space is used by the next vectors; featstore compact gives it back. The cache of
activations beside the store (<store>.cut) is removed with a folder, since it has some of
each photo.

JSON, one object: folder, photos, vectors (over all networks), cut_cache (bytes of the cache
that was removed), or head.` + storeExits(),
		Example: `  featstore forget ./old_photos
  featstore forget --head second`,
		Args: args(0, 1, "a photo folder"),
		RunE: func(_ *cobra.Command, args []string) error {
			if (len(args) == 1) == (head != "") {
				return usagef("want either a photo folder or --head NAME")
			}
			return a.withStore(store.Options{}, func(db *store.DB) error {
				if head != "" {
					return a.forgetHead(db, head)
				}
				return a.forgetFolder(db, args[0])
			})
		},
	}
	cmd.Flags().StringVar(&head, "head", "", "the trained head to remove")
	return cmd
}

func (a *app) forgetHead(db *store.DB, name string) error {
	err := db.Update(func(tx *store.Tx) error { return tx.DeleteHead(name) })
	if errors.Is(err, store.ErrNotFound) {
		return hint(err, "%s shows the heads there are", run("stats"))
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.emit(struct {
			Head string `json:"head"`
		}{name})
	}
	fmt.Fprintf(a.Out, "removed head %q\n", name)
	return nil
}

// forgotten is what the command reports of a folder, in the form of its JSON.
type forgotten struct {
	Folder  string `json:"folder"`
	Photos  int    `json:"photos"`
	Vectors int    `json:"vectors"`
	Cut     int64  `json:"cut_cache"` // bytes
}

func (a *app) forgetFolder(db *store.DB, folder string) error {
	before, err := db.Stats()
	if err != nil {
		return err
	}
	var r forgotten
	err = db.Update(func(tx *store.Tx) error {
		root, err := findRoot(tx, folder)
		if err != nil {
			return err
		}
		r.Folder = root.Path
		return tx.DeleteRoot(root.ID)
	})
	if err != nil {
		return err
	}
	after, err := db.Stats()
	if err != nil {
		return err
	}
	r.Photos, r.Vectors = before.Images-after.Images, vectorsOf(before)-vectorsOf(after)
	r.Cut = a.removeCut()
	if a.json {
		return a.emit(r)
	}
	fmt.Fprintf(a.Out, "removed %s with %s and %s\n", printable(r.Folder), count(r.Photos, "photo"), count(r.Vectors, "vector"))
	a.sayRemovedCut(r.Cut)
	return nil
}

func vectorsOf(s store.Stats) int {
	n := 0
	for _, m := range s.Models {
		n += m.Vectors
	}
	return n
}

// findRoot returns the photo folder that the user means: by the path it was last
// seen at, however it is written.
func findRoot(tx *store.Tx, folder string) (store.Root, error) {
	roots, err := tx.Roots()
	if err != nil {
		return store.Root{}, err
	}
	spellings := []string{filepath.Clean(folder)}
	if abs, err := filepath.Abs(folder); err == nil {
		spellings = append(spellings, abs)
		if real, err := filepath.EvalSymlinks(abs); err == nil {
			spellings = append(spellings, real)
		}
	}
	var known []string
	for _, root := range roots {
		for _, s := range spellings {
			if s == root.Path {
				return root, nil
			}
		}
		known = append(known, root.Path)
	}
	err = fmt.Errorf("%s: %w: no photos of this folder are in the store", folder, store.ErrNotFound)
	if len(known) == 0 {
		return store.Root{}, err
	}
	return store.Root{}, hint(err, "folders in the store: %s", strings.Join(known, ", "))
}
