package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/extract/photo"
	"featstore/store"
	"featstore/train"
)

// An upgrade is a model of the store and the network that takes its place: the same as
// this version makes it for a new store.
type upgrade struct {
	from store.Model
	to   *extract.Network
}

// upgradedModel is what became of an upgrade, in the form of its JSON.
type upgradedModel struct {
	From    string   `json:"from"` // ids
	To      string   `json:"to"`
	Missing int      `json:"missing"` // vectors still to compute: until then both stay
	Removed bool     `json:"removed"` // the vectors of the one before, which no head needs
	Heads   []string `json:"heads"`   // that need it
}

// upgradeOrChoose returns the networks to ingest with, and those among them that take the
// place of others.
func (f *networkFlags) upgradeOrChoose(db *store.DB) (networks []*extract.Network, changed []upgrade, err error) {
	if f.upgrade {
		if networks, changed, err = f.upgrades(db); err != nil || len(networks) > 0 {
			return networks, changed, err
		}
	}
	networks, err = f.choose(db)
	return networks, nil, err
}

// upgrades returns the networks to ingest with instead of those that the store has, and
// which of them are others.
func (f *networkFlags) upgrades(db *store.DB) (networks []*extract.Network, changed []upgrade, err error) {
	if f.asked() {
		return nil, nil, usagef("--upgrade is for the networks that the store has: leave --model, --size, --tap, --pool, --preprocess and --precision away")
	}
	recorded, err := usualModels(db)
	if err != nil {
		return nil, nil, err
	}
	most, err := f.memory.limits()
	if err != nil {
		return nil, nil, err
	}
	for _, m := range recorded {
		n, err := today(db, m, most)
		if err != nil {
			return nil, nil, hint(fmt.Errorf("network %s: %w", describeModel(m), err), "leave --upgrade away to go on with it, or %s", run("models", "remove", m.ID))
		}
		if slices.ContainsFunc(networks, func(other *extract.Network) bool { return other.Info().ID == n.Info().ID }) {
			changed = append(changed, upgrade{m, n})
			continue // it is there beside the one before
		}
		if n.Info().ID != m.ID {
			changed = append(changed, upgrade{m, n})
		}
		networks = append(networks, n)
	}
	return networks, changed, f.photos.limit(networks)
}

// usualModels returns the models that the store uses where nobody says which.
func usualModels(db *store.DB) (models []store.Model, err error) {
	err = db.View(func(tx *store.Tx) error {
		models, err = tx.Models()
		return err
	})
	return withNetwork(store.Usual(models)), err
}

// today makes a model's network as it is made for a new store: the embedded one of 8-bit
// numbers, and large JPEGs decoded at reduced size.
func today(db *store.DB, m store.Model, most extract.ModelLimits) (*extract.Network, error) {
	request, err := recordedRequest(m)
	if err != nil {
		return nil, err
	}
	request.Precision, request.Preprocess.JPEGReduce = "", nil
	own, err := extract.Default(0)
	if err != nil {
		return nil, err
	}
	var file *extract.ModelFile
	switch {
	case m.Network > 0:
		file, err = keptModel(db, m, most)
	case own.Info().FileSHA256 == m.FileSHA256:
		file, err = most.DefaultModel()
	default:
		file, err = recordedFile(m, m.Path, most)
	}
	if err != nil {
		return nil, err
	}
	return file.Network(request)
}

// keepViews gives the networks that take the place of others the views that these have,
// before they are ingested with.
func keepViews(db *store.DB, all []upgrade) error {
	return db.Update(func(tx *store.Tx) error {
		for _, u := range all {
			if u.from.Views == nil {
				continue
			}
			m := ingest.Model(u.to)
			m.Added = time.Now().UTC().Truncate(time.Second)
			if _, err := tx.Model(m.ID); err == nil {
				continue
			}
			if err := tx.PutModel(m); err != nil {
				return err
			}
			if _, err := tx.SetViews(m.ID, u.from.Views); err != nil {
				return err
			}
		}
		return nil
	})
}

