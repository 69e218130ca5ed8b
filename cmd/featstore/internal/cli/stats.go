package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"featstore/extract"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

func statsCommand(a *app) *cobra.Command {
	var failures bool
	var near nearRequest
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Show what is in the store, and what looks wrong",
		Long: `Shows the photos by label and split, the networks whose vectors are kept, the
trained heads with their accuracy, and what looks wrong: labels with few photos,
the same photo under two labels, photos that could not be used. Of the cache of
activations beside the store (finetune --cache) it shows how many photos it has, lacks, and
has in vain because the store knows them no more.

--near-duplicates compares the features of every photo with those of all photos in
other splits, and lists the pairs that are most alike: shots of one scene, or a picture
and a mirrored or cropped copy. Where one trains and the other tests, the accuracy is
too good; featstore split --group-near-duplicates puts them together. The pairs are candidates: look at
them. Lower the cosine (--near-duplicates=0.85) to find copies saved at low quality, and
more pictures that only look alike.

JSON, one object: path, file_bytes, created, policy, pending_policy (null unless a
change of splits was interrupted), fixed_splits, folders (path, images, failures,
seen, labels: null for names of folders, or kind, files, columns, pattern and the like), images,
distinct, unlabelled, labels (label, images, training, validation,
testing), models (id, name, tap, dim, precision, preprocess, engine, vectors, missing, tuned_from, stale, unfinished,
replaced, views: null, or count, augment, vectors, missing, elsewhere), heads
(head, kind, models, labels, dim, config, trained, test, created, fresh),
failures (path, reason), disputed (digest, labels, paths), damaged, warnings, cut_cache (null
or path, file_bytes, cuts: model, kernels, cut, bytes, augment, views, photos, missing, gone, stale); with
--near-duplicates also near_duplicates (models, least, compared, found, affected, pairs
of cosine, a and b: digest, split, label, paths), after lines with event "progress".` + storeExits(),
		Example: `  featstore stats
  featstore stats --failures
  featstore stats --near-duplicates
  featstore stats --json`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := cmd.Flags()
			for _, name := range []string{"pairs", "model"} {
				if flags.Changed(name) && !flags.Changed("near-duplicates") {
					return usagef("--%s goes with --near-duplicates", name)
				}
			}
			return a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
				s, err := a.gatherStats(db)
				if err != nil {
					return err
				}
				if cmd.Flags().Changed("near-duplicates") {
					if s.Near, err = a.findNear(cmd.Context(), db, near); err != nil {
						return err
					}
				}
				if a.json {
					err = a.emit(s)
				} else {
					a.printStats(s, failures)
					a.printNear(s.Near, near.most)
				}
				return errors.Join(err, damagedHeads(s.Damaged))
			})
		},
	}
	cmd.Flags().BoolVar(&failures, "failures", false, "name every photo that could not be used")
	near.register(cmd.Flags())
	return cmd
}

// damagedHeads is the error of heads that could not be shown, after all the rest was.
func damagedHeads(damaged []string) error {
	if len(damaged) == 0 {
		return nil
	}
	err := fmt.Errorf("%w: %s", store.ErrCorrupt, strings.Join(damaged, "; "))
	return hint(err, "photos and vectors are not affected: %s makes a head again, %s removes one", run("train", "--name", "NAME"),
		run("forget", "--head", "NAME"))
}

// storeStats is what the command shows, in the form of its JSON.
type storeStats struct {
	Path       string         `json:"path"`
	FileBytes  int64          `json:"file_bytes"`
	Created    time.Time      `json:"created"`
	Policy     split.Policy   `json:"policy"`
	Pending    *split.Policy  `json:"pending_policy"` // a change of splits to it was interrupted
	Fixed      int            `json:"fixed_splits"`   // set by hand
	Folders    []folderStats  `json:"folders"`
	Images     int            `json:"images"`
	Distinct   int            `json:"distinct"`
	Unlabelled int            `json:"unlabelled"` // different contents without a label
	Labels     []labelStats   `json:"labels"`
	Models     []modelStats   `json:"models"`
	Heads      []headStats    `json:"heads"`
	Failures   []failureStats `json:"failures"`
	Disputed   []disputeStats `json:"disputed"`
	Damaged    []string       `json:"damaged"` // heads that cannot be read, and why
	Warnings   []string       `json:"warnings"`
	Cut        *cutStats      `json:"cut_cache"` // null if there is none
	Near       *train.Near    `json:"near_duplicates,omitempty"`
}

type folderStats struct {
	Path     string    `json:"path"`
	Images   int       `json:"images"`
	Failures int       `json:"failures"`
	Seen     time.Time `json:"seen"`

	Labels *store.LabelSource `json:"labels"` // null for names of folders
}

