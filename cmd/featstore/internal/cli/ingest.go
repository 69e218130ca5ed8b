package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/extract/photo"
	"featstore/extract/userfile"
	"featstore/store"
)

func ingestCommand(a *app) *cobra.Command {
	var nets networkFlags
	var opt ingest.Options
	var own ownSplitFlags
	var views viewsFlags
	var labels labelFlags
	cmd := &cobra.Command{
		Use:   "ingest FOLDER|ARCHIVE…",
		Short: "Compute the vectors of a folder's photos and keep them in the store",
		Long: `Walks a folder of labelled photos, runs what is new through the network and
keeps the vectors in the store, which is made if it is not there.

The first folder below FOLDER is the label: FOLDER/roses/any/depth/1.jpg is a
rose. JPEG, PNG, GIF, WebP, HEIC, AVIF, BMP and TIFF are read, and the JPEGs in raw
photos (DNG, CR2, NEF, ARW); the bytes decide, not the name. A photo may have up to 100
megapixels, in a file of up to 256 MB, and decoding it may take up to half of
--photo-memory. Hidden files, and files that operating systems leave among photos, are
skipped.

A zip, tar or tar.gz archive is taken as a folder, and never unpacked. A single folder at its top
that holds all photos is no label. Several archives are several folders; in a folder without
photos all archives are looked into. Encrypted entries, and what cannot be read of a damaged archive, are
named. An archive whose size and time have not changed is not read again; one that has changed
is, and only what is new in it is computed. Lists in it are named by their paths: --labels dogs.zip/train.csv.

` + labelHelp + `

Run it again whenever photos were added, changed, moved or removed: only bytes
never seen before are computed. Photos that are gone stay until --prune. A photo under
two labels is named, and left out until one of the two is gone.

--views K also keeps the vectors of K views of every training photo: the photo changed a
little at random, as --augment says. featstore train then trains on photos and views.
Validation and testing see plain photos only. --augment lists, with commas between:
  flip          half of the views are mirrored left to right
  crop=N        a random part is seen: the photo is scaled to N % more than fits
  scale=N       it is enlarged by up to N % more
  brightness=N  all values are multiplied by up to N % more or less
  color=N       likewise contrast and saturation
  rotate=N      it is turned by up to N degrees, and enlarged until no corner is empty
These are the distortions of TensorFlow's retrain example, and two more. The same photo,
number and augmentation give the same view on every machine. Views are kept up to date
without the flag from then on; another augmentation replaces them; --views 0 removes them.

Without a flag about networks it uses those whose vectors the store has; in a new store,
the embedded EfficientNet-Lite0 at 320×320. --keep-network puts the file of each network
into the store too.

The embedded network computes with 8-bit numbers, --precision float with floats, which
takes three times as long. Vectors of the two are never mixed: a store begun in float by an
earlier version goes on so. --upgrade computes all vectors anew as a new store has them,
and removes the ones before; where heads were trained on these they stay, so that predict
goes on, until the heads are trained again.

` + networkHelp + `

` + settingsHelp() + `

JSON: lines with event "network" (id, name, path, tap, tap_why, pool, dim, precision,
preprocess, preprocess_text, preprocess_from, size_from), one with event "labels" (source: kind,
files, columns, pattern and the like; recognised, lists: file, format, rows, path_column,
label_column, split_column, group_column, split_columns; missing, blank, unlisted and several with
their first paths; unnamed, synsets, alike), lines with event
"progress" (what, done, total, per_second, seconds_left), one with event
"near_duplicates" (least, training, testing, near, strange) where many photos that test nearly
equal one that trains, then one with event
"result": root, moved_from, found, unchanged, touched, changed, relabelled, renamed,
new, duplicates, vanished, read, read_bytes, computed, views, views_removed, gone, pruned, models, labels, failures, damaged, disputed, rivals, not_photos,
unlabelled, empty_labels, links, unread, upgraded (from, to, missing, removed, heads), own_splits (by, training, validation, testing,
fixed, moved, unknown, unlisted with their first paths), like_splits, without_label, suspicious, labelling (as the event
"labels"), groups (null, or as in featstore split), seconds, interrupted.` + storeExits(exitSomeFailed),
		Example: `  featstore ingest ./flower_photos
  featstore ingest ./flower_photos --prune
  featstore ingest ./dataset --split-folders
  featstore ingest ./dog-breed --labels train.csv
  featstore ingest flower_photos.tgz
  featstore ingest ./pets --label-from '(?<label>.+)_\d+'
  featstore ingest ./flower_photos --views 4 --augment flip,crop=10,scale=10,brightness=10
  featstore ingest ./flower_photos --model net.onnx --preprocess imagenet
  featstore ingest ./flower_photos --model default --model lite2.onnx,size=384`,
		Args: args(1, -1, "the folder that holds a folder of photos for each label, or archives"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkWorkers(cmd, opt.Workers); err != nil {
				return err
			}
			if err := views.apply(cmd, &opt); err != nil {
				return err
			}
			if err := labels.apply(a, &opt); err != nil {
				return err
			}
			if own.file == "-" && opt.LabelInput != nil {
				return usagef("--labels - and --split-file -: standard input is only one of them")
			}
			if err := own.apply(cmd.Context(), a, &opt); err != nil {
				return err
			}
			if err := findPhotos(args); err != nil {
				return err // before a store is made
			}
			if len(args) > 1 && (opt.LabelInput != nil || own.file == stdinArgument) {
				return usagef("standard input is a list for one archive, not for %d", len(args))
			}
			return a.withNewStore(func(db *store.DB) error {
				var failed error
				for _, root := range args {
					err := a.ingest(cmd.Context(), db, root, &nets, opt)
					if exit := (*exitError)(nil); errors.As(err, &exit) && exit.code == exitSomeFailed {
						failed, err = exit, nil
					}
					if err != nil {
						return err
					}
				}
				return failed
			})
		},
	}
	nets.register(cmd)
	views.register(cmd)
	labels.register(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&opt.Prune, "prune", false, "drop images whose files are gone")
	flags.BoolVar(&opt.Reread, "reread", false, "read all photos again, also those whose size and time have not changed")
	flags.BoolVar(&opt.Retry, "retry", false, "try photos that failed before again, even if unchanged")
	flags.StringVar(&own.folders, "split-folders", "", "folders named train, val, test are splits: on, ignore or off")
	flags.Lookup("split-folders").NoOptDefVal = "on"
	flags.StringVar(&own.file, "split-file", "", "CSV of path,split that says which photos are in which split; - reads standard input")
	flags.BoolVar(&nets.upgrade, "upgrade", false, "compute all vectors anew by networks as a new store has them: in 8 bits, large JPEGs at reduced size")
	flags.BoolVar(&nets.keep, "keep-network", false, "keep the networks' files in the store, so that they may be moved or removed")
	flags.IntVar(&opt.Workers, "workers", 0, "photos processed at the same time (default: one per processor)")
	return cmd
}

