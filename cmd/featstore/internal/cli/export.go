package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"featstore/split"
	"featstore/store"
	"featstore/store/export"
)

// exportNames are where an export goes unless -o says otherwise.
var exportNames = map[export.Format]string{
	export.NPY:     "features",
	export.CSV:     "features.csv",
	export.Parquet: "features.parquet",
}

// An exportRequest is what the command line asks for.
type exportRequest struct {
	format string
	output string
	models []string
	splits []string
	force  bool
	views  bool
	head   string
	input  string
}

func exportCommand(a *app) *cobra.Command {
	var r exportRequest
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the vectors, or the classifier, into files for other programs",
		Long: `Writes the features with labels, splits, paths and digests of their photos, one row
a photo, in the order of split, label and digest: the same store gives the same
files.

  npy      a folder of NumPy arrays: features.npy (N×D float32), labels.npy (numbers),
           label_names.npy, splits.npy, paths.npy, digests.npy, and export.json,
           which names the models
  csv      one file: path, label, split, digest, model, copies, f0, f1, …
  parquet  one file: path, label, split, digest, copies, features (a list)

Photos with the same bytes are one row; copies are the paths of the others. Photos
under several labels are not exported, nor are those that lack a vector of one of
the models: both are counted. Features are as the networks gave them, not scaled;
those of several models are put side by side. Labels are numbered over all splits.

Views of training photos (ingest --views) are left out. With --views their rows follow all
others, and one more column, or views.npy, has the number of the view, 0 for a photo.

The files appear once they are complete. What is there already is replaced with
--force only, and only if it is an earlier export and holds nothing else. Others can
read the store meanwhile, and write to it when the export is done: it is of one state.

` + strings.TrimPrefix(classifierHelp, "\n") + `

Python:
  import numpy as np
  X, y, split = (np.load(f"features/{f}.npy") for f in ("features", "labels", "splits"))

R:
  d <- read.csv("features.csv")
  X <- as.matrix(d[startsWith(names(d), "f")]); y <- factor(d$label)

JSON: lines with event "progress" (what, done, total, per_second, seconds_left), then
one with event "result": path, format, bytes, models, dim, labels, rows, views, splits
(training, validation, testing), copies, disputed, missing, not_text, warnings. For onnx:
path, format, bytes, head, kind, labels, models, input, verified, largest_difference.` + storeExits(),
		Example: `  featstore export
  featstore export --format csv -o flowers.csv
  featstore export --format parquet --split training,validation
  featstore export --model A,B --force
  featstore export -o flowers.onnx
  featstore export --format onnx --head slow --input pixels`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.classifier() {
				if err := r.checkClassifier(cmd); err != nil {
					return err
				}
				return a.exportClassifier(cmd.Context(), &r)
			}
			opt, err := r.options(cmd)
			if err != nil {
				return err
			}
			return a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
				if opt.Models, err = trainingModels(db, r.models); err != nil {
					return err
				}
				return a.export(cmd.Context(), db, r.output, opt)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.format, "format", "", "npy, csv, parquet or onnx (default: by the ending of -o, else npy)")
	flags.StringVarP(&r.output, "output", "o", "", "folder for npy, else file (default features, features.csv, features.parquet or "+classifierName+")")
	flags.StringSliceVar(&r.models, "model", nil, "models whose vectors are exported, ids or names, joined by commas (default: the store's only one); for onnx: files of networks that are no longer where they were")
	flags.StringVar(&r.head, "head", defaultHead, "for onnx: name of the head")
	flags.StringVar(&r.input, "input", inputPrepared, "for onnx: what the file takes, prepared or pixels")
	flags.StringSliceVar(&r.splits, "split", nil, "splits to export, joined by commas (default: all)")
	flags.BoolVar(&r.views, "views", false, "also the vectors of views of training photos")
	flags.BoolVar(&r.force, "force", false, "replace an earlier export")
	return cmd
}

// classifier tells whether a head is asked for rather than vectors.
func (r *exportRequest) classifier() bool {
	return r.format == formatONNX || r.format == "" && strings.EqualFold(filepath.Ext(r.output), "."+formatONNX)
}

// checkClassifier refuses flags that are for vectors.
func (r *exportRequest) checkClassifier(cmd *cobra.Command) error {
	for _, name := range []string{"split", "views"} {
		if cmd.Flags().Changed(name) {
			return usagef("--%s is for vectors, not for --format %s", name, formatONNX)
		}
	}
	switch {
	case r.input != inputPrepared && r.input != inputPixels:
		return usagef("--input %s: want %s or %s", r.input, inputPrepared, inputPixels)
	case r.output == "-":
		return usagef("-o -: an export is written to files, not to standard output")
	case r.output == "":
		r.output = classifierName
	}
	return nil
}

