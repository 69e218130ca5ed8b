package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"featstore/extract/photo"
)

// A predicting is what the flags of predict ask for.
type predicting struct {
	heads   []string
	top     int
	least   float64 // probability
	reject  bool
	average string
	files   []string // of networks

	classifier string // an exported file, instead of the store
	workers    int
	nul        bool // paths on standard input end with NUL
	watch      string
	format     string
	sort       sortFlags

	features, paths string // files

	memory      memoryFlag
	photoMemory photoMemoryFlag
}

func predictCommand(a *app) *cobra.Command {
	var q predicting
	cmd := &cobra.Command{
		Use:   "predict FILE|FOLDER…",
		Short: "Tell what is on photos",
		Long: `Runs photos through the network that the head was trained with, prepared in the
same way, and prints the most probable labels with their probabilities. A folder
stands for all photos in it, "-" for standard input: one photo, or a list of photos and
folders, one a line (with -0 each ends with a NUL byte, as find -print0 writes them). What can be read
is the same as for ingest: up to 100 megapixels, 256 MB, and half of --photo-memory
for decoding. Memory does not grow with the number of photos.

Nothing is written to the store. A head whose network is not at hand, or computes
other vectors than it was trained on, is refused. --head A,B asks several heads: each photo is
decoded once and goes once through each network, however many heads it has.

With --classifier FILE everything comes from a file that export wrote (--format onnx), and no store is
needed. The probabilities are those of the store it came from, to the last digit.

With --reject a photo that is less similar to the training photos than the head's
threshold is said to show none of the labels: noise, drawings, other things. The
probabilities do not tell these; they only say which of the labels is likeliest. What
resembles the labels closely, such as another kind of flower, is often missed. The
threshold rejects about 5 % of photos of known labels too: train --reject-rate says
how many. Heads trained by older versions reject by their probability: train again.
With --min-probability P labels that are less probable are not listed, and a photo whose best
label is less probable is said to be unsure.

With --average flip each photo is also looked at mirrored left to right, and the
probabilities of the two are averaged, which is a little more often right and takes twice
the time. Whether a photo is rejected still follows from the plain one.

--sort-into DIR puts each photo into a folder of DIR that is named after its label, those that
are rejected or unsure into folders _none and _unsure (or, if labels are named so, with more
of the first character). It first only prints what it would do; --yes does it. --by says how: link makes symbolic
links, copy copies, move moves. Nothing is ever overwritten: a photo whose name another one has
there gets the beginning of its SHA-256 behind the name. Photos that are there already are left as they are, so
a run that was interrupted or killed is finished by the same command. Characters that no folder
may have are written as %2F. Photos in DIR are not looked at.

--watch DIR goes on with the photos that arrive in DIR and the folders in it, until Ctrl-C, which ends
it with exit code 130. A photo counts as arrived once its size and time have not changed for
two seconds; it is looked at again when it changes. What lies there in the beginning is
looked at if DIR is also given as an argument. The folder is looked through twice a second, so
that network drives work too.

--features FILE predicts rows of vectors that were computed elsewhere, as featstore import reads
them: an array (.npy), CSV, Parquet, or a folder. They must be what the head was trained on; nothing needs
the network. A row is named by its path, which --paths FILE gives to an array, or by its number
from 0.

--format csv and tsv print a header and a line for each photo and head: path, head, label, probability,
rejected (true, false), unsure, similarity, sorted_to (empty without --sort-into), then label_2, probability_2 and so on up
to --top, empty where there are fewer. Photos that cannot be read are named on standard error only.

JSON, one object a photo and head: path, head, label, probability, top (label, probability),
rejected, unsure, similarity (cosine, not in heads of older versions), sorted_to, sorted (would, done,
before); or path, error.` + storeExits(exitSomeFailed),
		Example: `  featstore predict some.jpg
  featstore predict ./new_photos --json
  featstore predict --head slow --top 5 some.jpg
  featstore predict --average flip some.jpg
  featstore predict ./new_photos --format csv > labels.csv
  featstore predict ./new_photos --sort-into ./sorted --by copy --yes
  featstore predict --classifier flowers.onnx *.jpg
  featstore predict --features dino_new.npy --paths new.txt
  find . -name '*.jpg' -print0 | featstore predict -0
  featstore predict --watch ./incoming --sort-into ./sorted --by move --yes`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := q.check(cmd, args); err != nil {
				return err
			}
			if q.features != "" {
				return a.predictFeatures(cmd.Context(), q)
			}
			return a.predict(cmd.Context(), args, q)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&q.heads, "head", []string{defaultHead}, "name of the head, or names of several, joined by commas")
	flags.IntVar(&q.top, "top", 3, "labels to print")
	flags.Float64Var(&q.least, "min-probability", 0, "least probability of a label, from 0 to 1")
	flags.BoolVar(&q.reject, "reject", false, "tell photos that show none of the labels, by the head's threshold of similarity")
	flags.StringVar(&q.average, "average", "", "average the probabilities of the photo and its mirror image: "+averageFlip)
	flags.StringVar(&q.format, "format", "", "print a table: csv or tsv (default: text)")
	flags.BoolVarP(&q.nul, "null", "0", false, "read paths from standard input, each ended by a NUL byte")
	flags.StringVar(&q.classifier, "classifier", "", "file that export wrote, used instead of a store")
	flags.StringVar(&q.watch, "watch", "", "folder whose photos are looked at as they arrive, until Ctrl-C")
	flags.StringArrayVar(&q.files, "model", nil, "ONNX file of a network that the head needs, if it is no longer where it was; may be repeated")
	flags.StringVar(&q.features, "features", "", "file or folder of vectors that were computed elsewhere, whose rows are predicted")
	flags.StringVar(&q.paths, "paths", "", "with --features: file with the path of each row's photo")
	q.sort.register(flags)
	q.memory.register(flags)
	q.photoMemory.register(flags)
	flags.IntVar(&q.workers, "workers", 0, "photos processed at the same time (default: one per processor)")
	return cmd
}

