package cli

import (
	"context"
	"slices"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/extract/photo"
	"featstore/split"
)

// predictor runs photos through networks and heads.
type predictor struct {
	*app
	heads    []*namedHead
	networks []*extract.Network // of all heads, each once
	top      int
	least    float64 // probability of a label
	reject   bool
	views    []photo.View // whose probabilities are averaged; none for the plain photo
	digests  bool         // note what the photos' bytes are

	table  *predictionTable // where predictions are printed as one; nil for text and JSON
	sorter *sorter          // puts photos into folders; may be nil
}

// A prediction is what a head says about one photo.
type prediction struct {
	Path        string     `json:"path"`
	Head        string     `json:"head,omitempty"`
	Label       string     `json:"label,omitempty"`
	Probability float64    `json:"probability,omitempty"`
	Top         []labelled `json:"top,omitempty"`
	Rejected    bool       `json:"rejected"` // it shows none of the labels, as far as the head can tell
	Unsure      bool       `json:"unsure"`   // the label is less probable than asked for
	Similarity  *float64   `json:"similarity,omitempty"`

	SortedTo string       `json:"sorted_to,omitempty"`
	Sorted   sortedHow    `json:"sorted,omitempty"`
	digest   split.Digest // only where the predictor wants digests
}

type labelled struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

// A predicted is a photo with what all heads say about it.
type predicted struct {
	photo ingest.PhotoFile
	by    []prediction // in the heads' order
	err   string       // instead of them
}

// one predicts a photo. Its error ends the run; what is wrong with the photo is in the
// result.
func (p *predictor) one(ctx context.Context, source *photoSource, f ingest.PhotoFile, extractors []*extract.Extractor) (predicted, error) {
	if err := ctx.Err(); err != nil {
		return predicted{}, err
	}
	data, err := source.read(ctx, f)
	if err != nil {
		return predicted{photo: f, err: err.Error()}, ctx.Err()
	}
	vectors, err := p.vectors(ctx, data, extractors)
	if err != nil {
		return predicted{photo: f, err: err.Error()}, ctx.Err()
	}
	r := predicted{photo: f}
	for _, h := range p.heads {
		said, err := p.ask(h, vectors)
		if err != nil {
			return predicted{}, err
		}
		said.Path = f.Path
		if p.digests {
			said.digest = split.SumBytes(data)
		}
		r.by = append(r.by, said)
	}
	return r, nil
}

// vectors returns those of each view of a photo by each network.
func (p *predictor) vectors(ctx context.Context, data []byte, extractors []*extract.Extractor) ([][][]float32, error) {
	all := make([][][]float32, max(len(p.views), 1))
	for i := range all {
		all[i] = make([][]float32, len(p.networks))
	}
	for i, x := range extractors {
		of := make([][]float32, len(all))
		for v := range of {
			of[v] = make([]float32, p.networks[i].Info().Dim)
			all[v][i] = of[v]
		}
		var err error
		if len(p.views) == 0 {
			err = x.ExtractBytes(ctx, data, of[0])
		} else {
			err = x.ExtractViews(ctx, data, p.views, of)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ask returns what a head says about a photo, given the vectors of its views.
func (p *predictor) ask(h *namedHead, vectors [][][]float32) (prediction, error) {
	probabilities, err := h.averaged(vectors)
	if err != nil {
		return prediction{}, err
	}
	plain := h.row(vectors[0])
	r := h.best(probabilities, p.top, p.least)
	r.Rejected = p.reject && h.Rejects(plain, probabilities)
	r.Unsure = r.Probability < p.least
	if s, ok := h.Similarity(plain); ok {
		r.Similarity = &s
	}
	return r, nil
}

// averaged returns the mean of the probabilities of several views.
func (h *namedHead) averaged(vectors [][][]float32) ([]float64, error) {
	mean := make([]float64, len(h.Labels))
	one := make([]float64, len(mean))
	for _, v := range vectors {
		if err := h.Predict(h.row(v), one); err != nil {
			return nil, err
		}
		for c, v := range one {
			mean[c] += v / float64(len(vectors))
		}
	}
	return mean, nil
}

// best returns the most probable labels, those that are probable enough, but at least one.
func (h *namedHead) best(probabilities []float64, top int, least float64) prediction {
	all := make([]labelled, len(probabilities))
	for i, v := range probabilities {
		all[i] = labelled{h.Labels[i], v}
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
	n := 1
	for n < min(top, len(all)) && all[n].Probability >= least {
		n++
	}
	return prediction{Head: h.name, Label: all[0].Label, Probability: all[0].Probability, Top: all[:n]}
}