type labelStats struct {
	Label      string `json:"label"`
	Images     int    `json:"images"`
	Training   int    `json:"training"`
	Validation int    `json:"validation"`
	Testing    int    `json:"testing"`
}

type modelStats struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Tap        string          `json:"tap"`
	Dim        int             `json:"dim"`
	Preprocess json.RawMessage `json:"preprocess"`
	Engine     int             `json:"engine"`
	Vectors    int             `json:"vectors"`
	Missing    int             `json:"missing"`
	TunedFrom  string          `json:"tuned_from,omitempty"` // id of the network that finetune made it from
	Stale      bool            `json:"stale,omitempty"`      // its training photos have changed since
	Unfinished string          `json:"unfinished,omitempty"` // the head that an interrupted finetune made it for
	Views      *viewStats      `json:"views"`                // null without any
	Precision  string          `json:"precision,omitempty"`
	Replaced   string          `json:"replaced,omitempty"` // id of the network in its place: it stays for heads

	ImportedFrom string `json:"imported_from,omitempty"` // the file with the vectors, which no network here computes

	text  string
	model store.Model
}

type headStats struct {
	headResult
	Created time.Time `json:"created"`
	Fresh   bool      `json:"fresh"` // the training split is still what it was trained on
	retrain command   // trains it anew
}

type failureStats struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

type disputeStats struct {
	Digest string   `json:"digest"`
	Labels []string `json:"labels"`
	Paths  []string `json:"paths"`
}

// gatherStats reads everything the command shows.
func (a *app) gatherStats(db *store.DB) (*storeStats, error) {
	raw, err := db.Stats()
	if err != nil {
		return nil, err
	}
	s := &storeStats{
		Path: raw.Path, FileBytes: raw.FileBytes, Created: raw.Created, Policy: raw.Policy, Pending: raw.Pending, Fixed: raw.Fixed,
		Images: raw.Images, Distinct: raw.Distinct, Unlabelled: raw.Unlabelled,
		Folders: []folderStats{}, Labels: []labelStats{}, Models: []modelStats{}, Heads: []headStats{},
		Failures: []failureStats{}, Disputed: []disputeStats{}, Damaged: []string{}, Warnings: []string{},
	}
	folders := map[store.RootID]string{}
	for _, r := range raw.Roots {
		folders[r.ID] = r.Path
		s.Folders = append(s.Folders, folderStats{r.Path, r.Images, r.Failures, r.Seen, r.Labels})
	}
	for _, l := range raw.Labels {
		s.Labels = append(s.Labels, labelStats{l.Label, l.Images, l.Splits[split.Training], l.Splits[split.Validation], l.Splits[split.Testing]})
	}
	own, err := extract.Default(0)
	if err != nil {
		return nil, err
	}
	for _, m := range raw.Models {
		stale, err := staleTuning(db, m.Model)
		if err != nil {
			return nil, err
		}
		s.Models = append(s.Models, modelStats{m.ID, m.Name, m.Tap, m.Dim, json.RawMessage(m.Preprocess), m.Engine, m.Vectors, m.Missing,
			tunedFrom(m.Model), stale, unfinishedHead(m.Model), viewStatsOf(m), precisionOf(m.Model, own), m.Replaced,
			importedFrom(m.Model), describeModel(m.Model), m.Model})
	}
	for _, h := range raw.Heads {
		hs, err := headStatsOf(db, h)
		if errors.Is(err, train.ErrHeadCorrupt) {
			s.Damaged = append(s.Damaged, err.Error())
			continue
		}
		if err != nil {
			return nil, err
		}
		s.Heads = append(s.Heads, hs)
	}
	if raw.Damaged != nil {
		s.Damaged = append(s.Damaged, strings.Split(raw.Damaged.Error(), "\n")...)
	}
	for _, d := range raw.Disputed {
		ds := disputeStats{Digest: d.Digest.String(), Labels: d.Labels}
		for _, at := range d.At {
			ds.Paths = append(ds.Paths, path.Join(folders[at.Root], at.Path))
		}
		s.Disputed = append(s.Disputed, ds)
	}
	if err := s.readFailures(db, folders); err != nil {
		return nil, err
	}
	if s.Cut, err = a.readCut(db, raw); err != nil {
		return nil, err
	}
	s.Warnings = append(s.Warnings, a.findWarnings(s)...)
	s.Warnings = append(s.Warnings, a.lackingViews(raw)...)
	return s, nil
}

