package ingest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"featstore/split"
	"featstore/store"
	"featstore/store/ownsplit"
)

// layOut finds out how the folder is arranged and what gives the labels, as asked for or
// as the store remembers it, and labels the files accordingly.
func (r *run) layOut(ctx context.Context) error {
	var root store.Root
	err := r.db.View(func(tx *store.Tx) (err error) {
		root, err = r.identify(tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("look folder %s up in the store: %w", r.list.root, err)
	}
	r.root, r.layout = root.ID, root.Layout
	if r.opt.Layout != nil {
		r.layout = *r.opt.Layout
	}
	if err := r.giveLabels(ctx, root); err != nil {
		return err
	}
	r.report.Found, r.report.Unlabelled = len(r.list.files), r.list.unlabelled
	r.report.LikeSplits = r.layout == store.ByLabel && r.opt.Layout == nil && r.source.SplitColumn == "" && r.opt.SplitList == nil &&
		r.source.Kind != store.LabelsNone && r.list.likeSplits(r.labelled())
	sources := 0
	for _, given := range []bool{r.layout == store.BySplit, r.opt.SplitList != nil, r.source.SplitColumn != ""} {
		if given {
			sources++
		}
	}
	if sources > 1 {
		return ErrTwoSources
	}
	return nil
}

// labelled tells whether something else than folders gives the labels.
func (r *run) labelled() bool { return r.source.Kind != store.LabelsByFolder }

// ownSplits puts the photos into the splits that the caller wants before anything else
// is done: an interrupt must not leave photos in the splits of the policy. So the photos
// are hashed first. That reads them twice, which costs little compared with the network,
// and finds a leak before hours of work, not after.
func (r *run) ownSplits(ctx context.Context) error {
	if r.layout != store.BySplit && r.opt.SplitList == nil && r.source.SplitColumn == "" {
		return nil
	}
	files, err := r.hashed(ctx)
	if err != nil {
		return err
	}
	by, found := ownsplit.ByFolders, ownsplit.Found{}
	switch {
	case r.source.SplitColumn != "":
		by, found = ownsplit.ByList, r.wantedByRow(files)
	case r.opt.SplitList != nil:
		by = ownsplit.ByList
		if found, err = ownsplit.Match(r.opt.SplitList, files); err != nil {
			return err
		}
	default:
		found = r.wantedByFolder(files)
	}
	change, err := ownsplit.Set(ctx, r.db, found.Wants, r.root, nil)
	if err != nil {
		return err
	}
	r.report.Own = ownsplit.NewReport(by, found, change)
	return nil
}

// wantedByFolder reads the splits off the names of folders.
func (r *run) wantedByFolder(files []ownsplit.File) ownsplit.Found {
	found, unlisted := wanted(files, func(path string) (split.Split, bool) { return splitIn(r.list.belowTop(path), r.labelled()) })
	for _, path := range unlisted {
		if top, _, deep := strings.Cut(r.list.belowTop(path), "/"); deep && !slices.Contains(found.UnlistedFolders, top) {
			found.UnlistedFolders = append(found.UnlistedFolders, top)
		}
	}
	slices.Sort(found.UnlistedFolders)
	return found
}

// wantedByRow takes the splits that the list of labels gives.
func (r *run) wantedByRow(files []ownsplit.File) ownsplit.Found {
	of := map[string]said{}
	for _, f := range r.list.files {
		of[f.path] = f.said
	}
	found, _ := wanted(files, func(path string) (split.Split, bool) { return of[path].split() })
	return found
}

// wanted are the splits that are said of photos by their paths in the folder. unlisted are
// the paths of those whose bytes no path says one of.
func wanted(files []ownsplit.File, splitOf func(path string) (split.Split, bool)) (found ownsplit.Found, unlisted []string) {
	abs := func(f ownsplit.File) string { return filepath.Join(f.Folder, filepath.FromSlash(f.Path)) }
	has := map[split.Digest]bool{}
	for _, f := range files {
		if s, ok := splitOf(f.Path); ok {
			found.Wants = append(found.Wants, ownsplit.Want{Path: abs(f), Digest: f.Digest, Split: s})
			has[f.Digest] = true
		}
	}
	for _, f := range files {
		if !has[f.Digest] {
			found.Unlisted = append(found.Unlisted, abs(f))
			unlisted = append(unlisted, f.Path)
		}
	}
	return found, unlisted
}

// hashed returns the folder's photos with their digests: from the store where the
// files are unchanged, otherwise from their bytes. What is not a photo, or cannot be
// read, is left out; it is reported when it is processed.
func (r *run) hashed(ctx context.Context) ([]ownsplit.File, error) {
	digests := make([]split.Digest, len(r.list.files))
	var todo []int
	err := r.db.View(func(tx *store.Tx) error {
		for i, f := range r.list.files {
			known, err := tx.Image(r.root, f.path)
			switch {
			case err == nil && unchanged(f, store.ImageEntry{Path: f.path, Image: known}):
				digests[i] = known.Digest
			case err == nil || errors.Is(err, store.ErrNotFound):
				todo = append(todo, i)
			default:
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.opt.Progress.ToHash.Store(int64(len(todo)))
	inOrderOfEntries(todo, func(i int) file { return r.list.files[i] })
	err = r.parallel(ctx, len(todo), func(i int) file { return r.list.files[todo[i]] }, func(_ context.Context, _ *worker, i int, got reading) error {
		defer r.opt.Progress.Hashed.Add(1)
		if got.err == nil && len(got.data) > 0 {
			digests[todo[i]] = split.SumBytes(got.data)
		}
		return nil
	})
	var files []ownsplit.File
	for i, f := range r.list.files {
		files = append(files, ownsplit.File{Folder: r.list.root, Path: f.path, Digest: digests[i]})
	}
	return slices.DeleteFunc(files, func(f ownsplit.File) bool { return f.Digest == split.Digest{} }), err
}
