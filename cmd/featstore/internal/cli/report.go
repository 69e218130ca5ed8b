package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"featstore/cmd/featstore/internal/page"
	"featstore/cmd/featstore/internal/thumbnail"
	"featstore/split"
	"featstore/store"
	"featstore/train"
	"featstore/train/report"
)

// A reportRequest is what the command line asks for.
type reportRequest struct {
	output   outputFile
	head     string
	split    string
	models   []string
	seed     uint64
	method   string
	suspects int
	maxSize  float64
}

func reportCommand(a *app) *cobra.Command {
	var r reportRequest
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write a page with pictures: accuracy, mistakes, doubtful labels, near-duplicates, a map",
		Long: `Writes one file of HTML that shows what the store has and how good a head is: photos by
label and split; the accuracy with its interval; the confusion matrix with the photos
behind each number; the figures of each label; whether the probabilities can be
believed; whether more photos would help; mistakes, the most confident first; labels
that are probably wrong; photos that are nearly the same; photos that are like no other;
whether the newest photos differ from those before; a map of all photos; and how it was
all made. The file loads nothing and can be passed on by itself. It has the names of
photos' files, and small pictures of the photos themselves.

Without a trained head the parts about one are left out. --max-size bounds the
file: thumbnails that do not fit are left out. --map tsne draws the map by t-SNE, which
shows groups better and takes longer.

JSON, one object after lines with event "progress": path, bytes, stats (as stats --json),
figures: evaluation (as evaluate --json, and head, kind, fresh, cells: truth, predicted,
photos), learning_curve (kind, points), suspects (photos, doubted, ranked), near_duplicates
(least, groups, photos, shown: images, cosine, splits, labels), odd_ones, drift (by, folder,
since, new, old, auroc, strong), map (method, photos, points: digest, paths, label, split, x,
y; explained), missing (what could not be computed, and why).` + storeExits(),
		Example: `  featstore report -o report.html
  featstore report --head logistic --split validation --force
  featstore report --map tsne --max-size 40 -o large.html`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.check(); err != nil {
				return err
			}
			named := cmd.Flags().Changed("head")
			return a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error { return a.report(cmd.Context(), db, r, named) })
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&r.output.path, "output", "o", "report.html", "file to write")
	flags.BoolVar(&r.output.force, "force", false, "replace the file")
	flags.StringVar(&r.head, "head", defaultHead, "name of the head that is judged")
	flags.StringVar(&r.split, "split", split.Testing.String(), "photos that it is judged on: training, validation or testing")
	flags.StringSliceVar(&r.models, "model", nil, "models whose vectors are compared, joined by commas (default: those of the head, or the only one)")
	flags.Uint64Var(&r.seed, "seed", 0, "seed of every random choice")
	flags.StringVar(&r.method, "map", train.ProjectPCA, "how the map is drawn: pca or tsne")
	flags.IntVar(&r.suspects, "suspects", 60, "doubtful labels to show")
	flags.Float64Var(&r.maxSize, "max-size", 15, "MB that the file may have")
	return cmd
}

// check refuses what cannot be, before any work is done.
func (r *reportRequest) check() error {
	switch {
	case r.output.path == "-" || r.output.path == "":
		return usagef("-o %q: the report is written to a file", r.output.path)
	case r.method != train.ProjectPCA && r.method != train.ProjectTSNE:
		return usagef("--map %s: want %s or %s", r.method, train.ProjectPCA, train.ProjectTSNE)
	case r.suspects < 1:
		return usagef("--suspects %d: want a number of at least 1", r.suspects)
	case !(r.maxSize >= 0.1 && r.maxSize <= 2000):
		return usagef("--max-size %g: want MB, from 0.1 to 2000", r.maxSize)
	}
	if _, err := split.Parse(r.split); err != nil {
		return &usageError{err: fmt.Errorf("--split: %w", err)}
	}
	if err := r.output.check(); err != nil {
		return fmt.Errorf("cannot write %s: %w", r.output.path, err)
	}
	return nil
}

// reportResult is the last line of --json.
type reportResult struct {
	Path    string          `json:"path"`
	Bytes   int             `json:"bytes"`
	Stats   *storeStats     `json:"stats"`
	Figures *report.Figures `json:"figures"`
}

// report gathers everything and writes the page.
func (a *app) report(ctx context.Context, db *store.DB, r reportRequest, named bool) error {
	opt, err := a.reportOptions(db, r, named)
	if err != nil {
		return err
	}
	stats, err := a.gatherStats(db)
	if err != nil {
		return err
	}
	events, stop := a.trainEvents()
	figures, err := report.Gather(ctx, db, opt, events)
	stop()
	if err != nil {
		return trainAdvice(err)
	}
	p := &page.Report{Store: stats.Path, Version: thisBuild().Version, Made: time.Now(), Set: dataSetOf(stats), Figures: figures,
		Card: a.modelCard(stats, opt, r), Most: int64(r.maxSize * 1e6)}
	progress, stop := a.watchPhotos("thumbnails")
	pictures, err := thumbnail.Read(ctx, p.Photos(), progress)
	stop()
	if err != nil {
		return err
	}
	html, err := p.Render(pictures)
	if err != nil {
		return err
	}
	if err := r.output.write(html); err != nil {
		return fmt.Errorf("write %s: %w", r.output.path, err)
	}
	if a.json {
		return a.emit(reportResult{r.output.path, len(html), stats, figures})
	}
	a.showReport(r.output.path, len(html), figures)
	return nil
}

