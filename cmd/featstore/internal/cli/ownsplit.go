package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"featstore/extract/ingest"
	"featstore/extract/userfile"
	"featstore/split"
	"featstore/store"
	"featstore/store/ownsplit"
)

// layouts are the values of --split-folders.
var layouts = map[string]store.Layout{
	"on":     store.BySplit,
	"ignore": store.BesideSplit,
	"off":    store.ByLabel,
}

// ownSplitFlags are the flags of ingest by which the owner of photos says which split
// they belong to.
type ownSplitFlags struct {
	folders string
	file    string
}

// apply makes options of the flags.
func (f *ownSplitFlags) apply(ctx context.Context, a *app, opt *ingest.Options) error {
	if f.folders != "" {
		layout, ok := layouts[f.folders]
		if !ok {
			return usagef("--split-folders=%s: want on, ignore or off", f.folders)
		}
		opt.Layout = &layout
	}
	if f.file == "" {
		return nil
	}
	if f.folders == "on" {
		return usagef("--split-folders and --split-file both say which split a photo is in: give one of them")
	}
	var err error
	opt.SplitList, err = a.readSplitList(ctx, f.file, "")
	return err
}

// readSplitList reads a user's list of splits from a file, or from standard input where
// its name is "-". With a column of groups it is a list of groups.
func (a *app) readSplitList(ctx context.Context, name, groupColumn string) ([]split.Entry, error) {
	f, err := userfile.OpenList(ctx, name, a.In)
	switch {
	case errors.Is(err, userfile.ErrKind):
		return nil, hint(fmt.Errorf("read list of splits %s: %w", name, err), "give a CSV of path,split, or - and pipe it in")
	case err != nil:
		return nil, hint(fmt.Errorf("open list of splits: %s: %w", name, err),
			"it is a CSV of path,split: %s writes one with the splits as they are, to change them in", run("export", "--format", "csv", "-o", "FILE"))
	}
	defer f.Close()
	advice := "one photo a line: path,split with training, validation or testing; a header may name the columns"
	var entries []split.Entry
	if groupColumn != "" {
		advice = "one photo a line, under a header that names the columns path and " + groupColumn + ", and maybe split"
		entries, err = split.ReadGroups(f, groupColumn)
	} else {
		entries, err = split.ReadList(f)
	}
	if e := ctx.Err(); e != nil {
		return nil, e
	}
	if err != nil {
		err = fmt.Errorf("read %s: %w", name, err)
	}
	return entries, hint(err, "%s", advice)
}

// splitByList puts the photos that a list, read from the file name, names into its
// splits.
func (a *app) splitByList(ctx context.Context, db *store.DB, name string, entries []split.Entry) (*ownsplit.Report, error) {
	found, err := matchList(db, name, entries)
	if err != nil {
		return nil, err
	}
	var change ownsplit.Change
	err = a.changeSplits(func(progress func(int, int)) (err error) {
		change, err = ownsplit.Set(ctx, db, found.Wants, 0, progress)
		return err
	})
	if err != nil {
		return nil, ownSplitAdvice(err)
	}
	return ownsplit.NewReport(ownsplit.ByList, found, change), nil
}

// matchList finds the photos that a list, read from the file name, names.
func matchList(db *store.DB, name string, entries []split.Entry) (ownsplit.Found, error) {
	var files []ownsplit.File
	err := db.View(func(tx *store.Tx) (err error) {
		files, err = ownsplit.Files(tx)
		return err
	})
	if err != nil {
		return ownsplit.Found{}, err
	}
	found, err := ownsplit.Match(entries, files)
	if err != nil {
		return found, fmt.Errorf("read %s: %w", name, err)
	}
	if len(found.Wants) == 0 {
		return found, hint(fmt.Errorf("read %s: none of its %s is in the store, the first is %q", name, count(len(entries), "path"), entries[0].Path),
			"paths are absolute, or relative to the folder that was ingested; %s shows it", run("stats"))
	}
	return found, nil
}

// changeSplits shows progress while splits change.
func (a *app) changeSplits(do func(progress func(done, total int)) error) error {
	progress, stop := a.watchPhotos("split")
	defer stop()
	return do(progress)
}

// watchPhotos shows progress of photos until stop is called.
func (a *app) watchPhotos(what string) (progress func(done, total int), stop func()) {
	var done, total atomic.Int64
	stop = a.watch(func() gauge { return gauge{what, "photo", done.Load(), total.Load()} })
	return func(d, t int) { done.Store(int64(d)); total.Store(int64(t)) }, stop
}

// printOwnSplits tells people what their list or folders changed.
func (a *app) printOwnSplits(r *ownsplit.Report) {
	by := map[string]string{ownsplit.ByList: "the list", ownsplit.ByFolders: "folders"}[r.By]
	fmt.Fprintf(a.Out, "splits by %s: training %s, validation %s, testing %s; %s set anew\n", by,
		grouped(r.Training), grouped(r.Validation), grouped(r.Testing), count(r.Fixed, "photo"))
	warnSome(a, count(r.Unknown, "path")+" of the list "+plural(r.Unknown, "names", "name")+" no photo of the store", r.UnknownPaths, itself, r.Unknown)
	if r.Unlisted > 0 {
		what := "not in the list"
		if r.By == ownsplit.ByFolders {
			what = "not in a folder named after a split"
			if len(r.UnlistedFolders) > 0 {
				var folders []string
				for _, f := range r.UnlistedFolders {
					folders = append(folders, strconv.Quote(f))
				}
				what += ", but in " + firstFew(folders)
			}
		}
		warnSome(a, count(r.Unlisted, "photo")+" "+what+": as before, by the salt unless set by hand", r.UnlistedPaths, itself, r.Unlisted)
	}
}

// ownSplitAdvice adds what can be done about splits that contradict each other.
func ownSplitAdvice(err error) error {
	var leak *ownsplit.LeakError
	switch {
	case errors.As(err, &leak):
		return hint(err, "nothing was changed; a photo that trains must not test: keep each in one split (folders ingested with --split-folders count too)")
	case errors.Is(err, ownsplit.ErrTwoSplits):
		return hint(err, "nothing was changed; give the photos of a group the same split, or none")
	case errors.Is(err, ingest.ErrTwoSources):
		return hint(err, "--split-folders=ignore takes labels from the folders, and splits from the list")
	}
	return err
}
