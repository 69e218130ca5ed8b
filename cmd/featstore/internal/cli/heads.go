package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"featstore/extract"
	"featstore/store"
	"featstore/train"
	"featstore/train/classify"
)

// A namedHead is a head of the store, and what its rows are made of.
type namedHead struct {
	*train.Head
	name     string
	networks []int // whose vectors, one behind the other, are its rows: numbers of the predictor's
}

// row joins the vectors of the networks.
func (h *namedHead) row(vectors [][]float32) []float32 {
	if len(h.networks) == 1 {
		return vectors[h.networks[0]]
	}
	row := make([]float32, 0, h.Dim)
	for _, i := range h.networks {
		row = append(row, vectors[i]...)
	}
	return row
}

// openPredictor reads the heads that the flags name, of a store or of a file.
func (a *app) openPredictor(q predicting, most extract.ModelLimits) (*predictor, error) {
	if q.classifier == "" {
		return a.newPredictor(q.heads, q.files, most)
	}
	c, err := classify.OpenFile(q.classifier, classify.Options{Limits: most})
	if err != nil {
		return nil, classifierAdvice(err)
	}
	name := filepath.Base(q.classifier)
	h := &namedHead{Head: c.Head(), name: strings.TrimSuffix(name, filepath.Ext(name))}
	for i := range c.Networks() {
		h.networks = append(h.networks, i)
	}
	return &predictor{app: a, heads: []*namedHead{h}, networks: c.Networks()}, nil
}

// classifierAdvice says what can be done about a file that is no classifier.
func classifierAdvice(err error) error {
	switch {
	case errors.Is(err, classify.ErrNotExported):
		return hint(err, "%s writes one; a network alone is used by %s", run("export", "-o", "FILE.onnx"), run("ingest", "FOLDER", "--model", "FILE"))
	case errors.Is(err, classify.ErrNewerFile), errors.Is(err, store.ErrNewer):
		return hint(err, "use a newer version of featstore")
	case errors.Is(err, train.ErrHeadCorrupt):
		return hint(err, "export it again")
	}
	return err
}

// newPredictor reads heads and finds the networks whose vectors they were trained on. The
// store is closed again before any photo is looked at.
func (a *app) newPredictor(names, files []string, most extract.ModelLimits) (*predictor, error) {
	p := &predictor{app: a}
	err := a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
		at := map[string]int{} // of a model's network
		for _, name := range names {
			h, err := a.loadHead(db, name)
			if err != nil {
				return err
			}
			for _, id := range h.Models {
				if _, known := at[id]; !known {
					n, err := networkOfHead(db, name, id, files, most)
					if err != nil {
						return err
					}
					at[id], p.networks = len(p.networks), append(p.networks, n)
				}
				h.networks = append(h.networks, at[id])
			}
			p.heads = append(p.heads, h)
		}
		return nil
	})
	return p, err
}

// loadHead reads a head, and says if the photos have changed since it was trained.
func (a *app) loadHead(db *store.DB, name string) (*namedHead, error) {
	head, err := train.Load(db, name)
	if err != nil {
		return nil, headAdvice(db, name, err)
	}
	if fresh, err := head.Fresh(db); err == nil && !fresh {
		a.say("the photos in the store have changed since head %q was trained: %s", name, retrainIn(db, name, head))
	}
	return &namedHead{Head: head, name: name}, nil
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
