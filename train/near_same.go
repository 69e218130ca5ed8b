package train

import (
	"cmp"
	"context"
	"slices"

	"featstore/split"
	"featstore/store"
)

// A NearGroup is photos that are nearly the same, each as another one of them.
type NearGroup struct {
	Images []Image `json:"images"`
	Cosine float64 `json:"cosine"` // the largest between two of them
	Splits int     `json:"splits"` // how many splits they are in
	Labels int     `json:"labels"` // how many labels they have
}

// NearlySame returns groups of photos that are nearly the same, within splits and across
// them, also among photos without a label: first those in several splits, then those with
// several labels, the most alike first. opt.Most is how many groups are returned at most; how
// many there are, and how many photos are in them, is in total and photos.
func NearlySame(ctx context.Context, db *store.DB, opt NearOptions) (groups []NearGroup, total, photos int, err error) {
	if opt.Least == 0 {
		opt.Least = DefaultNear
	}
	g, err := gather(ctx, db, opt.Models, nil, nil)
	if err != nil {
		return nil, 0, 0, err
	}
	sets, cosine := newDisjointSets(len(g.rows)), make([]float32, len(g.rows))
	least := float32(opt.Least) * float32(len(g.dims))
	err = joinNear(ctx, g.rows, flatten(g.rows), least, opt.Progress, func(a, b int, dot float32) {
		sets.join(a, b)
		cosine[a], cosine[b] = max(cosine[a], dot), max(cosine[b], dot)
	})
	if err != nil {
		return nil, 0, 0, err
	}
	members := map[int][]int{}
	for i := range g.rows {
		members[sets.find(i)] = append(members[sets.find(i)], i)
	}
	groups = []NearGroup{}
	for _, at := range members {
		if len(at) < 2 {
			continue
		}
		total, photos = total+1, photos+len(at)
		groups = append(groups, g.nearGroup(at, cosine))
	}
	slices.SortFunc(groups, func(a, b NearGroup) int {
		return cmp.Or(cmp.Compare(b.Splits, a.Splits), cmp.Compare(b.Labels, a.Labels), cmp.Compare(b.Cosine, a.Cosine),
			a.Images[0].Digest.Compare(b.Images[0].Digest))
	})
	if opt.Most > 0 {
		groups = groups[:min(len(groups), opt.Most)]
	}
	err = db.View(func(tx *store.Tx) (err error) {
		for _, group := range groups {
			for i := range group.Images {
				if group.Images[i], err = ImageOf(tx, group.Images[i].Digest); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return groups, total, photos, err
}

// nearGroup counts splits and labels of some photos.
func (g *gathering) nearGroup(at []int, cosine []float32) NearGroup {
	out := NearGroup{}
	splits, labels := map[split.Split]bool{}, map[string]bool{}
	for _, i := range at {
		out.Images = append(out.Images, Image{Digest: g.digests[i]})
		out.Cosine = max(out.Cosine, min(float64(cosine[i])/float64(len(g.dims)), 1))
		if p := g.places[i]; p.Placed() {
			splits[p.Split], labels[p.Label] = true, true
		}
	}
	out.Splits, out.Labels = len(splits), len(labels)
	return out
}
