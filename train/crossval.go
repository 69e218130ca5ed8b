package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gonum.org/v1/gonum/stat/distuv"

	"featstore/split"
	"featstore/store"
)

// CVOptions are the settings of a cross-validation. Zero values mean the defaults.
type CVOptions struct {
	Folds   int    // parts that are left out in turn; default 5
	Repeats int    // how often all images are dealt out anew; default 1
	Seed    uint64 // of the dealing
}

func (o *CVOptions) complete() error {
	if o.Folds == 0 {
		o.Folds = 5
	}
	if o.Repeats == 0 {
		o.Repeats = 1
	}
	if o.Folds < 2 {
		return bad("folds", o.Folds, "at least 2")
	}
	if o.Repeats < 1 {
		return bad("repeats", o.Repeats, "at least 1")
	}
	return nil
}

// A Comparison is the result of a cross-validation: heads judged on the same folds.
type Comparison struct {
	Folds   int         `json:"folds"`
	Repeats int         `json:"repeats"`
	Images  int         `json:"images"`
	Labels  int         `json:"labels"`
	Heads   []HeadScore `json:"heads"` // as asked for
	Best    int         `json:"best"`  // place in Heads of the best mean

	// Pairs compares the best head with each of the others.
	Pairs []PairedTest `json:"pairs,omitempty"`
}

// A HeadScore is how one head did. Mean, Deviation and the bounds are of the
// accuracies of the folds. Low and High bound the accuracy to be expected, with
// 95 % confidence, allowing for the overlap of the folds' training images (Nadeau
// and Bengio 2003).
type HeadScore struct {
	Name      string    `json:"name"` // the candidate's
	Kind      string    `json:"kind"`
	Config    Config    `json:"config"`
	Mean      float64   `json:"accuracy"`
	Deviation float64   `json:"standard_deviation"`
	Low       float64   `json:"low"`
	High      float64   `json:"high"`
	Folds     []float64 `json:"fold_accuracies"` // repeat by repeat
	Seconds   float64   `json:"seconds"`         // of fitting, in all folds
	Failed    string    `json:"failed,omitempty"`
}

// A PairedTest compares two heads on the same folds. It is the corrected resampled
// t-test of Nadeau and Bengio (2003): an ordinary one would take the folds for
// independent, which they are not, and find differences where none are.
type PairedTest struct {
	A          string  `json:"a"`
	B          string  `json:"b"`
	Difference float64 `json:"difference"` // of the mean accuracies, A − B
	Low        float64 `json:"low"`        // 95 % interval
	High       float64 `json:"high"`
	P          float64 `json:"p"` // probability of such a difference if there is none
}

// Shown tells whether the difference is larger than chance explains, at 5 %.
func (p PairedTest) Shown() bool { return p.P < 0.05 }

// String says what the test found.
func (p PairedTest) String() string {
	if !p.Shown() {
		return fmt.Sprintf("%s and %s: no difference shown (%+.1f points, 95%% interval %+.1f to %+.1f, p = %.2f)", p.A, p.B, 100*p.Difference,
			100*p.Low, 100*p.High, p.P)
	}
	return fmt.Sprintf("%s is better than %s by %.1f points (95%% interval %+.1f to %+.1f, p = %.3f)", p.A, p.B, 100*p.Difference, 100*p.Low, 100*p.High, p.P)
}