func headStatsOf(db *store.DB, record store.Head) (headStats, error) {
	h, err := train.FromRecord(record)
	if err != nil {
		return headStats{}, err // it names the head
	}
	fresh, err := h.Fresh(db)
	if err != nil && !errors.Is(err, store.ErrResplitting) { // which is shown anyway
		return headStats{}, fmt.Errorf("head %q: %w", record.Name, err)
	}
	result := trainResult(record.Name, h, nil)
	result.Event = ""
	if h.Test.Total > 0 {
		result.Test = &h.Test
	}
	return headStats{result, record.Created, fresh, retrainIn(db, record.Name, h)}, nil
}

// unfinishedHead is the head that a tuned network still needs, if an interruption left it
// without.
func unfinishedHead(m store.Model) string {
	if m.Tuned == nil {
		return ""
	}
	return m.Tuned.Unfinished
}

// staleTuning reports whether a network that finetune made was trained on other photos
// than those that would train it now.
func staleTuning(db *store.DB, m store.Model) (bool, error) {
	if m.Tuned == nil {
		return false, nil
	}
	ix, err := db.Index([]string{m.Tuned.From}, split.Training)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrResplitting) {
		return false, nil // nobody can tell
	}
	if err != nil {
		return false, err
	}
	now := ix.Fingerprint()
	return string(now[:]) != string(m.Tuned.Fingerprint), nil
}

func (s *storeStats) readFailures(db *store.DB, folders map[store.RootID]string) error {
	return db.View(func(tx *store.Tx) error {
		for root, dir := range folders {
			for f, err := range tx.Failures(root) {
				if err != nil {
					return err
				}
				s.Failures = append(s.Failures, failureStats{path.Join(dir, f.Path), f.Reason})
			}
		}
		slices.SortFunc(s.Failures, func(a, b failureStats) int { return strings.Compare(a.Path, b.Path) })
		return nil
	})
}

// fewPhotos is how many training photos a label should have at least: with fewer
// its accuracy depends on luck.
const fewPhotos = 20

// findWarnings says what looks wrong, for people.
func (a *app) findWarnings(s *storeStats) []string {
	var warnings []string
	add := func(format string, args ...any) { warnings = append(warnings, a.text(format, args...)) }
	if len(s.Labels) == 1 {
		add("there is only one label: a classifier needs two")
	}
	var few, untested []string
	spelt := map[string]string{}
	for _, l := range s.Labels {
		if l.Training < fewPhotos {
			few = append(few, fmt.Sprintf("%s (%d)", l.Label, l.Training))
		}
		if l.Testing == 0 {
			untested = append(untested, l.Label)
		}
		key := strings.ToLower(strings.Join(strings.Fields(l.Label), " "))
		if other, ok := spelt[key]; ok {
			add("the labels %q and %q differ only in case or spaces", other, l.Label)
		}
		spelt[key] = l.Label
	}
	if len(few) > 0 {
		add("few photos to train on, at least %d a label are better: %s", fewPhotos, firstFew(few))
	}
	if len(untested) > 0 {
		add("no photo in the testing split: %s", firstFew(untested))
	}
	if n := len(s.Disputed); n > 0 {
		add("%s under several labels and left out: %s", count(n, "photo"), firstFew(disputedPaths(s.Disputed)))
	}
	if n := len(s.Failures); n > 0 {
		add("%s could not be used; --failures names all: %s", count(n, "photo"), s.Failures[0].Path+": "+s.Failures[0].Reason)
	}
	for _, m := range s.Models {
		if m.Unfinished != "" {
			add("%s is of an interrupted finetune: %s finishes it, and one without --resume removes it", m.text, resumeTuning(m.Unfinished))
			continue
		}
		if m.Replaced != "" {
			add("%s has been replaced, and stays for the heads that were trained on it: %s", m.text, a.text("%s", run("train")))
			continue
		}
		if m.Missing > 0 {
			ingest := run("ingest", "FOLDER")
			if m.TunedFrom != "" {
				ingest = ingest.with("--model", m.ID)
			}
			if m.ImportedFrom != "" {
				add("%s lacks vectors of %s: it was imported, with %s", m.text, count(m.Missing, "photo"), run("import", m.ImportedFrom, "--name", m.Name))
				continue
			}
			add("%s lacks vectors of %s: %s computes them", m.text, count(m.Missing, "photo"), ingest)
		}
		if m.Stale && s.Pending == nil {
			add("the photos have changed since %s was trained: %s", m.text, run("finetune"))
		}
	}
	for _, h := range s.Heads {
		if !h.Fresh && s.Pending == nil {
			add("the photos have changed since head %q was trained: %s", h.Head, h.retrain)
		}
	}
	return append(warnings, a.cutWarnings(s.Cut)...)
}