// checkWorkers refuses numbers below 1; without the flag the number is chosen.
func checkWorkers(cmd *cobra.Command, n int) error {
	if cmd.Flags().Changed("workers") && n < 1 {
		return usagef("--workers %d: want a number of at least 1", n)
	}
	return nil
}

// findPhotos looks whether there is a folder, or archives.
func findPhotos(paths []string) error {
	for _, path := range paths {
		if ingest.IsArchive(path) {
			continue
		}
		if len(paths) > 1 {
			return hint(usagef("%s: no archive; several archives are taken, but only one folder", path),
				"give the folder that holds them all, or each in a command of its own")
		}
		if err := findFolder(path); err != nil {
			return err
		}
	}
	return nil
}

// findFolder looks whether there is such a folder.
func findFolder(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("find folder %s: %w", path, userfile.WithoutPath(err))
	case !info.IsDir():
		return hint(fmt.Errorf("%s: not a folder", path), "give the folder that holds a folder of photos for each label; %s tells what is on a photo",
			run("predict", argument(path)))
	}
	return nil
}

// ingest runs the command's work and reports on it.
func (a *app) ingest(ctx context.Context, db *store.DB, dir string, nets *networkFlags, opt ingest.Options) error {
	networks, changed, err := nets.upgradeOrChoose(db)
	if err != nil {
		return err
	}
	var files []keptFile
	if nets.keep {
		if files, err = filesToKeep(ctx, networks); err != nil {
			return err
		}
	}
	if err := a.announce(networks); err != nil {
		return err
	}
	if !nets.upgrade && !nets.choosesForm() {
		if err := a.sayOlder(networks, dir); err != nil {
			return err
		}
	}
	if opt.Views == nil {
		if err := keepViews(db, changed); err != nil {
			return err
		}
	}
	report, err := a.runIngest(ctx, db, networks, dir, opt)
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted {
		return ingestAdvice(err, dir)
	}
	if err := keepNetworks(db, files); err != nil {
		return err
	}
	if !interrupted && report.Computed > 0 {
		if err := a.leakOf(ctx, db, networks[0].Info().ID); err != nil {
			return err
		}
	}
	result := ingestResult{"result", report, interrupted, nil}
	if nets.upgrade && !interrupted {
		var e error
		if result.Upgraded, e = finishUpgrades(db, changed); e != nil {
			return e
		}
	}
	if a.json {
		if e := a.emit(result); e != nil {
			return e
		}
	} else {
		a.printIngest(report, interrupted)
		if nets.upgrade && !interrupted {
			if err := a.tellUpgrades(db, changed, result.Upgraded); err != nil {
				return err
			}
		}
	}
	switch {
	case interrupted:
		return hint(err, "what was finished is kept: run the same command again to go on")
	case len(report.Failures) > 0, len(report.Unread) > 0, report.Vanished > 0:
		return &exitError{code: exitSomeFailed}
	}
	return nil
}

