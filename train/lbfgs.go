package train

import (
	"context"
	"math"
)

// An objective returns the value of a smooth function at x and sets g to its
// gradient there.
type objective func(x, g []float64) float64

// An lbfgs minimises a smooth function by the limited-memory method of Broyden,
// Fletcher, Goldfarb and Shanno (Nocedal and Wright, Numerical Optimization, 2006,
// algorithms 7.4 and 3.5). It is written out, and not gonum's, because its results
// are part of what is promised to be the same on every machine: gonum's dot
// products add up in an order that depends on the architecture.
type lbfgs struct {
	f          objective
	tolerance  float64 // ends when no element of the gradient is larger
	iterations int     // most iterations

	x, g         []float64
	value        float64
	direction    []float64
	trialX       []float64
	trialG       []float64
	steps        [][]float64 // the last changes of x, oldest first
	changes      [][]float64 // and of g
	inner        []float64   // 1/(step·change)
	coefficients []float64
}

// lbfgsMemory is the number of changes remembered.
const lbfgsMemory = 10

// minimise moves x to a minimum and returns the value there.
func (m *lbfgs) minimise(ctx context.Context, x []float64) (float64, error) {
	n := len(x)
	m.x, m.g, m.direction = x, make([]float64, n), make([]float64, n)
	m.trialX, m.trialG = make([]float64, n), make([]float64, n)
	m.value = m.f(m.x, m.g)
	for range m.iterations {
		if err := ctx.Err(); err != nil {
			return m.value, err
		}
		if largest(m.g) <= m.tolerance {
			break
		}
		m.findDirection()
		first := 1.0
		if len(m.steps) == 0 {
			first = min(1, 1/math.Sqrt(dot64(m.g, m.g)))
		}
		value, ok := m.search(first)
		if !ok {
			if len(m.steps) == 0 {
				break // not even the steepest descent finds a lower value: only rounding errors are left
			}
			m.steps, m.changes, m.inner = m.steps[:0], m.changes[:0], m.inner[:0]
			continue
		}
		m.remember()
		m.value = value
		m.x, m.trialX = m.trialX, m.x
		m.g, m.trialG = m.trialG, m.g
	}
	copy(x, m.x)
	return m.value, nil
}

// findDirection sets direction to minus the approximate inverse Hessian times the
// gradient: the two-loop recursion.
func (m *lbfgs) findDirection() {
	d := m.direction
	for i, g := range m.g {
		d[i] = -g
	}
	k := len(m.steps)
	m.coefficients = append(m.coefficients[:0], make([]float64, k)...)
	for i := k - 1; i >= 0; i-- {
		m.coefficients[i] = m.inner[i] * dot64(m.steps[i], d)
		add64(d, -m.coefficients[i], m.changes[i])
	}
	if k > 0 {
		last := m.changes[k-1]
		scale := 1 / (m.inner[k-1] * dot64(last, last))
		for i := range d {
			d[i] *= scale
		}
	}
	for i := range k {
		b := float64(m.inner[i] * dot64(m.changes[i], d))
		add64(d, m.coefficients[i]-b, m.steps[i])
	}
}

// remember keeps the step from x to trialX, unless the function does not curve
// upwards along it.
func (m *lbfgs) remember() {
	var step, change []float64
	if len(m.steps) == lbfgsMemory {
		step, change = m.steps[0], m.changes[0]
		copy(m.steps, m.steps[1:])
		copy(m.changes, m.changes[1:])
		copy(m.inner, m.inner[1:])
		m.steps, m.changes, m.inner = m.steps[:lbfgsMemory-1], m.changes[:lbfgsMemory-1], m.inner[:lbfgsMemory-1]
	} else {
		step, change = make([]float64, len(m.x)), make([]float64, len(m.x))
	}
	for i := range step {
		step[i] = m.trialX[i] - m.x[i]
		change[i] = m.trialG[i] - m.g[i]
	}
	if curve := dot64(step, change); curve > 1e-16*dot64(change, change) {
		m.steps, m.changes, m.inner = append(m.steps, step), append(m.changes, change), append(m.inner, 1/curve)
	}
}

// A point of a line search: the length of the step, the value and the slope there.
type point struct{ t, value, slope float64 }

// search looks along the direction for a point that fulfils the strong Wolfe
// conditions and leaves it in trialX and trialG. It reports false if there is none.
func (m *lbfgs) search(first float64) (value float64, ok bool) {
	const sufficient, curvature, most = 1e-4, 0.9, 30
	start := point{0, m.value, dot64(m.g, m.direction)}
	if !(start.slope < 0) {
		return 0, false
	}
	low, high := start, point{t: math.Inf(1)}
	t := first
	for range most {
		p := m.at(t)
		switch {
		case !(p.value <= start.value+float64(sufficient*t*start.slope)) || (low.t > 0 && p.value >= low.value):
			high = p
		case math.Abs(p.slope) <= -curvature*start.slope:
			return p.value, true
		case p.slope >= 0:
			high = p
		default:
			low = p
		}
		t = between(low, high)
		if math.IsInf(high.t, 1) {
			t = 2 * low.t
		} else if math.Abs(high.t-low.t) < 1e-12*high.t {
			break
		}
	}
	// Rounding may hide the last condition; any lower point will do.
	if low.t > 0 && low.value < start.value {
		return m.at(low.t).value, true
	}
	return 0, false
}

// at evaluates the function at a step of length t.
func (m *lbfgs) at(t float64) point {
	for i, x := range m.x {
		m.trialX[i] = x + float64(t*m.direction[i])
	}
	v := m.f(m.trialX, m.trialG)
	return point{t, v, dot64(m.trialG, m.direction)}
}

// between returns where the cubic through two points and their slopes is lowest,
// kept away from both ends.
func between(low, high point) float64 {
	if math.IsInf(high.t, 1) {
		return high.t
	}
	width := high.t - low.t
	d1 := low.slope + high.slope - 3*(high.value-low.value)/width
	root := float64(d1*d1) - float64(low.slope*high.slope)
	t := low.t + float64(width/2)
	if root >= 0 {
		d2 := math.Copysign(math.Sqrt(root), width)
		if c := high.t - float64(width*(high.slope+d2-d1))/(high.slope-low.slope+2*d2); !math.IsNaN(c) {
			t = c
		}
	}
	return min(max(t, low.t+float64(0.1*width)), low.t+float64(0.9*width))
}

// dot64 is the dot product in four lanes.
func dot64(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		x, y := (*[4]float64)(a[i:]), (*[4]float64)(b[i:])
		s0 += float64(x[0] * y[0])
		s1 += float64(x[1] * y[1])
		s2 += float64(x[2] * y[2])
		s3 += float64(x[3] * y[3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// add64 adds f·b to a.
func add64(a []float64, f float64, b []float64) {
	for i, v := range b {
		a[i] += float64(f * v)
	}
}

// largest is the largest absolute value.
func largest(g []float64) float64 {
	top := 0.0
	for _, v := range g {
		top = max(top, math.Abs(v))
	}
	return top
}