// finishUpgrades puts networks into the place of others, as far as they have all vectors
// that these have.
func finishUpgrades(db *store.DB, all []upgrade) (done []upgradedModel, err error) {
	if len(all) == 0 {
		return []upgradedModel{}, nil
	}
	st, err := db.Stats()
	if err != nil {
		return nil, err
	}
	missing := map[string]int{}
	for _, m := range st.Models {
		missing[m.ID] = m.Missing
	}
	for _, u := range all {
		r := upgradedModel{From: u.from.ID, To: u.to.Info().ID, Heads: []string{}}
		r.Missing = max(missing[r.To]-missing[r.From], 0)
		if r.Missing == 0 {
			err := db.Update(func(tx *store.Tx) (err error) {
				r.Removed, err = tx.ReplaceModel(r.From, r.To)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
		for _, h := range st.Heads {
			if slices.Contains(h.Models, r.From) {
				r.Heads = append(r.Heads, h.Name)
			}
		}
		done = append(done, r)
	}
	return done, nil
}

// dropReplaced removes models that others have replaced and no head needs any more.
func dropReplaced(db *store.DB) error {
	var all []store.Model
	err := db.View(func(tx *store.Tx) (err error) {
		all, err = tx.Models()
		return err
	})
	if err != nil || !slices.ContainsFunc(all, func(m store.Model) bool { return m.Replaced != "" }) {
		return err
	}
	return db.Update(func(tx *store.Tx) error {
		_, err := tx.DropReplaced()
		return err
	})
}

// tellUpgrades says what became of upgrades.
func (a *app) tellUpgrades(db *store.DB, all []upgrade, done []upgradedModel) error {
	if len(all) == 0 {
		a.say("all networks of the store are as this version makes them: nothing to compute anew")
		return nil
	}
	var roots []store.Root
	err := db.View(func(tx *store.Tx) (err error) {
		roots, err = tx.Roots()
		return err
	})
	for i, r := range done {
		from, to := describeModel(all[i].from), describeModel(ingest.Model(all[i].to))
		switch {
		case r.Missing > 0:
			a.warn("%s lacks vectors of %s that %s has, which stays beside it until then", to, count(r.Missing, "photo"), from)
			for _, root := range roots {
				a.hint(a.text("%s", run("ingest", argument(root.Path), "--upgrade")))
			}
		case r.Removed:
			a.say("%s is in the place of %s, whose vectors were removed", to, from)
		default:
			a.say("%s is in the place of %s", to, from)
			for _, h := range r.Heads {
				a.say("head %q was trained on the vectors before, which stay as long: predict goes on with them; on the new ones: %s", h,
					retrainNamed(db, h))
			}
		}
	}
	return err
}

// retrainNamed is the command that trains a head anew.
func retrainNamed(db *store.DB, name string) command {
	var record store.Head
	err := db.View(func(tx *store.Tx) (err error) {
		record, err = tx.Head(name)
		return err
	})
	if err == nil {
		if h, err := train.FromRecord(record); err == nil {
			return retrainIn(db, name, h)
		}
	}
	return run("train").of("--name", name)
}

// sayOlder says of networks that go on as the store was begun how they differ from what a
// new store would have.
func (a *app) sayOlder(networks []*extract.Network, dir string) error {
	for _, n := range networks {
		how, err := older(n)
		if err != nil {
			return err
		}
		if len(how) > 0 {
			a.say("the store was begun %s and goes on so: %s computes all vectors anew, in the usual way", strings.Join(how, " and "),
				run("ingest", argument(dir), "--upgrade"))
		}
	}
	return nil
}

// older says in what a network differs from how this version makes it for a new store.
func older(n *extract.Network) (how []string, err error) {
	i := n.Info()
	own, err := extract.Default(0)
	if err != nil {
		return nil, err
	}
	if d := own.Info(); i.FileSHA256 == d.FileSHA256 && n.Origin().Path == "" && i.Tap == d.Tap && i.Pool == d.Pool {
		if own, err = extract.DefaultWith(photo.SettingsOf(i.Preprocess), ""); err != nil {
			return nil, err
		}
		if i.Precision != own.Info().Precision {
			how = append(how, "in float")
		}
	}
	if i.Preprocess.JPEGReduce == 0 {
		how = append(how, "with JPEGs decoded in full")
	}
	return how, nil
}
