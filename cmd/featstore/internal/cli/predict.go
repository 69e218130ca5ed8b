package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

func predictCommand(a *app) *cobra.Command {
	var name string
	var top, workers int
	var reject bool
	var average string
	var files []string
	var memory memoryFlag
	var photoMemory photoMemoryFlag
	cmd := &cobra.Command{
		Use:   "predict FILE|FOLDER…",
		Short: "Tell what is on photos",
		Long: `Runs photos through the network that the head was trained with, prepared in the
same way, and prints the most probable labels with their probabilities. A folder
stands for all photos in it, "-" for one photo from standard input. What can be read
is the same as for ingest: up to 100 megapixels, 256 MB, and half of --photo-memory
for decoding.

Nothing is written to the store. A head whose network is not at hand, or computes
other vectors than it was trained on, is refused.

With --reject a photo that is less similar to the training photos than the head's
threshold is said to show none of the labels: noise, drawings, other things. The
probabilities do not tell these; they only say which of the labels is likeliest. What
resembles the labels closely, such as another kind of flower, is often missed. The
threshold rejects about 5 % of photos of known labels too: train --reject-rate says
how many. Heads trained by older versions reject by their probability: train again.

With --average flip each photo is also looked at mirrored left to right, and the
probabilities of the two are averaged, which is a little more often right and takes twice
the time. Whether a photo is rejected still follows from the plain one.

JSON, one object a photo: path, label, probability, top (label, probability),
rejected, similarity (cosine, not in heads of older versions); or path, error.` + storeExits(exitSomeFailed),
		Example: `  featstore predict some.jpg
  featstore predict ./new_photos --json
  featstore predict --head slow --top 5 some.jpg
  featstore predict --average flip some.jpg`,
		Args: args(1, -1, "photos or folders of photos"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if top < 1 {
				return usagef("--top %d: want a number of at least 1", top)
			}
			if average != "" && average != averageFlip {
				return usagef("--average %s: want %s", average, averageFlip)
			}
			if err := checkWorkers(cmd, workers); err != nil {
				return err
			}
			most, err := memory.limits()
			if err != nil {
				return err
			}
			head, networks, err := a.loadHead(name, files, most)
			if err != nil {
				return err
			}
			if err := photoMemory.limit(networks); err != nil {
				return err
			}
			photos, err := expand(cmd.Context(), args)
			if err != nil {
				return err
			}
			if reject && !head.CanReject() {
				return hint(usagef("--reject: head %q has no threshold", name), "train it with one: %s", retrainToReject(name, head, len(networks) > 1))
			}
			p := &predictor{app: a, head: head, networks: networks, top: top, reject: reject, views: viewsOf(average)}
			return p.all(cmd.Context(), photos, workers)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "head", defaultHead, "name of the head")
	flags.IntVar(&top, "top", 3, "labels to print")
	flags.BoolVar(&reject, "reject", false, "tell photos that show none of the labels, by the head's threshold of similarity")
	flags.StringVar(&average, "average", "", "average the probabilities of the photo and its mirror image: "+averageFlip)
	flags.StringArrayVar(&files, "model", nil, "ONNX file of a network that the head needs, if it is no longer where it was; may be repeated")
	memory.register(flags)
	photoMemory.register(flags)
	flags.IntVar(&workers, "workers", 0, "photos processed at the same time (default: one per processor)")
	return cmd
}

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

// loadHead reads a head and finds the networks whose vectors it was trained on,
// in its order. The store is closed again before any photo is looked at.
func (a *app) loadHead(name string, files []string, most extract.ModelLimits) (head *train.Head, networks []*extract.Network, err error) {
	err = a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
		if head, err = train.Load(db, name); err != nil {
			return headAdvice(db, name, err)
		}
		for _, id := range head.Models {
			n, err := networkOfHead(db, name, id, files, most)
			if err != nil {
				return err
			}
			networks = append(networks, n)
		}
		if fresh, err := head.Fresh(db); err == nil && !fresh {
			a.say("the photos in the store have changed since head %q was trained: %s", name, retrainIn(db, name, head))
		}
		return nil
	})
	return head, networks, err
}

// networkOfHead returns one of the networks that a head needs.
func networkOfHead(db *store.DB, head, id string, files []string, most extract.ModelLimits) (*extract.Network, error) {
	var m store.Model
	if err := db.View(func(tx *store.Tx) (err error) { m, err = tx.Model(id); return err }); err != nil {
		return nil, hint(fmt.Errorf("head %q: its network: %w", head, err), "ingest the photos again and train")
	}
	n, err := networkOf(db, m, files, most)
	if err != nil {
		return nil, fmt.Errorf("head %q: %w", head, err)
	}
	return n, nil
}

func headAdvice(db *store.DB, name string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var names []string
	_ = db.View(func(tx *store.Tx) error { // only for the hint
		heads, err := tx.Heads()
		for _, h := range heads {
			names = append(names, h.Name)
		}
		return err
	})
	if len(names) == 0 {
		return hint(fmt.Errorf("no head %q: nothing has been trained yet", name), "train one: %s", run("train").of("--name", name))
	}
	return hint(fmt.Errorf("no head %q in the store", name), "there is: %s", strings.Join(names, ", "))
}

// predictor runs photos through networks and a head.
type predictor struct {
	*app
	head     *train.Head
	networks []*extract.Network
	top      int
	reject   bool
	views    []photo.View // whose probabilities are averaged; none for the plain photo
	digests  bool         // note what the photos' bytes are
}

