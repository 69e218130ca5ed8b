package cli

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"featstore/split"
	"featstore/store"
	"featstore/store/export"
)

func exportCommand(a *app) *cobra.Command {
	var format string
	var models, splits []string
	cmd := &cobra.Command{
		Use:   "export PATH",
		Short: "Write vectors, labels and splits for Python, R or a spreadsheet",
		Long: `Writes the vectors of all usable photos with their labels, splits, digests and
paths to PATH, which must not exist yet:

  npy      a folder: features.npy (N×D float32) and images.csv, a line a row of it
  csv      one file, a column for each feature
  parquet  one file, the features as a column of lists

Rows come split by split, then by label, then by digest. Photos in dispute and those
without a vector of each model are left out.

In Python:

  x = numpy.load("out/features.npy"); about = pandas.read_csv("out/images.csv")

JSON, one object: path, format, rows, dim, models, labels.` + storeExits(),
		Example: `  featstore export out
  featstore export features.parquet --format parquet
  featstore export test.csv --format csv --split testing`,
		Args: args(1, 1, "the path to write to"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
				var opt export.Options
				var err error
				if opt.Models, err = exportModels(db, models); err != nil {
					return err
				}
				for _, name := range splits {
					s, err := split.Parse(name)
					if err != nil {
						return &usageError{err: fmt.Errorf("--split: %w", err)}
					}
					opt.Splits = append(opt.Splits, s)
				}
				return a.export(cmd, db, args[0], format, opt)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", export.NPY, "form of the file: "+strings.Join(export.Formats, ", "))
	flags.StringSliceVar(&models, "model", nil, "models whose vectors are written side by side (default: the store's only one)")
	flags.StringSliceVar(&splits, "split", nil, "splits to write: training, validation, testing (default: all)")
	return cmd
}

// exportModels returns the ids of the models asked for, or of the only one.
func exportModels(db *store.DB, words []string) ([]string, error) {
	ids, err := trainingModels(db, words)
	if err != nil || len(ids) > 0 {
		return ids, err
	}
	err = db.View(func(tx *store.Tx) error {
		models, err := tx.Models()
		for _, m := range models {
			ids = append(ids, m.ID)
		}
		return err
	})
	if err == nil && len(ids) == 0 {
		err = hint(export.ErrNothing, "bring photos into the store first: featstore ingest FOLDER")
	}
	return ids, err
}

func (a *app) export(cmd *cobra.Command, db *store.DB, path, format string, opt export.Options) error {
	var done, total atomic.Int64
	opt.Progress = func(d, t int) { done.Store(int64(d)); total.Store(int64(t)) }
	stop := a.watch(func() gauge { return gauge{"export", "row", done.Load(), total.Load()} })
	sum, err := export.Write(cmd.Context(), db, path, format, opt)
	stop()
	switch {
	case errors.Is(err, export.ErrFormat):
		return &usageError{err: err, command: cmd.CommandPath()}
	case errors.Is(err, export.ErrExists):
		return hint(err, "remove it first, or give another path")
	case err != nil:
		return err
	}
	if a.json {
		return a.emit(sum)
	}
	fmt.Fprintf(a.Out, "%s: %s of %s features, %s\n", sum.Path, count(sum.Rows, "row"), grouped(sum.Dim), count(len(sum.Labels), "label"))
	return nil
}
