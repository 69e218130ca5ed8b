package train

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"featstore/split"
	"featstore/store"
)

// A NextOptions says which photos are looked at. Zero values mean defaults.
type NextOptions struct {
	Models   []string // ids; none means the store's only one
	Count    int      // photos to suggest, default 20
	Seed     uint64
	Progress func(done, total int)
}

// A Suggestion is a photo without a label that is worth labelling.
type Suggestion struct {
	Image
	Likely      string  `json:"likely"`      // the most probable label, "" where there is nothing to learn from
	Probability float64 `json:"probability"` // of Likely
	Margin      float64 `json:"margin"`      // by which it is more probable than the second: 0 is undecided
}

// Suggestions are the photos to label next.
type Suggestions struct {
	Models     []string     `json:"models"`
	Unlabelled int          `json:"unlabelled"` // photos to choose from
	Labelled   int          `json:"labelled"`   // photos that were learnt from
	Photos     []Suggestion `json:"photos"`     // the least decided first
}

// ErrNoUnlabelled: every photo of the store has a label.
var ErrNoUnlabelled = fmt.Errorf("the store has no photo without a label")

// Next chooses photos without a label such that labelling them teaches most. A logistic head
// is fitted to the photos with a label of the training and validation splits. Of the photos
// that it is least decided about, some that differ from each other are taken: the centres of
// clusters in which undecided ones count most (Zhdanov 2019, "Diverse mini-batch Active
// Learning"). Without two labels to learn from, the most typical of different photos are
// taken (Hacohen, Dekel and Weinshall 2022, "Active Learning on a Budget").
func Next(ctx context.Context, db *store.DB, opt NextOptions) (*Suggestions, error) {
	if opt.Count == 0 {
		opt.Count = 20
	}
	if opt.Count < 0 {
		return nil, fmt.Errorf("%w: %d photos to label: want 1 or more", ErrConfig, opt.Count)
	}
	g, err := gather(ctx, db, opt.Models, nil, opt.Progress)
	if err != nil {
		return nil, err
	}
	open := g.where(func(p store.Placement) bool { return !p.Placed() && !p.Disputed })
	known := g.where(func(p store.Placement) bool { return p.Placed() && p.Split != split.Testing })
	if len(open) == 0 {
		return nil, ErrNoUnlabelled
	}
	pool := newWorkerPool(0)
	defer pool.close()
	t, labels := g.table(known)
	c := &chooser{count: opt.Count, seed: opt.Seed, pool: pool, blocks: g.dims, rows: g.pick(open).rows}
	if err := c.learn(ctx, t); err != nil {
		return nil, err
	}
	out := &Suggestions{Models: g.models, Unlabelled: len(open), Labelled: len(known)}
	err = db.View(func(tx *store.Tx) error {
		for _, i := range c.choose() {
			im, err := ImageOf(tx, g.digests[open[i]])
			if err != nil {
				return err
			}
			s := Suggestion{Image: im}
			if c.probs != nil {
				p := c.probs[i*len(labels) : (i+1)*len(labels)]
				best := argmax64(p)
				s.Likely, s.Probability, s.Margin = labels[best], p[best], c.margins[i]
			}
			out.Photos = append(out.Photos, s)
		}
		return nil
	})
	return out, err
}

// A chooser chooses among rows without a label.
type chooser struct {
	count  int
	seed   uint64
	pool   *workerPool
	blocks []int
	rows   [][]float32 // of length 1 for each network

	probs   []float64 // N×C, nil without two labels
	margins []float64 // of the two most probable labels, 0 without them
}

const (
	nextStrength = 10 // C of the logistic head
	nextLeast    = 10 // of so many photos for each wanted one, the least decided, they are chosen
	nextRounds   = 20 // of clustering
)

// learn says how decided a head is about each row.
func (c *chooser) learn(ctx context.Context, t *table) error {
	c.margins = make([]float64, len(c.rows))
	if t.labels < 2 {
		return nil
	}
	l, _, err := fitLogistic(ctx, t, nextStrength, nil, choosing.logistic, c.pool, nil)
	if err != nil {
		return err
	}
	c.probs = make([]float64, len(c.rows)*t.labels)
	c.pool.run(func(part int) {
		lo, hi := share(len(c.rows), part, c.pool.parts(), 1)
		for i := lo; i < hi; i++ {
			z := c.probs[i*t.labels : (i+1)*t.labels]
			l.scores(z, c.rows[i:i+1])
			softmax64(z)
			c.margins[i] = marginOf(z)
		}
	})
	if !allFinite(c.probs) {
		return fmt.Errorf("%w: the features are too large", ErrDiverged)
	}
	return nil
}

// marginOf is the difference of the two largest probabilities.
func marginOf(p []float64) float64 {
	first, second := 0.0, 0.0
	for _, v := range p {
		if v > first {
			first, second = v, first
		} else {
			second = max(second, v)
		}
	}
	return first - second
}

// choose returns the rows to label, the least decided first.
func (c *chooser) choose() []int {
	candidates := c.leastDecided()
	m := kmeans{blocks: c.blocks, k: min(c.count, len(candidates)), rounds: nextRounds, pool: c.pool}
	for _, i := range candidates {
		m.rows = append(m.rows, c.rows[i])
		m.weights = append(m.weights, max(1-c.margins[i], 1e-6))
	}
	centres := m.cluster(source(c.seed, streamClusters))
	m.assign(centres)
	taken := map[int]int{} // the row nearest to each centre
	for i, n := range m.nearest {
		if best, ok := taken[n.Row]; !ok || n.Dot > m.nearest[best].Dot {
			taken[n.Row] = i
		}
	}
	var out []int
	for _, i := range taken {
		out = append(out, candidates[i])
	}
	slices.SortFunc(out, func(a, b int) int { return cmp.Or(cmp.Compare(c.margins[a], c.margins[b]), cmp.Compare(a, b)) })
	return out
}

// leastDecided returns the rows that are worth a look.
func (c *chooser) leastDecided() []int {
	all := make([]int, len(c.rows))
	for i := range all {
		all[i] = i
	}
	if c.probs == nil {
		return all
	}
	slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(c.margins[a], c.margins[b]) })
	return all[:min(len(all), nextLeast*c.count)]
}

// drawn returns a source of random numbers for one of several draws.
func drawn(seed, stream, draw uint64) rand.Source { return rand.NewPCG(seed, stream<<32|draw) }
