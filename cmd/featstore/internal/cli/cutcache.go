package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"featstore/extract"
	"featstore/extract/cpu"
	"featstore/split"
	"featstore/store"
	"featstore/store/cutcache"
)

// cutPath is where the activations at a cut are kept.
func (a *app) cutPath() string { return a.store + ".cut" }

// modelOfCut is the model of a network's activations in the cache. Those of another engine
// or kernel set differ by rounding, on which a training's result must not depend.
func modelOfCut(network *extract.Network) (string, error) {
	kernels, err := cpu.Chosen()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %d %s", network.Info().ID, extract.EngineRevision, kernels), nil
}

// cutViews stands between the key of photos as they are and the augmentation of views.
const cutViews = " views "

// removeCut removes the cache of activations and returns its size. One that cannot be
// removed is named, and is no error: it does no harm.
func (a *app) removeCut() int64 {
	size, err := cutcache.Remove(a.cutPath())
	if err != nil {
		a.warnAside("%v", err)
	}
	return size
}

// sayRemovedCut says how much of a cache was removed, if there was one.
func (a *app) sayRemovedCut(size int64) {
	if size > 0 {
		fmt.Fprintf(a.Out, "removed %s, %s: finetune computes it again\n", printable(a.cutPath()), bytesText(size))
	}
}

// cutStats is what stats shows of the cache of activations.
type cutStats struct {
	Path      string         `json:"path"`
	FileBytes int64          `json:"file_bytes"`
	Cuts      []cutPartStats `json:"cuts"`
	damage    string
}

// cutPartStats is what there is at one cut of a model. It is stale, in whole or part, if
// the model or some of the photos are not in the store any more.
type cutPartStats struct {
	Model   string `json:"model"`
	Kernels string `json:"kernels"`
	Cut     string `json:"cut"`
	Bytes   int64  `json:"bytes"`
	Augment string `json:"augment,omitempty"` // how views differ from the photo; none for photos as they are
	Views   int    `json:"views"`
	Photos  int    `json:"photos"`
	Missing int    `json:"missing"` // photos of the store that it lacks; 0 for views, which only photos trained on have
	Gone    int    `json:"gone"`    // photos that the store does not have
	Stale   bool   `json:"stale"`
}

// readCut looks at the cache, if there is one.
func (a *app) readCut(db *store.DB, raw store.Stats) (*cutStats, error) {
	st, err := cutcache.Inspect(a.cutPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	s := &cutStats{Path: a.cutPath(), FileBytes: st.Bytes, Cuts: []cutPartStats{}}
	if err != nil {
		s.damage = err.Error()
		return s, nil
	}
	known := map[string]bool{}
	for _, m := range raw.Models {
		known[m.ID] = true
		if m.Tuned != nil {
			known[m.Tuned.At] = true
		}
		known[inFloat(m.Model).ID] = true
	}
	for _, c := range st.Cuts {
		p := cutPartStats{Cut: c.Cut, Bytes: c.Bytes, Views: c.Views, Photos: len(c.Photos)}
		engine := 0
		key, augment, _ := strings.Cut(c.Model, cutViews)
		if _, err := fmt.Sscan(key, &p.Model, &engine, &p.Kernels); err != nil {
			p.Model = c.Model
		}
		p.Augment, _, _ = strings.Cut(augment, ";")
		if p.Gone, err = countGone(db, c.Photos); err != nil {
			return nil, err
		}
		if p.Augment == "" {
			p.Missing = max(0, raw.Distinct-len(raw.Disputed)-raw.Unlabelled-(p.Photos-p.Gone))
		}
		p.Stale = p.Gone > 0 || !known[p.Model] || engine != extract.EngineRevision
		s.Cuts = append(s.Cuts, p)
	}
	return s, nil
}

// countGone counts the photos that the store does not have.
func countGone(db *store.DB, photos []split.Digest) (n int, err error) {
	err = db.View(func(tx *store.Tx) error {
		for _, d := range photos {
			at, _, err := tx.Locations(d)
			if err != nil {
				return err
			}
			if len(at) == 0 {
				n++
			}
		}
		return nil
	})
	return n, err
}

// cutWarnings says what is wrong with the cache.
func (a *app) cutWarnings(s *cutStats) []string {
	if s == nil {
		return nil
	}
	if s.damage != "" {
		return []string{s.damage + ": finetune goes on without"}
	}
	var stale []string
	for _, c := range s.Cuts {
		switch {
		case c.Gone > 0:
			stale = append(stale, fmt.Sprintf("it has %s too many at %s", count(c.Gone, "photo"), c.Cut))
		case c.Stale:
			stale = append(stale, fmt.Sprintf("at %s it is of a network that the store does not have, or of another version of featstore", c.Cut))
		}
	}
	if len(stale) == 0 {
		return nil
	}
	return []string{a.text("%s is stale: %s; %s removes it", s.Path, strings.Join(stale, ", "), run("compact"))}
}

func (a *app) printCut(s *storeStats) {
	if s.Cut == nil || len(s.Cut.Cuts) == 0 {
		return
	}
	names := map[string]string{}
	for _, m := range s.Models {
		names[m.ID] = m.text
		if f := inFloat(m.model); names[f.ID] == "" {
			names[f.ID] = describeModel(f)
		}
	}
	fmt.Fprintf(a.Out, "\n  %s, %s: activations for finetune; it may be deleted\n", printable(s.Cut.Path), bytesText(s.Cut.FileBytes))
	t := table{right: "llrrr"}
	t.row("cut", "network", "photos", "missing", "gone")
	for _, c := range s.Cut.Cuts {
		name := names[c.Model]
		if name == "" {
			name = c.Model
		}
		cut := c.Cut
		if c.Augment != "" {
			cut += ", views " + c.Augment
		}
		t.row(cut, name, grouped(c.Photos), grouped(c.Missing), grouped(c.Gone))
	}
	t.write(a.Out, "  ")
}
