package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"featstore/cmd/featstore/internal/page"
	"featstore/cmd/featstore/internal/thumbnail"
	"featstore/extract"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// A similarRequest is what the command line asks for.
type similarRequest struct {
	photos  []string
	top     int
	models  []string
	files   []string
	workers int
	html    outputFile
	memory  memoryFlag
	photo   photoMemoryFlag
}

func similarCommand(a *app) *cobra.Command {
	var r similarRequest
	cmd := &cobra.Command{
		Use:   "similar FILE|FOLDER…",
		Short: "Find the photos of the store that are most like others",
		Long: `Compares photos with all photos of the store, those without a label included, by
the cosine of their features, and lists the most similar ones: 1 is the same photo, and
0.9 mostly the same picture mirrored, cropped or made brighter. The search is exact; a
million photos take about a second once the store has been read.

A folder stands for all photos in it, "-" for one photo from standard input. Photos whose
bytes the store knows are not computed again, and are not listed as similar to themselves:
it is said that they are in the store. Nothing is written to the store.

--model A,B compares by the vectors of several networks of the store; the cosine is then
the mean of theirs. --network names the file of one that is no longer where it was.

--html FILE also writes a page with the photos as thumbnails, in one file that loads
nothing.

JSON, one object a photo: path, in_store (null, or digest, paths, labels, split), similar
(digest, paths, labels, split, cosine); or path, error.` + storeExits(exitSomeFailed),
		Example: `  featstore similar some.jpg
  featstore similar ./new_photos --top 3
  featstore similar ./new_photos --html similar.html
  featstore similar some.jpg --json`,
		Args: args(1, -1, "photos or folders of photos"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if r.top < 1 {
				return usagef("--top %d: want a number of at least 1", r.top)
			}
			if err := checkWorkers(cmd, r.workers); err != nil {
				return err
			}
			if err := r.checkHTML(cmd.Flags().Changed("html")); err != nil {
				return err
			}
			if r.photos, err = expand(cmd.Context(), args); err != nil {
				return err
			}
			if len(r.photos) == 0 {
				return hint(errors.New("no photos found"), "give files, or folders that hold photos")
			}
			return a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error { return a.similar(cmd.Context(), db, &r) })
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&r.top, "top", 10, "similar photos to list")
	flags.StringSliceVar(&r.models, "model", nil, "models whose vectors are compared, ids or names, joined by commas (default: the store's only one)")
	flags.StringArrayVar(&r.files, "network", nil, "ONNX file of a network, if it is no longer where it was; may be repeated")
	flags.StringVar(&r.html.path, "html", "", "file for a page with thumbnails")
	flags.BoolVar(&r.html.force, "force", false, "with --html: replace the file")
	r.memory.register(flags)
	r.photo.register(flags)
	flags.IntVar(&r.workers, "workers", 0, "photos processed at the same time (default: one per processor)")
	return cmd
}

// checkHTML refuses a page that cannot be written, before any work is done.
func (r *similarRequest) checkHTML(wanted bool) error {
	switch {
	case !wanted && r.html.force:
		return usagef("--force goes with --html FILE")
	case !wanted:
		return nil
	case r.html.path == "" || r.html.path == "-":
		return usagef("--html %q: the page is written to a file", r.html.path)
	}
	if err := r.html.check(); err != nil {
		return hintForHTML(fmt.Errorf("cannot write %s: %w", r.html.path, err))
	}
	return nil
}

// hintForHTML says what can be done about a page that is there already.
func hintForHTML(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return hint(err, "--force replaces it, --html names another")
	}
	return err
}

// A similarLine is what is said about one photo, as JSON.
type similarLine struct {
	Path    string        `json:"path"`
	InStore *train.Image  `json:"in_store"` // the photo itself, if the store has it
	Similar []train.Match `json:"similar"`
}

// A query is a photo to look for, with its features.
type query struct {
	path     string
	digest   split.Digest
	features []float32
	inStore  *train.Image
	failed   string // why there are no features
}

// similar looks for all photos and prints what is like them.
func (a *app) similar(ctx context.Context, db *store.DB, r *similarRequest) error {
	queries, err := a.queries(ctx, db, r)
	if err != nil {
		return err
	}
	matches, err := a.findSimilar(ctx, db, queries, r)
	if err != nil {
		return err
	}
	if r.html.path != "" {
		if err := a.similarPage(ctx, db, queries, matches, r.html); err != nil {
			return err
		}
	}
	failed := 0
	for _, q := range queries {
		if q.failed != "" {
			failed++
			if err := a.photoFailed(q.path, q.failed); err != nil {
				return err
			}
			continue
		}
		own := matches[0]
		matches = matches[1:]
		if err := a.showSimilar(similarLine{q.path, q.inStore, own}); err != nil {
			return err
		}
	}
	return someFailed(failed, len(queries))
}

// mostPagePictures bounds the thumbnails of the page, in bytes.
const mostPagePictures = 30e6