// formatList names the formats there are: "npy, csv, parquet or onnx".
func formatList() string {
	var names []string
	for _, f := range export.Formats {
		names = append(names, string(f))
	}
	names = append(names, formatONNX)
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// options interprets the flags and fills in defaults.
func (r *exportRequest) options(cmd *cobra.Command) (export.Options, error) {
	for _, name := range []string{"head", "input"} {
		if cmd.Flags().Changed(name) {
			return export.Options{}, usagef("--%s is for --format %s", name, formatONNX)
		}
	}
	opt := export.Options{Format: export.Format(r.format), Force: r.force, Views: r.views}
	if r.format == "" {
		opt.Format = export.NPY
		for _, f := range export.Formats {
			if strings.EqualFold(filepath.Ext(r.output), "."+string(f)) {
				opt.Format = f
			}
		}
		if ext := filepath.Ext(r.output); opt.Format == export.NPY && ext != "" && !strings.EqualFold(ext, ".npy") {
			return opt, hint(usagef("-o %s: there is no format %s: want %s", r.output, ext, formatList()),
				"npy is a folder of arrays, which numpy.savez makes an .npz of; --format npy writes it under this name")
		}
	}
	if exportNames[opt.Format] == "" {
		return opt, usagef("--format: %v %q: want %s", export.ErrFormat, r.format, formatList())
	}
	switch r.output {
	case "":
		r.output = exportNames[opt.Format]
	case "-":
		return opt, usagef("-o -: an export is written to files, not to standard output")
	}
	for _, name := range r.splits {
		s, err := split.Parse(name)
		if err != nil {
			return opt, &usageError{err: fmt.Errorf("--split: %w", err)}
		}
		opt.Splits = append(opt.Splits, s)
	}
	return opt, nil
}

// exportResult is the last line of --json.
type exportResult struct {
	Event string `json:"event"`
	export.Summary
	Warnings []string `json:"warnings"`
}

// export writes the files and reports on them.
func (a *app) export(ctx context.Context, db *store.DB, path string, opt export.Options) error {
	var done, total atomic.Int64
	opt.Progress = func(d, t int) { done.Store(int64(d)); total.Store(int64(t)) }
	stop := a.watch(func() gauge { return gauge{"export", "photo", done.Load(), total.Load()} })
	s, err := export.Write(ctx, db, path, opt)
	stop()
	if err != nil {
		return exportAdvice(err)
	}
	warnings := a.exportWarnings(s)
	if a.json {
		return a.emit(exportResult{"result", s, warnings})
	}
	rows := count(s.Rows-s.Views, "photo")
	if s.Views > 0 {
		rows += " and " + count(s.Views, "view")
	}
	fmt.Fprintf(a.Out, "%s: %s × %s, %s, %s (training %s, validation %s, testing %s)\n", printable(path),
		rows, count(s.Dim, "feature"), count(len(s.Labels), "label"), bytesText(s.Bytes),
		grouped(s.Splits.Training), grouped(s.Splits.Validation), grouped(s.Splits.Testing))
	if s.Copies > 0 {
		a.say("%s of them: the same bytes are one row", count(s.Copies, "further file")+plural(s.Copies, " is a copy", " are copies"))
	}
	for _, w := range warnings {
		a.warn("%s", w)
	}
	return nil
}

// exportWarnings says what is not in the files.
func (a *app) exportWarnings(s export.Summary) []string {
	warnings := []string{}
	add := func(n int, what string) {
		if n > 0 {
			warnings = append(warnings, count(n, "photo")+what)
		}
	}
	add(s.Disputed, a.text(" under several labels not exported: %s names them", run("stats")))
	add(s.Missing, a.text(" without a vector of the model not exported: %s computes them", run("ingest", "FOLDER")))
	if s.NotText > 0 {
		warnings = append(warnings, count(s.NotText, "path")+" not UTF-8: written with \uFFFD where bytes are not text")
	}
	return warnings
}

// exportAdvice adds what can be done.
func exportAdvice(err error) error {
	switch {
	case errors.Is(err, export.ErrExists):
		return hint(err, "--force replaces it, -o names another")
	case errors.Is(err, export.ErrForeign):
		return hint(err, "name another with -o")
	case errors.Is(err, export.ErrNothing):
		return hint(err, "%s shows what is in the store", run("stats"))
	}
	return err
}
