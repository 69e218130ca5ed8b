package report

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// Options says what is looked at. Zero values mean defaults.
type Options struct {
	Head   *train.Head // that is judged, nil for none
	Name   string      // of the head
	Split  split.Split // that it is judged on
	Models []string    // ids of the networks whose vectors are compared; none means the store's only one
	Seed   uint64

	Suspects int    // photos whose label is doubted, default 60
	Groups   int    // groups of photos that are nearly the same, default 40
	Odd      int    // odd ones out, default 24
	Method   string // of the map, default train.ProjectPCA
}

// Figures are what a report says, in the form of its JSON.
type Figures struct {
	Evaluation *Evaluation       `json:"evaluation"`     // null without a head
	Curve      *train.Curve      `json:"learning_curve"` // null where there are too few photos
	Suspects   *Suspects         `json:"suspects"`       // null with one label
	Near       *Near             `json:"near_duplicates"`
	Odd        []train.OddOne    `json:"odd_ones"`
	Drift      *train.Drift      `json:"drift"` // null where nothing can be compared
	Map        *train.Projection `json:"map"`

	Missing map[string]string `json:"missing"` // why parts that are null could not be computed, by name
}

// Suspects are the photos whose labels are doubted most.
type Suspects struct {
	Photos  int             `json:"photos"`  // that were looked at
	Doubted int             `json:"doubted"` // of them, those where another label is more probable
	Ranked  []train.Suspect `json:"ranked"`
}

// Near is the photos that are nearly the same as another.
type Near struct {
	Least  float64           `json:"least"`  // cosine from which on photos are grouped
	Groups int               `json:"groups"` // found
	Photos int               `json:"photos"` // in them
	Shown  []train.NearGroup `json:"shown"`
}

// Gather computes all figures.
func Gather(ctx context.Context, db *store.DB, opt Options, events func(train.Event)) (*Figures, error) {
	if events == nil {
		events = func(train.Event) {}
	}
	opt.Suspects, opt.Groups, opt.Odd = cmp.Or(opt.Suspects, 60), cmp.Or(opt.Groups, 40), cmp.Or(opt.Odd, 24)
	f := &Figures{Missing: map[string]string{}}
	g := &gatherer{Figures: f, db: db, opt: opt, events: events}
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"evaluation", g.evaluate}, {"learning_curve", g.curve}, {"suspects", g.suspects}, {"near_duplicates", g.near}, {"odd_ones", g.odd},
		{"drift", g.drift}, {"map", g.project},
	} {
		err := part.do(ctx)
		if impossible(err) {
			f.Missing[part.name] = err.Error()
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// ErrNoHead: there is no head to judge.
var ErrNoHead = errors.New("no head has been trained")

// impossible tells of an error whether it only says that there is nothing to compute.
func impossible(err error) bool {
	for _, e := range []error{ErrNoHead, train.ErrTooFew, train.ErrOneLabel, train.ErrNoImages, train.ErrEmptySplit} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// A gatherer computes the parts one after the other: each uses all processors.
type gatherer struct {
	*Figures
	db     *store.DB
	opt    Options
	events func(train.Event)
}

// progress makes events of the counts of one part.
func (g *gatherer) progress(what string) func(done, total int) {
	return func(done, total int) { g.events(train.Progress{What: what, Done: done, Total: total}) }
}

// curve computes the learning curve of a head like the one that is judged, if such heads
// are fitted quickly, and else of a logistic one.
func (g *gatherer) curve(ctx context.Context) (err error) {
	cfg := train.Config{Kind: train.KindLogistic, Scaling: train.ScaleL2, Strength: 10, Models: g.opt.Models}
	if h := g.opt.Head; h != nil && slices.Contains([]string{train.KindLogistic, train.KindSVM}, h.Kind) {
		cfg = h.Recipe()
		cfg.Strength = h.Config.Strength // as it was chosen
	}
	cfg.Seed = g.opt.Seed
	g.Curve, err = train.LearningCurve(ctx, g.db, cfg, train.CVOptions{Seed: g.opt.Seed}, g.events)
	return err
}

func (g *gatherer) suspects(ctx context.Context) error {
	all, err := train.Suspects(ctx, g.db, train.SuspectOptions{Models: g.opt.Models, Seed: g.opt.Seed}, g.events)
	if err != nil {
		return err
	}
	g.Suspects = &Suspects{Photos: len(all), Ranked: all[:min(len(all), g.opt.Suspects)]}
	for _, s := range all {
		if s.Score > 0.5 {
			g.Suspects.Doubted++
		}
	}
	return nil
}

func (g *gatherer) near(ctx context.Context) (err error) {
	n := &Near{Least: train.DefaultNear}
	opt := train.NearOptions{Models: g.opt.Models, Least: n.Least, Most: g.opt.Groups, Progress: g.progress("compare photos")}
	n.Shown, n.Groups, n.Photos, err = train.NearlySame(ctx, g.db, opt)
	if err == nil {
		g.Near = n
	}
	return err
}

func (g *gatherer) odd(ctx context.Context) (err error) {
	g.Odd, err = train.OddOnes(ctx, g.db, g.opt.Models, g.opt.Odd)
	return err
}

func (g *gatherer) drift(ctx context.Context) (err error) {
	g.Drift, err = train.FindDrift(ctx, g.db, g.opt.Models, g.opt.Seed)
	if err == nil && g.Drift == nil {
		g.Missing["drift"] = "there are too few photos, or all came at the same time"
	}
	return err
}

func (g *gatherer) project(ctx context.Context) (err error) {
	g.Map, err = train.Project(ctx, g.db, train.ProjectionOptions{Models: g.opt.Models, Method: g.opt.Method, Seed: g.opt.Seed, Progress: g.progress("map")})
	return err
}
