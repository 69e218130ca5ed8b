package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/extract/userfile"
	"featstore/store"
	"featstore/store/importer"
)

// An importRequest is what the command line asks for.
type importRequest struct {
	path       string
	opt        importer.Options
	name       string // of the model
	photos     string // folder
	unlabelled bool
	network    string
	nets       networkFlags
}

func importCommand(a *app) *cobra.Command {
	var r importRequest
	cmd := &cobra.Command{
		Use:   "import FILE|FOLDER",
		Short: "Take vectors that were computed elsewhere into the store",
		Long: `Takes vectors that another program computed, on a GPU for instance, into the store, which
is made if it is not there. They become a model of the store: train, evaluate, cluster, next,
similar, stats and export work as with those that ingest computes. The bytes decide what a file
is:

  npy         an array of N×D floats (features.npy), with --labels and --paths beside it,
              or a folder as featstore export writes it
  csv         a header, and columns of features whose names end in numbers: f0, f1, … or
              0, 1, … or feat_0, feat_1, …; path, label, split and digest are found by their names
  parquet     a column of lists of floats, called features, embedding or vector where there are
              several, or columns as in csv; the others are found by their names
  bottleneck  a folder of texts label/photo.jpg.txt with commas between the numbers, as
              TensorFlow's retrain example keeps them

--labels, --paths and --splits take an array (.npy), a text with a line each, or a table (.csv) with
a header. Labels that are numbers get the names that --label-names has in their order, from 0.
A label that is empty, a number that is none, a torn text: such rows are named, counted and
left out.

With --photos DIR the rows' paths lead to photos in it. A vector then belongs to the bytes
of its photo, as with ingest: copies are found, and a later featstore ingest DIR meets the same
photos. Folders in front of the paths that DIR does not have are left away.
Without it the digests in the file count, or the photos that the store has under
these paths; else a vector belongs to its path, or to its row, so that the vectors of two
networks for the same paths belong together.

Splits that the file says are set by hand where the store's are others. Importing the same again
changes nothing, and goes on where an interrupted import ended.

There is no network for such vectors, so predict takes vectors too (--features), and no photos. If
you have the network, --network FILE says so: the vectors are then those that ingest computes with
it. With --photos some are computed and compared first.

JSON: lines with event "progress" (what, done, total, per_second, seconds_left), then one with event
"result": path, format, model, name, dim, verified (photos whose vectors the network gave
too), unused (columns, files), rows, done, new, unchanged, added, changed, relabelled, copies, labels
(label, rows), splits (training, validation, testing), fixed, failed, failures (row, reason; the first
1000), kept_labels, kept (row, reason), roots, seconds, interrupted.` + storeExits(exitSomeFailed),
		Example: `  featstore import dino/features.npy --labels dino/labels.npy --paths dino/paths.txt --name dinov2
  featstore import clip.csv --photos ./flower_photos
  featstore import ./features
  featstore import ./bottleneck --photos ./flower_photos --network inception.onnx`,
		Args: args(1, 1, "a file or folder of vectors"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.path = args[0]
			if err := r.check(cmd); err != nil {
				return err
			}
			return a.importVectors(cmd.Context(), &r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.name, "name", "", "name of the model (default: that of the file or folder)")
	flags.StringVar(&r.opt.Labels, "labels", "", "file with the label of each row: .npy, a line each, or .csv with a header")
	flags.StringVar(&r.opt.LabelNames, "label-names", "", "file with the names of labels that are numbers, from 0")
	flags.StringVar(&r.opt.Paths, "paths", "", "file with the path of each row's photo")
	flags.StringVar(&r.opt.Splits, "splits", "", "file with the split of each row")
	flags.StringVar(&r.opt.PathColumn, "path-column", "", "column of a table that has the paths (default: found by its name)")
	flags.StringVar(&r.opt.LabelColumn, "label-column", "", "column of a table that has the labels (default: found by its name)")
	flags.StringVar(&r.photos, "photos", "", "folder of the photos")
	flags.BoolVar(&r.unlabelled, "unlabelled", false, "also take rows without a label")
	flags.StringVar(&r.network, "network", "", "ONNX network that computed the vectors, with settings after it, or \"default\"")
	r.nets.memory.register(flags)
	r.nets.photos.register(flags)
	return cmd
}

// check refuses what flags do not allow.
func (r *importRequest) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	if changed("name") && changed("network") {
		return usagef("--name and --network: a network has its name")
	}
	if changed("name") && strings.TrimSpace(r.name) == "" {
		return usagef("--name %q: want a name", r.name)
	}
	if r.opt.LabelNames != "" && r.opt.Labels == "" && !ingest.IsFolder(r.path) {
		return usagef("--label-names goes with --labels")
	}
	r.opt.OpenFile = userfile.Open
	return nil
}

// importVectors carries out the command.
func (a *app) importVectors(ctx context.Context, r *importRequest) (err error) {
	src, err := importer.Open(r.path, r.opt)
	if err != nil {
		return importAdvice(fmt.Errorf("read %s: %w", r.path, err))
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if r.photos != "" {
		if err := findFolder(r.photos); err != nil {
			return err
		}
		if r.photos, err = realPath(r.photos); err != nil {
			return fmt.Errorf("find folder %s: %w", r.photos, userfile.WithoutPath(err))
		}
	}
	return a.withNewStore(func(db *store.DB) error { return a.importInto(ctx, db, src, r) })
}

// realPath is a folder's absolute path without links, by which a store knows it.
func realPath(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir, err
	}
	return filepath.EvalSymlinks(abs)
}

// importInto imports into an open store.
func (a *app) importInto(ctx context.Context, db *store.DB, src *importer.Source, r *importRequest) error {
	started := time.Now()
	target := importer.Target{Photos: r.photos, Unlabelled: r.unlabelled, Model: r.model(src)}
	var network *extract.Network
	if r.network != "" {
		var err error
		if network, err = r.loadNetwork(db, src); err != nil {
			return err
		}
		target.Model, target.Computed = ingest.Model(network), true
	}
	survey, err := a.survey(ctx, db, src, r)
	if err != nil {
		return err
	}
	verified := 0
	if network != nil {
		if verified, err = a.verifyNetwork(ctx, src, survey, network); err != nil {
			return err
		}
	}
	progress, stop := a.watchRows("import")
	target.Progress = progress
	report, err := importer.Run(ctx, db, src, survey, target)
	stop()
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted {
		return importAdvice(fmt.Errorf("import %s: %w", r.path, err))
	}
	result := importResult{
		Event: "result", Path: src.Path, Format: src.Format, Model: target.Model.ID, Name: target.Model.Name, Dim: src.Dim, Verified: verified,
		Unused: append([]string{}, src.Unused...), Report: report, Seconds: time.Since(started).Seconds(), Interrupted: interrupted,
	}
	if err := a.reportImport(result); err != nil {
		return err
	}
	if interrupted {
		return hint(err, "what was finished is kept: run the same command again to go on")
	}
	return someFailed(report.Failed, report.Rows)
}

// model is the record of vectors that no network of the store computes.
func (r *importRequest) model(src *importer.Source) store.Model {
	name := r.name
	if name == "" {
		name = filepath.Base(src.Path)
		if info, err := os.Stat(src.Path); err == nil && !info.IsDir() {
			name = strings.TrimSuffix(name, filepath.Ext(name))
		}
	}
	name = strings.ToValidUTF8(name, "\uFFFD")
	return store.Model{
		ID: importer.ModelID(name, src.Dim), Name: name, Dim: src.Dim, Preprocess: "{}",
		Imported: &store.Imported{From: strings.ToValidUTF8(src.Path, "\uFFFD")},
	}
}

// survey reads what all rows have in common, and refuses what cannot become of use.
func (a *app) survey(ctx context.Context, db *store.DB, src *importer.Source, r *importRequest) (*importer.Survey, error) {
	stop := a.watch(func() gauge { return gauge{what: "look through rows"} })
	survey, err := importer.NewSurvey(ctx, db, src, r.photos)
	stop()
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, importAdvice(fmt.Errorf("read %s: %w", r.path, err))
	case survey.Labelled == 0 && survey.Known == 0 && !r.unlabelled:
		return nil, hint(fmt.Errorf("read %s: none of its %s has a label", r.path, count(survey.Rows, "row")),
			"--labels FILE gives them to an array, --label-column NAME finds them in a table, --unlabelled takes rows without")
	}
	return survey, nil
}

