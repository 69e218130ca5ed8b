package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"

	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store"
)

// Check compares all of the store with the model.
func (m *machine) Check(t *rapid.T) {
	r, err := m.db.Check(context.Background(), nil)
	if err != nil || !r.OK() {
		t.Fatalf("%v, %+v", err, r)
	}
	err = m.db.View(func(tx *store.Tx) error {
		return errors.Join(m.compareFiles(tx), m.compareVectors(tx), m.compareViews(tx), m.compareIndexes(tx))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (m *machine) compareFiles(tx *store.Tx) error {
	images, fails := map[store.Location]store.Image{}, map[store.Location]string{}
	for _, root := range m.roots {
		for e, err := range tx.Images(root) {
			if err != nil {
				return err
			}
			images[store.Location{Root: root, Path: e.Path}] = e.Image
		}
		for f, err := range tx.Failures(root) {
			if err != nil {
				return err
			}
			fails[store.Location{Root: root, Path: f.Path}] = f.Reason
		}
	}
	fixed, err := tx.FixedSplits()
	if err != nil || !maps.Equal(images, m.images) || !maps.Equal(fails, m.fails) || !maps.Equal(fixed, m.fixed) {
		return fmt.Errorf("got %v %v %v %w\nwant %v %v %v", images, fails, fixed, err, m.images, m.fails, m.fixed)
	}
	return nil
}

func (m *machine) compareVectors(tx *store.Tx) error {
	st, err := tx.Stats()
	if err != nil {
		return err
	}
	if st.Images != len(m.images) || st.Distinct != len(m.digests()) || st.Failures != len(m.fails) || st.Policy != m.policy {
		return fmt.Errorf("stats %+v\nwant %d images, %d distinct", st, len(m.images), len(m.digests()))
	}
	unlabelled := 0
	for d := range m.digests() {
		if len(m.labels(d)) == 0 {
			unlabelled++
		}
	}
	if st.Unlabelled != unlabelled {
		return fmt.Errorf("stats count %d contents without a label, want %d", st.Unlabelled, unlabelled)
	}
	for _, ms := range st.Models {
		if ms.Vectors != len(m.vectors[ms.ID]) || ms.Missing != len(m.digests())-len(m.vectors[ms.ID]) {
			return fmt.Errorf("model %s: stats %+v, want %d vectors", ms.ID, ms, len(m.vectors[ms.ID]))
		}
	}
	for d := range m.digests() {
		labels, err := tx.Labels(d)
		if slices.Sort(labels); err != nil || !slices.Equal(labels, m.labels(d)) {
			return fmt.Errorf("labels %q, want %q, %w", labels, m.labels(d), err)
		}
		if s, err := tx.Split(d); err != nil || s != m.splitOf(d) {
			return fmt.Errorf("split %v, want %v, %w", s, m.splitOf(d), err)
		}
		for id, vectors := range m.vectors {
			want, has := vectors[d]
			got, err := tx.Vector(id, d)
			if has != (err == nil) || !has && !errors.Is(err, store.ErrNotFound) || !slices.Equal(bits(got), bits(want)) {
				return fmt.Errorf("vector %v, want %v, %w", got, want, err)
			}
			if ok, err := tx.HasVector(id, d); err != nil || ok != has {
				return fmt.Errorf("HasVector %v, want %v, %w", ok, has, err)
			}
		}
	}
	return nil
}

func (m *machine) compareViews(tx *store.Tx) error {
	st, err := tx.Stats()
	if err != nil {
		return err
	}
	for _, ms := range st.Models {
		n := m.count[ms.ID]
		if (ms.ViewVectors != nil) != (n > 0) {
			return fmt.Errorf("model %s: views %+v, want %d", ms.ID, ms.ViewVectors, n)
		}
		if n == 0 {
			continue
		}
		training, elsewhere, photos := 0, 0, 0
		for v := range m.views {
			switch {
			case v.model == ms.ID && m.splitOf(v.digest) == split.Training && len(m.labels(v.digest)) == 1:
				training++
			case v.model == ms.ID:
				elsewhere++
			}
		}
		for d := range m.digests() {
			missing, err := tx.MissingViews(ms.ID, d)
			if err != nil {
				return err
			}
			var want []int
			if m.splitOf(d) == split.Training && len(m.labels(d)) == 1 {
				photos++
				for k := 1; k <= n; k++ {
					if m.views[viewOf{ms.ID, d, k}] == nil {
						want = append(want, k)
					}
				}
			}
			if !slices.Equal(missing, want) {
				return fmt.Errorf("missing views %v, want %v", missing, want)
			}
			for k := 1; k <= n; k++ {
				want := m.views[viewOf{ms.ID, d, k}]
				got, err := tx.View(ms.ID, d, k)
				if want == nil && !errors.Is(err, store.ErrNotFound) || want != nil && (err != nil || !slices.Equal(bits(got), bits(want))) {
					return fmt.Errorf("view %d: %v, want %v, %w", k, got, want, err)
				}
			}
		}
		if v := ms.ViewVectors; v.Count != n || v.Vectors != training || v.Elsewhere != elsewhere || v.Missing != photos*n-training {
			return fmt.Errorf("model %s: views %+v, want %d, %d elsewhere, %d photos", ms.ID, *v, training, elsewhere, photos)
		}
	}
	return nil
}

func (m *machine) compareIndexes(tx *store.Tx) error {
	for _, models := range [][]string{{"small"}, {"large"}, {"large", "small"}} {
		for _, sp := range split.All {
			ix, err := tx.Index(models, sp)
			if err != nil {
				return err
			}
			want := map[string][]split.Digest{}
			some := 0
			for d := range m.digests() {
				has := 0
				for _, id := range models {
					if m.vectors[id][d] != nil {
						has++
					}
				}
				if len(m.labels(d)) != 1 || m.splitOf(d) != sp || has == 0 {
					continue
				}
				if has < len(models) {
					some++
					continue
				}
				l := m.labels(d)[0]
				want[l] = append(want[l], d)
			}
			got := map[string][]split.Digest{}
			for i, l := range ix.Labels {
				got[l] = ix.Keys[i]
				slices.SortFunc(want[l], split.Digest.Compare)
			}
			if !sort.StringsAreSorted(ix.Labels) || ix.Incomplete != some || !maps.EqualFunc(got, want, slices.Equal) {
				return fmt.Errorf("index of %v %v: %v, %d incomplete\nwant %v, %d", models, sp, got, ix.Incomplete, want, some)
			}
		}
	}
	return nil
}