// reportOptions finds the head to judge. That none is there is no error, unless one was named.
func (a *app) reportOptions(db *store.DB, r reportRequest, named bool) (report.Options, error) {
	opt := report.Options{Name: r.head, Seed: r.seed, Method: r.method, Suspects: r.suspects}
	opt.Split, _ = split.Parse(r.split) // checked before
	head, err := train.Load(db, r.head)
	switch {
	case errors.Is(err, store.ErrNotFound) && !named:
	case err != nil:
		return opt, headAdvice(db, r.head, err)
	default:
		opt.Head = head
	}
	if len(r.models) == 0 && opt.Head != nil {
		opt.Models = opt.Head.Models
		return opt, nil
	}
	opt.Models, err = trainingModels(db, r.models)
	return opt, err
}

// showReport says on the terminal what the page says first.
func (a *app) showReport(path string, size int, f *report.Figures) {
	fmt.Fprintf(a.Out, "%s: %s\n", printable(path), bytesText(int64(size)))
	if e := f.Evaluation; e != nil {
		fmt.Fprintf(a.Out, "  %s, %s\n", printable(e.Report.String()), e.Interval())
	} else {
		a.say("without a head: %s", f.Missing["evaluation"])
	}
	if f.Suspects != nil {
		fmt.Fprintf(a.Out, "  %s with another label more probable\n", count(f.Suspects.Doubted, "photo"))
	}
	if f.Near != nil {
		fmt.Fprintf(a.Out, "  %s nearly the same as another\n", count(f.Near.Photos, "photo"))
	}
}

// dataSetOf is what the page shows of the store's statistics.
func dataSetOf(s *storeStats) page.DataSet {
	d := page.DataSet{Photos: s.Images, Distinct: s.Distinct, Unlabelled: s.Unlabelled, StoreBytes: s.FileBytes, Warnings: s.Warnings}
	for _, l := range s.Labels {
		d.Labels = append(d.Labels, page.Label{Name: l.Label, Photos: l.Images, Training: l.Training, Validation: l.Validation, Testing: l.Testing})
	}
	for _, f := range s.Failures {
		d.Failures = append(d.Failures, page.Failure{Path: f.Path, Reason: f.Reason})
	}
	return d
}

// modelCard says how everything was made.
func (a *app) modelCard(s *storeStats, opt report.Options, r reportRequest) (rows []page.Row) {
	add := func(name, format string, args ...any) {
		rows = append(rows, page.Row{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	for _, f := range s.Folders {
		add("photos from", "%s, last looked at %s", f.Path, f.Seen.Local().Format("2006-01-02 15:04"))
	}
	for _, m := range s.Models {
		if len(opt.Models) > 0 && !slices.Contains(opt.Models, m.ID) {
			continue
		}
		if m.ImportedFrom != "" {
			add("vectors", "%s: %s features, imported from %s", m.text, grouped(m.Dim), m.ImportedFrom)
			continue
		}
		add("network", "%s: %s features, from %s", m.text, grouped(m.Dim), strings.TrimSpace(m.Tap))
		add("preparation", "%s", preparation(m.Preprocess))
		add("network's file", "SHA-256 %s, engine revision %d", m.model.FileSHA256, m.Engine)
	}
	if h := opt.Head; h != nil {
		add("head", "%s, “%s”, trained %s by featstore %s on %s", h.Kind, opt.Name, h.Created.Local().Format("2006-01-02 15:04"), h.Version,
			count(trainedImages(h), "photo"))
		add("labels", "%s", strings.Join(h.Labels, ", "))
	}
	p := s.Policy
	add("splits", "training %g %%, validation %g %%, testing %g %%, by the photos' bytes%s", 100-p.Validation-p.Testing, p.Validation, p.Testing,
		map[bool]string{true: fmt.Sprintf("; %s set by hand", count(s.Fixed, "split"))}[s.Fixed > 0])
	add("store", "%s, %s", s.Path, bytesText(s.FileBytes))
	commands := []string{a.complete(run("ingest", "FOLDER"))}
	if opt.Head != nil {
		commands = append(commands, a.complete(retrain(opt.Name, opt.Head, len(s.Models) > 1)))
	}
	add("commands", "%s", strings.Join(append(commands, a.complete(run("report", "-o", r.output.path))), "; "))
	b := thisBuild()
	add("program", "featstore %s, %s, %s/%s", b.Version, b.Go, b.OS, b.Arch)
	return rows
}

// trainedImages is how many photos trained a head.
func trainedImages(h *train.Head) (n int) {
	for _, c := range h.Trained.Counts {
		n += c[split.Training]
	}
	return n
}
