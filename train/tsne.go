package train

import (
	"context"
	"math"

	"featstore/train/internal/bitexact"
	"featstore/train/internal/nearest"
)

// t-SNE (van der Maaten and Hinton 2008) places photos on a plane such that each has the
// neighbours that it has among the features. What draws photos together is summed up over
// their nearest neighbours, what drives them apart over a quadtree (van der Maaten 2014,
// "Accelerating t-SNE using Tree-Based Algorithms").

const (
	tsnePerplexity   = 30 // neighbours that count for a photo, about
	tsneNeighbours   = 3 * tsnePerplexity
	tsneRounds       = 600
	tsneExaggerated  = 150 // rounds in which photos are drawn together more, so that groups form
	tsneExaggeration = 12
	tsneMomentum     = 0.8
	tsneAngle        = 0.5 // size over distance from which on a cell of the tree is one point
)

// A tsne is a plane on its way.
type tsne struct {
	plane     [][2]float64
	speed     [][2]float64
	neighbour [][]nearest.Neighbour // of each photo; Dot is how strongly it is drawn to it
	pull      [][2]float64
	push      [][2]float64
	sums      []float64 // of each photo: Σ 1/(1+d²) over all others
	pool      *workerPool
}

// embed moves photos from where they are on the plane to where t-SNE has them. Rows have
// length 1.
func embed(ctx context.Context, rows [][]float32, start [][2]float64, pool *workerPool, progress func(done, total int)) ([][2]float64, error) {
	n := len(rows)
	if n < 4 {
		return start, nil
	}
	t := &tsne{plane: start, speed: make([][2]float64, n), pull: make([][2]float64, n), push: make([][2]float64, n), sums: make([]float64, n), pool: pool}
	fitPlane(t.plane)
	for i := range t.plane { // small, and no two at one place
		t.plane[i][0] = float64(t.plane[i][0]*1e-2) + float64(float64(i%97)*1e-7)
		t.plane[i][1] = float64(t.plane[i][1]*1e-2) + float64(float64(i%89)*1e-7)
	}
	t.findNeighbours(rows)
	rate := max(float64(n)/tsneExaggeration/4, 50)
	for round := range tsneRounds {
		factor := 1.0
		if round < tsneExaggerated {
			factor = tsneExaggeration
		}
		t.move(rate, factor)
		if progress != nil {
			progress(round+1, tsneRounds)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return t.plane, nil
}

// findNeighbours finds what each photo is drawn to, and how much: symmetric, 1 in all.
func (t *tsne) findNeighbours(rows [][]float32) {
	n, d := len(rows), len(rows[0])
	all := flatten(rows)
	k := min(tsneNeighbours, n-1)
	t.neighbour = make([][]nearest.Neighbour, n)
	t.pool.run(func(part int) {
		lo, hi := share(n, part, t.pool.parts(), nearest.Queries)
		var tile nearest.Tile
		tile.Top(rows[lo:hi], all, d, k+1, func(q int, best []nearest.Neighbour) {
			for _, b := range best {
				if b.Row != lo+q && len(t.neighbour[lo+q]) < k {
					t.neighbour[lo+q] = append(t.neighbour[lo+q], b)
				}
			}
			weigh(t.neighbour[lo+q])
		})
	})
	back := make([][]nearest.Neighbour, n) // how much others are drawn to each
	for i, own := range t.neighbour {
		for _, b := range own {
			back[b.Row] = append(back[b.Row], nearest.Neighbour{Row: i, Dot: b.Dot})
		}
	}
	for i := range t.neighbour {
		t.neighbour[i] = append(t.neighbour[i], back[i]...)
		for j := range t.neighbour[i] {
			t.neighbour[i][j].Dot /= float32(2 * n)
		}
	}
}

// weigh replaces cosines by shares that add up to 1, such that as many neighbours count as
// the perplexity says: a Gaussian of the distance, whose width is found by bisection.
func weigh(own []nearest.Neighbour) {
	if len(own) == 0 {
		return
	}
	want := math.Log(min(tsnePerplexity, float64(len(own))/1.5))
	low, high, beta := 0.0, math.Inf(1), 1.0
	p := make([]float64, len(own))
	for range 60 {
		sum, weighted := 0.0, 0.0
		for i, b := range own {
			distance := float64(2 * (float64(own[0].Dot) - float64(b.Dot))) // squared, beyond the nearest
			p[i] = bitexact.Exp(-float64(beta * distance))
			sum += p[i]
			weighted += float64(p[i] * distance)
		}
		for i := range p {
			p[i] /= sum
		}
		if entropy := bitexact.Log(sum) + float64(beta*weighted)/sum; entropy > want {
			low = beta
			if beta *= 2; !math.IsInf(high, 1) {
				beta = (low + high) / 2
			}
		} else {
			high = beta
			beta = (low + high) / 2
		}
	}
	for i := range own {
		own[i].Dot = float32(p[i])
	}
}

// move is one round: all photos move by what draws and drives them.
func (t *tsne) move(rate, factor float64) {
	tree := newQuadtree(t.plane)
	t.pool.run(func(part int) {
		lo, hi := share(len(t.plane), part, t.pool.parts(), 1)
		for i := lo; i < hi; i++ {
			t.push[i], t.sums[i] = tree.push(t.plane[i], i)
			t.pull[i] = t.pullOn(i)
		}
	})
	sum := 0.0
	for _, s := range t.sums {
		sum += s
	}
	for i := range t.plane {
		for c := range 2 {
			force := float64(4 * (float64(factor*t.pull[i][c]) - t.push[i][c]/sum))
			t.speed[i][c] = float64(tsneMomentum*t.speed[i][c]) - float64(rate*force)
			t.plane[i][c] += t.speed[i][c]
		}
	}
}

// pullOn is what a photo's neighbours do to it.
func (t *tsne) pullOn(i int) (f [2]float64) {
	for _, b := range t.neighbour[i] {
		dx, dy := t.plane[i][0]-t.plane[b.Row][0], t.plane[i][1]-t.plane[b.Row][1]
		w := float64(b.Dot) / (1 + float64(dx*dx) + float64(dy*dy))
		f[0] += float64(w * dx)
		f[1] += float64(w * dy)
	}
	return f
}

// A quadtree divides the plane until each cell has one point.
type quadtree struct {
	cells  []quadCell
	points [][2]float64
}

type quadCell struct {
	middle   [2]float64
	half     float64
	mass     float64    // points
	centre   [2]float64 // sum of the points
	point    int        // the only point, −1 for none or several
	children int        // the first of four in cells, 0 for none
	depth    int
}

const quadDepth = 40 // below it points lie at one place

func newQuadtree(points [][2]float64) *quadtree {
	t := &quadtree{points: points}
	half := 1e-9
	for _, p := range points {
		half = max(half, math.Abs(p[0]), math.Abs(p[1]))
	}
	t.cells = append(t.cells, quadCell{half: half, point: -1})
	for i := range points {
		t.insert(0, i)
	}
	return t
}

func (t *quadtree) insert(cell, i int) {
	for {
		c := &t.cells[cell]
		empty := c.mass == 0
		c.mass++
		c.centre[0] += t.points[i][0]
		c.centre[1] += t.points[i][1]
		if empty {
			c.point = i
			return
		}
		if c.depth == quadDepth {
			c.point = -1
			return
		}
		if c.children == 0 {
			t.divide(cell)
		}
		cell = t.childOf(cell, i)
	}
}

// divide gives a cell four children, one of which gets its point.
func (t *quadtree) divide(cell int) {
	c := t.cells[cell]
	t.cells[cell].children = len(t.cells)
	for q := range 4 {
		half := float64(c.half / 2) // rounded, as all products are
		middle := [2]float64{c.middle[0] - half, c.middle[1] - half}
		if q&1 != 0 {
			middle[0] = c.middle[0] + half
		}
		if q&2 != 0 {
			middle[1] = c.middle[1] + half
		}
		t.cells = append(t.cells, quadCell{middle: middle, half: half, point: -1, depth: c.depth + 1})
	}
	if c.point >= 0 {
		t.cells[cell].point = -1
		t.insert(t.childOf(cell, c.point), c.point)
	}
}

func (t *quadtree) childOf(cell, i int) int {
	c := &t.cells[cell]
	child := c.children
	if t.points[i][0] > c.middle[0] {
		child++
	}
	if t.points[i][1] > c.middle[1] {
		child += 2
	}
	return child
}

// push is what all other points do to point i at p, and the sum that it is to be divided by.
func (t *quadtree) push(p [2]float64, i int) (f [2]float64, sum float64) {
	stack := make([]int, 1, 64)
	for len(stack) > 0 {
		cell := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		c := &t.cells[cell]
		if c.mass == 0 || c.point == i {
			continue
		}
		dx, dy := p[0]-c.centre[0]/c.mass, p[1]-c.centre[1]/c.mass
		d := float64(dx*dx) + float64(dy*dy)
		if c.children != 0 && float64(4*c.half*c.half) > float64(tsneAngle*tsneAngle*d) {
			for q := range 4 {
				stack = append(stack, c.children+q)
			}
			continue
		}
		w := 1 / (1 + d)
		sum += float64(c.mass * w)
		scale := float64(c.mass * float64(w*w))
		f[0] += float64(scale * dx)
		f[1] += float64(scale * dy)
	}
	return f, sum
}