// watchRows shows progress of rows until stop is called.
func (a *app) watchRows(what string) (progress func(done, total int), stop func()) {
	var done, total atomic.Int64
	stop = a.watch(func() gauge { return gauge{what, "row", done.Load(), total.Load()} })
	return func(d, t int) { done.Store(int64(d)); total.Store(int64(t)) }, stop
}

// importAdvice adds what can be done about a file that gives nothing.
func importAdvice(err error) error {
	switch {
	case errors.Is(err, importer.ErrViews):
		return hint(err, "leave --views away in featstore export; %s makes them from photos", run("ingest", "FOLDER", "--views", "4"))
	case errors.Is(err, importer.ErrNoPhotos):
		return hint(err, "--photos takes the folder that the paths count from; without it no photos are needed")
	case errors.Is(err, importer.ErrBeside):
		return hint(err, "a table has columns for them, a folder of texts its folders")
	case errors.Is(err, importer.ErrSource), errors.Is(err, userfile.ErrKind):
		return hint(err, "it takes features.npy, CSV with a header, Parquet, a folder of featstore export, or one of texts label/photo.jpg.txt")
	case errors.Is(err, fs.ErrNotExist):
		return hint(err, "photos become vectors by %s", run("ingest", "FOLDER"))
	}
	return err
}
