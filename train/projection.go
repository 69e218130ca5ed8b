package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"featstore/split"
	"featstore/store"
	"featstore/train/internal/product"
)

// The methods of a Projection.
const (
	ProjectPCA  = "pca"  // principal components: at once, and distances mean something
	ProjectTSNE = "tsne" // t-SNE: takes a while, and shows groups; distances between groups mean little
)

// A ProjectionOptions says what is drawn. Zero values mean defaults.
type ProjectionOptions struct {
	Models   []string // ids; none means the store's only one
	Method   string   // default ProjectPCA
	Most     int      // photos, default 5,000: of more, some, spread evenly
	Seed     uint64
	Progress func(done, total int)
}

// A Projection places photos on a plane, alike ones near each other.
type Projection struct {
	Method string  `json:"method"`
	Photos int     `json:"photos"` // in the store; Points may be fewer
	Points []Point `json:"points"`

	// Explained is the share of the features' variance that the plane shows, of ProjectPCA.
	Explained float64 `json:"explained,omitempty"`
}

// A Point is a photo on the plane. X and Y are from −1 to 1; on one axis both ends are
// reached.
type Point struct {
	Digest split.Digest `json:"digest"`
	Paths  []string     `json:"paths"`
	Label  string       `json:"label"` // "" for none or several
	Split  string       `json:"split"` // "" unless it has one label
	X      float64      `json:"x"`
	Y      float64      `json:"y"`
}

// Project places the photos of a store, those without a label too, on a plane.
func Project(ctx context.Context, db *store.DB, opt ProjectionOptions) (*Projection, error) {
	if opt.Most == 0 {
		opt.Most = 5000
	}
	if opt.Method == "" {
		opt.Method = ProjectPCA
	}
	g, err := gather(ctx, db, opt.Models, nil, nil)
	if err != nil {
		return nil, err
	}
	out := &Projection{Method: opt.Method, Photos: len(g.rows)}
	g = g.pick(spreadEvenly(len(g.rows), opt.Most))
	g.spread()
	pool := newWorkerPool(0)
	defer pool.close()
	components := g.components(opt.Seed, pool)
	plane := make([][2]float64, len(g.rows))
	switch opt.Method {
	case ProjectPCA:
		out.Explained = principal(components, plane) * g.share(components)
	case ProjectTSNE:
		principal(components, plane)
		if plane, err = embed(ctx, g.rows, plane, pool, opt.Progress); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: a map by %q: want %s or %s", ErrConfig, opt.Method, ProjectPCA, ProjectTSNE)
	}
	fitPlane(plane)
	if out.Points, err = g.points(db, plane); err != nil {
		return nil, err
	}
	return out, ctx.Err()
}

// points names the photos on the plane.
func (g *gathering) points(db *store.DB, plane [][2]float64) ([]Point, error) {
	points := []Point{}
	err := db.View(func(tx *store.Tx) error {
		for i, p := range plane {
			paths, err := pathsOf(tx, g.digests[i])
			if err != nil {
				return err
			}
			point := Point{Digest: g.digests[i], Paths: paths, Label: g.places[i].Label, X: p[0], Y: p[1]}
			if g.places[i].Placed() {
				point.Split = g.places[i].Split.String()
			}
			points = append(points, point)
		}
		return nil
	})
	return points, err
}

// spreadEvenly returns at most most of the numbers from 0 to n−1.
func spreadEvenly(n, most int) []int {
	var at []int
	for i := range n {
		if n <= most || (i+1)*most/n > i*most/n {
			at = append(at, i)
		}
	}
	return at
}

const (
	projectComponents = 12 // that are looked for; the first two are wanted
	projectPowers     = 6  // multiplications with the covariance: enough for those two
)

// components returns the photos in a space of few dimensions, N×12, that has nearly all of
// what the first principal components show: by subspace iteration from random directions
// (Halko, Martinsson and Tropp 2011). The rows' mean is zero.
func (g *gathering) components(seed uint64, pool *workerPool) *mat.Dense {
	d := g.dim()
	k := min(projectComponents, d, max(len(g.rows), 1))
	rng := rand.New(source(seed, streamProjection))
	axes := make([]float32, k*d)
	for i := range axes {
		axes[i] = float32(rng.NormFloat64())
	}
	orthonormal(axes, d)
	along := make([]float32, len(g.rows)*k)
	for range projectPowers {
		g.project(along, axes, k, pool)
		clear(axes)
		pool.run(func(part int) {
			lo, hi := share(d, part, pool.parts(), 64)
			product.AddOuter(axes, g.rows, along, d, lo, hi)
		})
		orthonormal(axes, d)
	}
	g.project(along, axes, k, pool)
	out := mat.NewDense(max(len(g.rows), 1), k, nil)
	for i := range g.rows {
		for c := range k {
			out.Set(i, c, float64(along[i*k+c]))
		}
	}
	return out
}

func (g *gathering) project(along, axes []float32, k int, pool *workerPool) {
	pool.run(func(part int) {
		lo, hi := share(len(g.rows), part, pool.parts(), 4)
		product.Dots(along[lo*k:hi*k], g.rows[lo:hi], axes, g.dim())
	})
}

// orthonormal makes the rows of axes, k×d, orthogonal to each other and of length 1.
func orthonormal(axes []float32, d int) {
	for a := 0; a < len(axes); a += d {
		own := axes[a : a+d]
		unit(own)
		for range 2 { // the second time for what rounding has left
			for b := 0; b < a; b += d {
				other := axes[b : b+d]
				var dot float64
				for k, x := range own {
					dot += float64(float64(x) * float64(other[k]))
				}
				for k := range own {
					own[k] -= float32(dot * float64(other[k]))
				}
			}
			unit(own)
		}
	}
}

// principal sets plane to the first two principal components of x, and returns the share of
// x's variance that they have. Each axis points to where its largest value is.
func principal(x *mat.Dense, plane [][2]float64) float64 {
	n, k := x.Dims()
	if n < 3 || k < 2 {
		return 0
	}
	var pc stat.PC
	if !pc.PrincipalComponents(x, nil) {
		return 0
	}
	var vectors, scores mat.Dense
	pc.VectorsTo(&vectors)
	scores.Mul(x, vectors.Slice(0, k, 0, min(2, k)))
	variances := pc.VarsTo(nil)
	total := 0.0
	for _, v := range variances {
		total += v
	}
	for c := range 2 {
		far := 0.0
		for i := range plane {
			if v := scores.At(i, c); math.Abs(v) > math.Abs(far) {
				far = v
			}
		}
		for i := range plane {
			plane[i][c] = math.Copysign(1, far) * scores.At(i, c)
		}
	}
	return ratio(variances[0]+variances[1], total)
}

// share is how much of the rows' variance the components have.
func (g *gathering) share(components *mat.Dense) float64 {
	var all, some float64
	for i, row := range g.rows {
		all += squares(row)
		for _, v := range components.RawRowView(i) {
			some += float64(v * v)
		}
	}
	return min(ratio(some, all), 1)
}

// fitPlane moves and scales points, both axes alike, to −1…1, and rounds them.
func fitPlane(plane [][2]float64) {
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, p := range plane {
		for c, v := range p {
			low[c], high[c] = min(low[c], v), max(high[c], v)
		}
	}
	side := max(high[0]-low[0], high[1]-low[1])
	for i := range plane {
		for c := range 2 {
			v := 0.0
			if side > 0 {
				v = float64((2*plane[i][c] - low[c] - high[c]) / side)
			}
			plane[i][c] = math.Round(v*1e4) / 1e4
		}
	}
}
