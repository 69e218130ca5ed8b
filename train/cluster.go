package train

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"featstore/store"
)

// A ClusterOptions says what is clustered. Zero values mean defaults.
type ClusterOptions struct {
	Models   []string // ids; none means the store's only one
	Count    int      // clusters, default 8; fewer where there are fewer photos
	Seed     uint64
	Keep     func(store.Placement) bool // which photos, nil for all
	Progress func(done, total int)
}

// A Clustering divides photos into clusters of similar ones.
type Clustering struct {
	Models   []string  `json:"models"`
	Photos   int       `json:"photos"`
	Clusters []Cluster `json:"clusters"` // the largest first
}

// A Cluster is some photos that are like each other.
type Cluster struct {
	Members []Member     `json:"members"` // the most typical first
	Cosine  float64      `json:"cosine"`  // mean of the members'
	Labels  []LabelCount `json:"labels"`  // of the members, the most frequent first
}

// A Member is a photo of a cluster.
type Member struct {
	Image
	Cosine float64 `json:"cosine"` // to the cluster's centre; with several models the mean of theirs
}

// A LabelCount counts the photos of a label.
type LabelCount struct {
	Label  string `json:"label"`
	Photos int    `json:"photos"`
}

const (
	clusterRounds = 100 // of one clustering, at most
	clusterStarts = 5   // the best of so many is kept
)

// Clusters divides photos by spherical k-means on their features, compressed as those of
// prototypes are and with their mean taken away: each photo belongs to the centre to which it
// has the largest cosine. The best of five starts is taken. The same photos, seed and version
// give the same clusters. The features are in memory, 4·D bytes a photo.
//
// Of 1,000 photos of five kinds of flower this share had the kind that is most frequent in
// its cluster, with 5, 8 and 20 clusters, means of four seeds: with plain features 54, 70 and
// 72 %, without their mean 59, 70 and 76 %, compressed 59, 73 and 78 %, both 63, 73 and 78 %.
func Clusters(ctx context.Context, db *store.DB, opt ClusterOptions) (*Clustering, error) {
	if opt.Count == 0 {
		opt.Count = 8
	}
	if opt.Count < 0 {
		return nil, fmt.Errorf("%w: %d clusters: want 1 or more", ErrConfig, opt.Count)
	}
	g, err := gather(ctx, db, opt.Models, opt.Keep, nil)
	if err != nil {
		return nil, err
	}
	out := &Clustering{Models: g.models, Photos: len(g.rows), Clusters: []Cluster{}}
	if len(g.rows) == 0 {
		return out, nil
	}
	g.spread()
	best, err := g.bestClusters(ctx, opt)
	if err != nil {
		return nil, err
	}
	out.Clusters = make([]Cluster, best.k)
	err = db.View(func(tx *store.Tx) error {
		for i, n := range best.nearest {
			im, err := ImageOf(tx, g.digests[i])
			if err != nil {
				return err
			}
			c := &out.Clusters[n.Row]
			c.Members = append(c.Members, Member{im, min(float64(n.Dot)/float64(len(g.dims)), 1)})
		}
		return nil
	})
	out.arrange()
	return out, err
}

// spread compresses the rows and takes their mean away, which all have in common and which
// makes their cosines alike.
func (g *gathering) spread() {
	p := &prototypes{blocks: g.dims}
	mean := make([]float64, g.dim())
	for _, row := range g.rows {
		p.compress(row, row)
		for k, x := range row {
			mean[k] += float64(x)
		}
	}
	scale := scaling{Kind: ScaleL2, Blocks: g.dims}
	for _, row := range g.rows {
		for k := range row {
			row[k] -= float32(mean[k] / float64(len(g.rows)))
		}
		scale.apply(row, row)
	}
}

// bestClusters returns the clustering with the largest sum of cosines, of several.
func (g *gathering) bestClusters(ctx context.Context, opt ClusterOptions) (best *kmeans, err error) {
	pool := newWorkerPool(0)
	defer pool.close()
	for start := range uint64(clusterStarts) {
		m := &kmeans{blocks: g.dims, rows: g.rows, k: min(opt.Count, len(g.rows)), rounds: clusterRounds, pool: pool}
		m.assign(m.cluster(drawn(opt.Seed, streamClusters, start)))
		if best == nil || m.cohesion() > best.cohesion() {
			best = m
		}
		if opt.Progress != nil {
			opt.Progress(int(start)+1, clusterStarts)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return best, nil
}

// arrange brings clusters and members into order, and counts labels. Empty clusters go.
func (c *Clustering) arrange() {
	c.Clusters = slices.DeleteFunc(c.Clusters, func(c Cluster) bool { return len(c.Members) == 0 })
	for i := range c.Clusters {
		c.Clusters[i].arrange()
	}
	slices.SortStableFunc(c.Clusters, func(a, b Cluster) int {
		return cmp.Or(cmp.Compare(len(b.Members), len(a.Members)), a.Members[0].Digest.Compare(b.Members[0].Digest))
	})
}

func (c *Cluster) arrange() {
	slices.SortStableFunc(c.Members, func(a, b Member) int { return cmp.Compare(b.Cosine, a.Cosine) })
	counts := map[string]int{}
	for _, m := range c.Members {
		c.Cosine += m.Cosine / float64(len(c.Members))
		if l := m.Label(); l != store.Unlabelled {
			counts[l]++
		}
	}
	c.Labels = []LabelCount{}
	for l, n := range counts {
		c.Labels = append(c.Labels, LabelCount{l, n})
	}
	slices.SortFunc(c.Labels, func(a, b LabelCount) int {
		return cmp.Or(cmp.Compare(b.Photos, a.Photos), cmp.Compare(a.Label, b.Label))
	})
}