// runIngest runs the ingest with progress.
func (a *app) runIngest(ctx context.Context, db *store.DB, networks []*extract.Network, dir string, opt ingest.Options) (ingest.Report, error) {
	p := new(ingest.Progress)
	opt.Progress, opt.OnLabelling, opt.Photos = p, a.tellLabels, networks[0].PhotoLimits()
	stop := a.watch(func() gauge {
		if total := p.Total.Load(); total > 0 {
			return gauge{"ingest", "photo", p.Done.Load(), total}
		}
		if total := p.ToHash.Load(); total > 0 {
			return gauge{"look for copies across splits", "photo", p.Hashed.Load(), total}
		}
		if listed := p.Listed.Load(); listed > 0 {
			return gauge{"read labels", "row", listed, 0}
		}
		return gauge{"look into folder", "file", p.Found.Load(), 0}
	})
	defer stop()
	return ingest.Run(ctx, db, networks, dir, opt)
}

// ingestResult is the last line of --json.
type ingestResult struct {
	Event string `json:"event"`
	ingest.Report
	Interrupted bool            `json:"interrupted"`
	Upgraded    []upgradedModel `json:"upgraded,omitempty"` // with --upgrade
}

// networkEvent tells which network is used, how, and why.
type networkEvent struct {
	Event          string           `json:"event"`
	ID             string           `json:"id"`
	Name           string           `json:"name"`
	Path           string           `json:"path,omitempty"`
	Tap            string           `json:"tap"`
	TapWhy         string           `json:"tap_why"`
	Pool           string           `json:"pool"`
	Dim            int              `json:"dim"`
	Precision      string           `json:"precision"`
	Preprocess     photo.Preprocess `json:"preprocess"`
	PreprocessText string           `json:"preprocess_text"`
	PreprocessFrom string           `json:"preprocess_from"`
	SizeFrom       string           `json:"size_from"`
}

// announce tells which networks are used: nothing about the preparation of photos is
// decided in silence.
func (a *app) announce(networks []*extract.Network) error {
	for _, n := range networks {
		i, o := n.Info(), n.Origin()
		if a.json {
			if err := a.emit(networkEvent{"network", i.ID, i.Name, o.Path, i.Tap, o.TapWhy, i.Pool, i.Dim, i.Precision, i.Preprocess, i.Preprocess.String(),
				o.From, o.SizeFrom}); err != nil {
				return err
			}
			continue
		}
		a.say("network: %s in %s, %s features from %s", i.Name, precisionText(i.Precision), grouped(i.Dim), describeTap(i.Tap, o.TapWhy))
		a.say("photos: %s (%s)", i.Preprocess.String(), o.From)
	}
	return nil
}

func describeTap(tap, why string) string {
	text := strconv.Quote(tap)
	if why != "" {
		text += " (" + why + ")"
	}
	return text
}

// ingestAdvice adds what can be done about a folder that gives nothing.
func ingestAdvice(err error, dir string) error {
	switch {
	case errors.Is(err, ingest.ErrNoLabels):
		const sort = "sort the photos into folders named after what they show: FOLDER/roses/1.jpg; or give --labels LIST, or --label-from PATTERN"
		if above := folderAbove(dir); ingest.LooksLabelled(above) { // a label's folder was given
			return hint(err, sort+"; or give the folder above, if this one is named so: %s", run("ingest", argument(above)))
		}
		return hint(err, sort)
	case errors.Is(err, ingest.ErrNoPhotos):
		return hint(err, "give a folder that holds a folder of photos for each label: FOLDER/roses/1.jpg")
	case errors.Is(err, ingest.ErrOverlap):
		return hint(err, "the same photos would get two labels: give that folder again, or keep this one in a store of its own with --store")
	}
	return ownSplitAdvice(labelAdvice(err))
}

// folderAbove is the folder that holds a folder, in the words of the command line.
func folderAbove(dir string) string {
	clean := filepath.Clean(dir)
	if base := filepath.Base(clean); base == "." || base == ".." {
		return filepath.Join(clean, "..")
	}
	return filepath.Dir(clean)
}