// similarPage writes the page with thumbnails.
func (a *app) similarPage(ctx context.Context, db *store.DB, queries []query, matches [][]train.Match, to outputFile) error {
	p := &page.Similar{Store: db.Path(), Version: thisBuild().Version, Most: mostPagePictures}
	for _, q := range queries {
		shown := page.Query{Path: q.path, Problem: q.failed, Digest: q.digest, InStore: q.inStore}
		if q.failed == "" {
			shown.Similar, matches = matches[0], matches[1:]
		}
		p.Queries = append(p.Queries, shown)
	}
	progress, stop := a.watchPhotos("thumbnails")
	pictures, err := thumbnail.Read(ctx, p.Photos(), progress)
	stop()
	if err != nil {
		return err
	}
	html, err := p.Render(pictures)
	if err == nil {
		err = to.write(html)
	}
	if err != nil {
		return hintForHTML(fmt.Errorf("write %s: %w", to.path, err))
	}
	return nil
}

// queries reads the photos. Their features come from the store, where it has them.
func (a *app) queries(ctx context.Context, db *store.DB, r *similarRequest) ([]query, error) {
	models, err := storeModels(db, r.models)
	if err != nil {
		return nil, err
	}
	r.models = nil
	for _, m := range models {
		r.models = append(r.models, m.ID)
	}
	networks := sync.OnceValues(func() ([]*extract.Network, error) { return r.networks(db, models) })
	var done atomic.Int64
	stop := a.watch(func() gauge { return gauge{"read photos", "photo", done.Load(), int64(len(r.photos))} })
	defer stop()
	var all []query
	err = eachInOrder(ctx, len(r.photos), r.workers, func(cores int) (func(context.Context, int) (query, error), error) {
		var own []*extract.Extractor
		extractors := func() (_ []*extract.Extractor, err error) {
			if own == nil {
				var needed []*extract.Network
				if needed, err = networks(); err == nil {
					own, err = extractorsOf(needed, cores)
				}
			}
			return own, err
		}
		return func(ctx context.Context, i int) (query, error) { return a.query(ctx, db, r, r.photos[i], extractors) }, nil
	}, func(q query) error {
		all = append(all, q)
		done.Add(1)
		return nil
	})
	return all, err
}

// networks loads the networks that compute the models' vectors.
func (r *similarRequest) networks(db *store.DB, models []store.Model) (all []*extract.Network, err error) {
	most, err := r.memory.limits()
	if err != nil {
		return nil, err
	}
	for _, m := range models {
		n, err := networkOf(db, m, r.files, most)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, r.photo.limit(all)
}

// query reads one photo. Its error ends the command; what is wrong with the photo is in
// the query.
func (a *app) query(ctx context.Context, db *store.DB, r *similarRequest, path string, extractors func() ([]*extract.Extractor, error)) (query, error) {
	q := query{path: path}
	data, err := a.readPhoto(ctx, path)
	if err != nil {
		q.failed = err.Error()
		return q, ctx.Err()
	}
	q.digest = split.SumBytes(data)
	known := false
	err = db.View(func(tx *store.Tx) (err error) {
		var im train.Image
		im, q.features, known, err = train.FindImage(tx, r.models, q.digest)
		if len(im.Paths) > 0 {
			q.inStore = &im
		}
		return err
	})
	if known || err != nil {
		return q, err
	}
	all, err := extractors()
	if err != nil {
		return q, err
	}
	q.features = nil
	for _, x := range all {
		own := make([]float32, x.Dim())
		if err := x.ExtractBytes(ctx, data, own); err != nil {
			q.failed = err.Error()
			return q, ctx.Err()
		}
		q.features = append(q.features, own...)
	}
	return q, nil
}

// findSimilar searches for the queries that have features: their matches, in order.
func (a *app) findSimilar(ctx context.Context, db *store.DB, queries []query, r *similarRequest) ([][]train.Match, error) {
	var features [][]float32
	var digests []split.Digest
	for _, q := range queries {
		if q.failed == "" {
			features, digests = append(features, q.features), append(digests, q.digest)
		}
	}
	if len(features) == 0 {
		return nil, nil
	}
	progress, stop := a.watchPhotos("search")
	matches, err := train.FindSimilar(ctx, db, features, train.SimilarOptions{Models: r.models, Top: r.top + 1, Progress: progress})
	stop()
	for i, own := range matches {
		matches[i] = withoutItself(own, digests[i], r.top)
	}
	return matches, trainAdvice(err)
}

// withoutItself leaves a photo out of those that are similar to it.
func withoutItself(all []train.Match, d split.Digest, most int) []train.Match {
	out := []train.Match{}
	for _, m := range all {
		if m.Digest != d && len(out) < most {
			out = append(out, m)
		}
	}
	return out
}

func (a *app) showSimilar(l similarLine) error {
	if a.json {
		return a.emit(l)
	}
	head := l.Path
	if l.InStore != nil {
		head += ": in the store, " + describeImage(*l.InStore)
	}
	fmt.Fprintln(a.Out, printable(head))
	t := table{right: "rlll"}
	for _, m := range l.Similar {
		t.row(fmt.Sprintf("%.3f", m.Cosine), labelText(m.Image), m.Split, strings.Join(m.Paths, " = "))
	}
	t.write(a.Out, "  ")
	return nil
}

// labelText is the label of a photo for people.
func labelText(im train.Image) string {
	if len(im.Labels) == 0 {
		return "no label"
	}
	return strings.Join(im.Labels, " or ")
}

// describeImage says where the store has a photo.
func describeImage(im train.Image) string {
	text := labelText(im)
	if im.Split != "" {
		text += ", " + im.Split
	}
	return text + ": " + strings.Join(im.Paths, " = ")
}