// String returns a table.
func (c *Comparison) String() string {
	var b strings.Builder
	width := 9
	for _, h := range c.Heads {
		width = max(width, utf8.RuneCountInString(h.Name))
	}
	fmt.Fprintf(&b, "%-*s %8s %6s %15s %8s\n", width, "head", "accuracy", "±", "95% interval", "time")
	for _, h := range c.Heads {
		if h.Failed != "" {
			fmt.Fprintf(&b, "%-*s failed: %s\n", width, h.Name, h.Failed)
			continue
		}
		interval := fmt.Sprintf("%.1f–%.1f%%", 100*h.Low, 100*h.High)
		fmt.Fprintf(&b, "%-*s %7.1f%% %6.1f %15s %7.2fs\n", width, h.Name, 100*h.Mean, 100*h.Deviation, interval, h.Seconds)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// CrossValidate judges heads on the training and validation splits together,
// dealt out into folds: each head is fitted to all folds but one and judged on that
// one, for each fold in turn. Images with views are trained on with these, and judged
// without. Whatever a head chooses, it chooses anew without the
// fold it is judged on. The testing split takes no part. A head that cannot be
// fitted is noted as failed. Candidates may be of different networks, if these have
// features of the same images.
func CrossValidate(ctx context.Context, db *store.DB, candidates []Candidate, opt CVOptions, events func(Event)) (*Comparison, error) {
	if events == nil {
		events = func(Event) {}
	}
	if err := validate(candidates); err != nil {
		return nil, err
	}
	datasets, err := openDatasets(db, candidates)
	if err != nil {
		return nil, err
	}
	pool := newWorkerPool(0)
	defer pool.close()
	return crossValidate(ctx, datasets, candidates, opt, pool, events)
}

// crossValidate judges candidates, each on its dataset.
func crossValidate(ctx context.Context, datasets []*dataset, candidates []Candidate, opt CVOptions, pool *workerPool, events func(Event)) (*Comparison, error) {
	if err := opt.complete(); err != nil {
		return nil, err
	}
	juries, err := newJuries(ctx, datasets, pool, events)
	if err != nil {
		return nil, err
	}
	all := juries[0].all
	if len(all.rows) < opt.Folds {
		return nil, fmt.Errorf("%w: %d for %d folds: ask for fewer folds", ErrTooFew, len(all.rows), opt.Folds)
	}
	c := &Comparison{Folds: opt.Folds, Repeats: opt.Repeats, Images: len(all.rows), Labels: all.labels}
	for _, candidate := range candidates {
		cfg := candidate.Config.complete()
		c.Heads = append(c.Heads, HeadScore{Name: candidate.name(), Kind: cfg.Kind, Config: cfg})
	}
	done, total := 0, opt.Folds*opt.Repeats*len(candidates)
	for repeat := range opt.Repeats {
		folds := makeFolds(all.truth, all.labels, opt.Folds, opt.Seed, uint64(repeat))
		for fold := range opt.Folds {
			outside, inside := foldParts(folds, fold)
			for i, j := range juries {
				if err := j.score(ctx, &c.Heads[i], candidates[i].Judge, outside, inside); err != nil {
					return nil, err
				}
				done++
				events(Progress{"cross-validation", done, total})
			}
		}
	}
	c.conclude()
	return c, nil
}

// score adds a fold to a head's score.
func (j *jury) score(ctx context.Context, h *HeadScore, judge Judge, outside, inside []int) error {
	if h.Failed != "" {
		return nil
	}
	start := time.Now()
	var p Proportion
	var err error
	if judge != nil {
		p, err = judge(ctx, j.digests(outside), j.digests(inside))
	} else {
		p, err = j.judge(ctx, h.Config, outside, inside)
	}
	h.Seconds += time.Since(start).Seconds()
	switch {
	case errors.Is(err, ErrTooFew) || errors.Is(err, ErrDiverged):
		h.Failed = err.Error()
	case err != nil:
		return fmt.Errorf("cross-validation of the %s head: %w", h.Name, err)
	default:
		h.Folds = append(h.Folds, p.Share)
	}
	return nil
}

// digests returns the digests of images, given by their places.
func (j *jury) digests(places []int) []split.Digest {
	all := make([]split.Digest, len(places))
	for i, at := range places {
		all[i] = j.all.digests[at]
	}
	return all
}

// conclude computes what follows from the folds' accuracies.
func (c *Comparison) conclude() {
	overlap := 1 / float64(c.Folds-1) // images judged on per image trained on
	for i := range c.Heads {
		h := &c.Heads[i]
		if h.Failed != "" {
			continue
		}
		s := summarise(h.Folds, overlap)
		h.Mean, h.Deviation = s.mean, s.deviation
		h.Low, h.High = s.interval(c.Images)
		if best := c.Heads[c.Best]; best.Failed != "" || h.Mean > best.Mean {
			c.Best = i
		}
	}
	for i, h := range c.Heads {
		if best := c.Heads[c.Best]; i != c.Best && h.Failed == "" && best.Failed == "" {
			c.Pairs = append(c.Pairs, pairedTest(best, h, overlap, c.Images))
		}
	}
}

// A summary of numbers that come from overlapping training sets.
type summary struct{ mean, deviation, spread, margin, p float64 }

// summarise returns mean and standard deviation, the margin of the mean's 95 %
// interval, and the probability of a mean so far from 0 if the real one were 0.
func summarise(values []float64, overlap float64) summary {
	n := float64(len(values))
	var s summary
	for _, v := range values {
		s.mean += v / n
	}
	sum := 0.0
	for _, v := range values {
		sum += float64((v - s.mean) * (v - s.mean))
	}
	s.deviation = math.Sqrt(sum / (n - 1))
	s.judge(s.deviation*math.Sqrt(1/n+overlap), n)
	return s
}

// judge computes margin and probability from the standard error of the mean of n values.
func (s *summary) judge(spread, n float64) {
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}
	s.spread, s.margin, s.p = spread, spread*t.Quantile(0.975), 0
	switch {
	case spread > 0:
		s.p = 2 * t.Survival(math.Abs(s.mean)/spread)
	case s.mean == 0:
		s.p = 1
	}
}

// interval returns the 95 % interval of an accuracy: that of its folds, but never
// narrower than Wilson's for so many images, as a few small folds agree by chance.
func (s summary) interval(images int) (low, high float64) {
	low, high = Wilson(int(math.Round(s.mean*float64(images))), images, Z95)
	return min(low, max(s.mean-s.margin, 0)), max(high, min(s.mean+s.margin, 1))
}

// pairedTest takes folds that agree by chance for no more than their images can
// tell: for a difference of d a share of at least |d| of them fell to the other
// head, which has a standard error of √(|d|(1−|d|)/images) by itself.
func pairedTest(a, b HeadScore, overlap float64, images int) PairedTest {
	differences := make([]float64, len(a.Folds))
	for i := range differences {
		differences[i] = a.Folds[i] - b.Folds[i]
	}
	s := summarise(differences, overlap)
	d := math.Abs(s.mean)
	if least := math.Sqrt(d * (1 - d) / float64(images)); s.spread < least {
		s.judge(least, float64(len(differences)))
	}
	return PairedTest{A: a.Name, B: b.Name, Difference: s.mean, Low: max(s.mean-s.margin, -1), High: min(s.mean+s.margin, 1), P: s.p}
}

// A jury judges heads on images of the training and validation splits.
type jury struct {
	d     *dataset
	parts []*store.Index
	all   *table
	pool  *workerPool
}

func newJury(ctx context.Context, d *dataset, pool *workerPool) (*jury, error) {
	j := &jury{d: d, pool: pool, parts: []*store.Index{d.index(split.Training), d.index(split.Validation)}}
	var err error
	j.all, err = readTable(ctx, d.db, j.parts...)
	if err == nil { // the training split comes first, and has them alone
		err = j.all.readViews(ctx, d.db, j.parts[0])
	}
	return j, err
}

// judge fits a head to the images outside and returns its accuracy on those inside.
func (j *jury) judge(ctx context.Context, cfg Config, outside, inside []int) (Proportion, error) {
	f := &fitting{cfg: cfg, pool: j.pool, events: func(Event) {}}
	got, err := j.fit(ctx, f, j.all.subset(outside))
	if err != nil {
		return Proportion{}, err
	}
	h := got.head(j.d.labels)
	test := j.all.subset(inside)
	correct := 0
	const block = 512 // images whose scores are computed together
	z := make([]float64, block*len(h.Labels))
	for lo := 0; lo < len(test.rows); lo += block {
		rows := test.rows[lo:min(lo+block, len(test.rows))]
		h.scores(z[:len(rows)*len(h.Labels)], rows)
		for i := range rows {
			zi := z[i*len(h.Labels) : (i+1)*len(h.Labels)]
			h.probabilities(zi)
			if argmax64(zi) == test.truth[lo+i] {
				correct++
			}
		}
	}
	return NewProportion(correct, len(test.rows)), nil
}

// fit fits a head to images in memory, a softmax head to the same images in the
// store.
func (j *jury) fit(ctx context.Context, f *fitting, t *table) (*fitted, error) {
	if !onMinibatches(f.cfg.Kind) {
		return f.fitTable(ctx, t)
	}
	keys := map[split.Digest]bool{}
	for _, d := range t.digests {
		keys[d] = true
	}
	data := &descentData{db: j.d.db, scaling: fitScaling(f.cfg.Scaling, t)}
	for _, ix := range j.parts {
		if f.cfg.Plain {
			ix = withoutViews(ix)
		}
		data.training = append(data.training, pickFrom(ix, keys))
	}
	return f.fitDescent(ctx, data)
}

// chooseKind returns cfg with the kind of head that does best in cross-validation.
func chooseKind(ctx context.Context, d *dataset, cfg Config, pool *workerPool, events func(Event)) (Config, error) {
	var candidates []Candidate
	for _, kind := range AutoKinds {
		candidate := cfg
		candidate.Kind = kind
		if err := candidate.Validate(); err != nil {
			events(Warning{fmt.Sprintf("%s is not tried: %v", kind, err)})
			continue
		}
		candidates = append(candidates, Candidate{Config: candidate})
	}
	if len(candidates) == 0 {
		return cfg, fmt.Errorf("%w: no kind of head has these settings", ErrConfig)
	}
	c, err := crossValidate(ctx, slices.Repeat([]*dataset{d}, len(candidates)), candidates, CVOptions{Folds: cfg.Folds, Seed: cfg.Seed}, pool, events)
	if err != nil {
		return cfg, fmt.Errorf("choosing a head: %w", err)
	}
	events(c)
	best := c.Heads[c.Best]
	if best.Failed != "" {
		return cfg, fmt.Errorf("choosing a head: every kind failed: %s", best.Failed)
	}
	cfg.Kind = best.Kind
	return cfg, nil
}