func disputedPaths(disputed []disputeStats) []string {
	var all []string
	for _, d := range disputed {
		all = append(all, strings.Join(d.Paths, " = "))
	}
	return all
}

// printStats shows it all at a glance.
func (a *app) printStats(s *storeStats, failures bool) {
	fmt.Fprintf(a.Out, "%s: %s, %s", printable(s.Path), bytesText(s.FileBytes), count(s.Images, "photo"))
	if s.Distinct != s.Images {
		fmt.Fprintf(a.Out, " (%s different)", grouped(s.Distinct))
	}
	fmt.Fprintf(a.Out, ", %s\n", count(len(s.Labels), "label"))
	if s.Unlabelled > 0 {
		fmt.Fprintf(a.Out, "  %s without a label, in no split\n", count(s.Unlabelled, "photo"))
	}
	for _, f := range s.Folders {
		fmt.Fprintf(a.Out, "  from %s, last looked at %s\n", printable(f.Path), f.Seen.Local().Format("2006-01-02 15:04"))
		if f.Labels != nil {
			fmt.Fprintf(a.Out, "    labels: %s\n", printable(describeSource(*f.Labels)))
		}
	}
	if s.Pending != nil {
		fmt.Fprintf(a.Out, "  pending: a change of splits was interrupted; %s finishes it\n", printable(a.complete(finishSplit(*s.Pending))))
	}
	a.printLabels(s)
	a.printModels(s.Models)
	a.printHeads(s)
	a.printCut(s)
	if failures && len(s.Failures) > 0 {
		fmt.Fprintln(a.Out, "\nfailures")
		for _, f := range s.Failures {
			fmt.Fprintf(a.Out, "  %s: %s\n", printable(f.Path), printable(f.Reason))
		}
	}
	if len(s.Warnings) > 0 {
		fmt.Fprintln(a.Out, "\nlook at")
		for _, w := range s.Warnings {
			fmt.Fprintf(a.Out, "  %s\n", printable(w))
		}
	}
}

func (a *app) printLabels(s *storeStats) {
	if len(s.Labels) == 0 {
		return
	}
	fmt.Fprintln(a.Out)
	t := table{right: "lrrrr"}
	t.row("label", "photos", "training", "validation", "testing")
	var sum labelStats
	for _, l := range s.Labels {
		t.row(l.Label, grouped(l.Images), grouped(l.Training), grouped(l.Validation), grouped(l.Testing))
		sum.Images, sum.Training, sum.Validation, sum.Testing = sum.Images+l.Images, sum.Training+l.Training, sum.Validation+l.Validation, sum.Testing+l.Testing
	}
	if len(s.Labels) > 1 {
		t.row("all", grouped(sum.Images), grouped(sum.Training), grouped(sum.Validation), grouped(sum.Testing))
	}
	t.write(a.Out, "  ")
	if s.Fixed > 0 {
		fmt.Fprintf(a.Out, "  %s set by hand: by a list, or by folders named after splits\n", count(s.Fixed, "split"))
	}
}

func (a *app) printModels(models []modelStats) {
	if len(models) == 0 {
		return
	}
	fmt.Fprintln(a.Out)
	t := table{right: "lrr"}
	t.row("network", "features", "vectors")
	for _, m := range models {
		t.row(m.text, grouped(m.Dim), grouped(m.Vectors))
	}
	t.write(a.Out, "  ")
	for _, m := range models {
		if v := m.Views; v != nil {
			fmt.Fprintf(a.Out, "  %s of %s, %s a training photo (%s)", count(v.Vectors, "view"), printable(m.text), grouped(v.Count), v.Augment)
			if v.Elsewhere > 0 {
				fmt.Fprintf(a.Out, "; %s not in use, of photos outside the training split", grouped(v.Elsewhere))
			}
			fmt.Fprintln(a.Out)
		}
	}
}

func (a *app) printHeads(s *storeStats) {
	if len(s.Heads) == 0 {
		return
	}
	fmt.Fprintln(a.Out)
	t := table{right: "llrlll"}
	t.row("head", "kind", "labels", "test accuracy", "95 % interval", "trained")
	for _, h := range s.Heads {
		accuracy, interval := "not tested", ""
		if h.Test != nil {
			accuracy = fmt.Sprintf("%.1f %%", 100*h.Test.Share)
			interval = fmt.Sprintf("%.1f–%.1f %% (%d of %d)", 100*h.Test.Low, 100*h.Test.High, h.Test.Correct, h.Test.Total)
		}
		t.row(h.Head, h.Kind, grouped(len(h.Labels)), accuracy, interval, h.Created.Local().Format("2006-01-02 15:04"))
	}
	t.write(a.Out, "  ")
}