// Formats of predictions beside text and JSON.
const (
	formatCSV = "csv"
	formatTSV = "tsv"
)

// averageFlip is what --average takes.
const averageFlip = "flip"

// viewsOf returns the views whose probabilities are averaged, the plain photo first; none for
// that alone.
func viewsOf(average string) []photo.View {
	if average == averageFlip {
		return []photo.View{{}, photo.Mirrored()}
	}
	return nil
}

// check refuses what flags and arguments do not allow.
func (q *predicting) check(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 && q.watch == "" && !q.nul && q.features == "":
		return usagef("want photos or folders of photos")
	case q.top < 1:
		return usagef("--top %d: want a number of at least 1", q.top)
	case !(q.least >= 0 && q.least <= 1):
		return usagef("--min-probability %g: want a number from 0 to 1", q.least)
	case q.average != "" && q.average != averageFlip:
		return usagef("--average %s: want %s", q.average, averageFlip)
	case q.format != "" && q.format != formatCSV && q.format != formatTSV:
		return usagef("--format %s: want %s or %s; --json prints JSON", q.format, formatCSV, formatTSV)
	case q.format != "" && cmd.Flags().Changed("json"):
		return usagef("--format and --json: give one of them")
	case len(q.heads) == 0 || slices.Contains(q.heads, ""):
		return usagef("--head: want names of heads")
	}
	for i, name := range q.heads {
		if slices.Contains(q.heads[:i], name) {
			return usagef("--head: %q is there twice", name)
		}
	}
	if n := countStdin(args); n > 1 || n == 1 && q.nul {
		return usagef("standard input can be read only once")
	}
	for _, name := range []string{"head", "model", "store"} {
		if q.classifier != "" && cmd.Flags().Changed(name) {
			return usagef("--classifier and --%s: give one of them; the file holds its head and networks", name)
		}
	}
	if err := q.sort.check(q); err != nil {
		return err
	}
	if err := q.checkFeatures(cmd, args); err != nil {
		return err
	}
	return checkWorkers(cmd, q.workers)
}

// predict carries out the command.
func (a *app) predict(ctx context.Context, args []string, q predicting) error {
	most, err := q.memory.limits()
	if err != nil {
		return err
	}
	p, err := a.openPredictor(q, most)
	if err != nil {
		return err
	}
	if err := q.photoMemory.limit(p.networks); err != nil {
		return err
	}
	p.top, p.least, p.reject, p.views = q.top, q.least, q.reject, viewsOf(q.average)
	if err := p.checkReject(q); err != nil {
		return err
	}
	if q.nul {
		args = append([]string{stdinArgument}, args...)
	}
	source := photoSource{app: a, args: args, nul: q.nul, watch: q.watch}
	if p.sorter, err = q.sort.sorter(p.heads[0].Head, q); err != nil {
		return err
	}
	if p.sorter != nil {
		source.without, p.digests = p.sorter.root, true
	}
	if err := source.prepare(); err != nil {
		return err
	}
	p.table = newPredictionTable(p, q.format)
	return p.all(ctx, source, q.workers)
}

// checkReject refuses --reject where a head has no threshold.
func (p *predictor) checkReject(q predicting) error {
	for _, h := range p.heads {
		if q.reject && !h.CanReject() {
			if q.classifier != "" {
				return usagef("--reject: the classifier has no threshold: it was trained without one")
			}
			return hint(usagef("--reject: head %q has no threshold", h.name), "train it with one: %s",
				retrainToReject(h.name, h.Head, len(h.Models) > 1))
		}
	}
	return nil
}

// all looks at the photos and prints in their order, each as soon as those before it
// are done.
func (p *predictor) all(ctx context.Context, source photoSource, workers int) error {
	if err := p.table.header(); err != nil {
		return err
	}
	done, err := p.run(ctx, source, workers, !p.json && !isTerminal(p.Out), p.show)
	if p.sorter != nil {
		p.sorter.conclude(p.app)
		done.failed += p.sorter.failed
	}
	if err != nil {
		return err
	}
	return someFailed(done.failed, done.photos)
}