// A prediction is what is said about one photo.
type prediction struct {
	Path        string     `json:"path"`
	Label       string     `json:"label,omitempty"`
	Probability float64    `json:"probability,omitempty"`
	Top         []labelled `json:"top,omitempty"`
	Rejected    bool       `json:"rejected"` // it shows none of the labels, as far as the head can tell
	Similarity  *float64   `json:"similarity,omitempty"`
	Error       string     `json:"-"` // instead of all but the path

	digest split.Digest // only where the predictor wants digests
}

type labelled struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

// all looks at the photos and prints in their order, each as soon as those before it
// are done.
func (p *predictor) all(ctx context.Context, photos []string, workers int) error {
	failed, err := p.run(ctx, photos, workers, !p.json && !isTerminal(p.Out), p.show)
	if err != nil {
		return err
	}
	return someFailed(failed, len(photos))
}

// run looks at the photos with several workers and hands over the predictions in their
// order. It counts those that failed.
func (p *predictor) run(ctx context.Context, photos []string, workers int, watched bool, each func(prediction) error) (failed int, err error) {
	if len(photos) == 0 {
		return 0, hint(errors.New("no photos found"), "give files, or folders that hold photos")
	}
	var done atomic.Int64
	if watched {
		stop := p.watch(func() gauge { return gauge{"predict", "photo", done.Load(), int64(len(photos))} })
		defer stop()
	}
	err = eachInOrder(ctx, len(photos), workers, func(cores int) (func(context.Context, int) (prediction, error), error) {
		extractors, err := extractorsOf(p.networks, cores)
		return func(ctx context.Context, i int) (prediction, error) { return p.one(ctx, photos[i], extractors) }, err
	}, func(r prediction) error {
		done.Add(1)
		if r.Error != "" {
			failed++
		}
		return each(r)
	})
	return failed, err
}

// one predicts a photo. Its error ends the run; what is wrong with the photo
// is in the prediction.
func (p *predictor) one(ctx context.Context, path string, extractors []*extract.Extractor) (prediction, error) {
	if err := ctx.Err(); err != nil {
		return prediction{}, err
	}
	data, err := p.readPhoto(ctx, path)
	if err != nil {
		return prediction{Path: path, Error: err.Error()}, ctx.Err()
	}
	features, err := p.features(ctx, data, extractors)
	if err != nil {
		return prediction{Path: path, Error: err.Error()}, ctx.Err()
	}
	probabilities, err := p.averaged(features)
	if err != nil {
		return prediction{}, err
	}
	plain := features[0]
	r := p.best(path, probabilities)
	r.Rejected = p.reject && p.head.Rejects(plain, probabilities)
	if s, ok := p.head.Similarity(plain); ok {
		r.Similarity = &s
	}
	if p.digests {
		r.digest = split.SumBytes(data)
	}
	return r, nil
}

// features returns those of each view of a photo, by all networks.
func (p *predictor) features(ctx context.Context, data []byte, extractors []*extract.Extractor) ([][]float32, error) {
	views := max(len(p.views), 1)
	features := make([][]float32, views)
	for i := range features {
		features[i] = make([]float32, p.head.Dim)
	}
	at := 0
	for i, x := range extractors {
		end := at + p.networks[i].Info().Dim
		var err error
		if len(p.views) == 0 {
			err = x.ExtractBytes(ctx, data, features[0][at:end])
		} else {
			var parts [][]float32
			for _, f := range features {
				parts = append(parts, f[at:end])
			}
			err = x.ExtractViews(ctx, data, p.views, parts)
		}
		if err != nil {
			return nil, err
		}
		at = end
	}
	return features, nil
}

// averaged returns the mean of the probabilities of several views.
func (p *predictor) averaged(features [][]float32) ([]float64, error) {
	mean := make([]float64, len(p.head.Labels))
	one := make([]float64, len(mean))
	for _, f := range features {
		if err := p.head.Predict(f, one); err != nil {
			return nil, err
		}
		for c, v := range one {
			mean[c] += v / float64(len(features))
		}
	}
	return mean, nil
}

// best returns the most probable labels.
func (p *predictor) best(path string, probabilities []float64) prediction {
	all := make([]labelled, len(probabilities))
	for i, v := range probabilities {
		all[i] = labelled{p.head.Labels[i], v}
	}
	slices.SortStableFunc(all, func(a, b labelled) int {
		switch {
		case a.Probability > b.Probability:
			return -1
		case a.Probability < b.Probability:
			return 1
		}
		return 0
	})
	all = all[:min(p.top, len(all))]
	return prediction{Path: path, Label: all[0].Label, Probability: all[0].Probability, Top: all}
}

func (p *predictor) show(r prediction) error {
	switch {
	case r.Error != "":
		return p.photoFailed(r.Path, r.Error)
	case p.json:
		return p.emit(r)
	}
	var parts []string
	for _, l := range r.Top {
		parts = append(parts, fmt.Sprintf("%s %.1f %%", l.Label, 100*l.Probability))
	}
	text := strings.Join(parts, ", ")
	if r.Rejected {
		text = "none of the labels (" + text + ")"
	}
	_, err := fmt.Fprintf(p.Out, "%s: %s\n", printable(r.Path), printable(text))
	return err
}
