package train

import (
	"context"
	"math"
	"math/rand/v2"

	"featstore/train/internal/product"
)

// An svmOptions holds the settings of a linear support vector machine.
type svmOptions struct {
	strength  float64   // C: how much a training error counts against small weights
	weights   []float64 // per label, nil for all 1
	tolerance float64   // largest violation of optimality that is accepted
	passes    int       // most passes over the images
	seed      uint64
}

// An svmState is a solution that a next one, for a larger strength, may start from.
type svmState struct {
	alpha []float64 // N×C: how much an image holds up the margin of a label
}

// fitSVM fits one linear support vector machine a label, that label against the
// rest, by dual coordinate descent (Hsieh et al. 2008): it minimises
// ½‖w‖² + ½b² + C Σ max(0, 1 − y(w·x+b))². Like LIBLINEAR it treats the bias as the
// weight of one more feature that is always 1. All labels move through the images
// together, so that an image's features are read once for all of them.
func fitSVM(ctx context.Context, t *table, opt svmOptions, start *svmState) (*layer, *svmState, error) {
	s := newSVM(t, opt, start)
	src := rand.NewPCG(opt.seed, streamTraining)
	order := make([]int, len(t.rows))
	for i := range order {
		order[i] = i
	}
	s.reactivate()
	for pass := range opt.passes {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		shuffle(src, order)
		s.worst = 0
		for _, i := range order {
			s.visit(i)
		}
		if s.worst <= opt.tolerance {
			if s.complete {
				break
			}
			s.rebuild()
			s.reactivate() // what was set aside may have come to matter
			continue
		}
		s.shrinkAbove = s.worst
		if pass%16 == 15 {
			s.rebuild()
		}
	}
	s.rebuild()
	return &s.layer, &svmState{s.alpha}, nil
}

// An svm is the state of the descent.
type svm struct {
	layer
	t       *table
	opt     svmOptions
	alpha   []float64 // N×C
	lengths []float64 // per image: ‖x‖² + 1

	// Pairs of image and label whose dual variable is 0 and bound to stay so are set
	// aside for a while: most images are far from the margins of most labels.
	aside       []bool  // N×C
	complete    bool    // none was set aside since all were looked at
	shrinkAbove float64 // the gradient above which a pair is set aside
	worst       float64 // largest violation of optimality in this pass

	// Of the image being visited: the labels that are not set aside.
	active []int
	rows   [][]float32 // their weights
	dots   []float32
	one    [1][]float32
	move   [1]float32
}

func newSVM(t *table, opt svmOptions, start *svmState) *svm {
	s := &svm{layer: newLayer(t.labels, t.dim()), t: t, opt: opt, dots: make([]float32, t.labels)}
	s.alpha, s.aside = make([]float64, len(t.rows)*t.labels), make([]bool, len(t.rows)*t.labels)
	for _, row := range t.rows {
		s.lengths = append(s.lengths, squares(row)+1)
	}
	if start != nil {
		copy(s.alpha, start.alpha)
		s.rebuild()
	}
	return s
}

// reactivate looks at all pairs again.
func (s *svm) reactivate() {
	clear(s.aside)
	s.complete = true
	s.shrinkAbove = math.Inf(1)
}

// side is +1 for an image of the label, else −1.
func (s *svm) side(i, c int) float64 {
	if s.t.truth[i] == c {
		return 1
	}
	return -1
}

// visit brings the dual variables of one image to their best, the others being
// fixed.
func (s *svm) visit(i int) {
	labels := s.t.labels
	s.active, s.rows = s.active[:0], s.rows[:0]
	for c, aside := range s.aside[i*labels : (i+1)*labels] {
		if !aside {
			s.active = append(s.active, c)
			s.rows = append(s.rows, s.weights[c*s.dim:(c+1)*s.dim])
		}
	}
	if len(s.active) == 0 {
		return
	}
	x := s.t.rows[i]
	product.Dots(s.dots, s.rows, x, s.dim)
	strength := s.opt.strength
	if s.opt.weights != nil {
		strength *= s.opt.weights[s.t.truth[i]]
	}
	soft := 1 / (2 * strength)
	s.one[0] = x
	for k, c := range s.active {
		s.move[0] = float32(s.improve(i, c, float64(s.dots[k])+float64(s.bias[c]), soft))
		if s.move[0] != 0 {
			s.bias[c] += s.move[0]
			product.AddOuter(s.rows[k], s.one[:], s.move[:], s.dim, 0, s.dim)
		}
	}
}

// improve brings one dual variable to its best and returns the factor of the image
// to be added to the label's weights.
func (s *svm) improve(i, c int, score, soft float64) float64 {
	a := &s.alpha[i*s.t.labels+c]
	y := s.side(i, c)
	gradient := float64(y*score) - 1 + float64(soft**a)
	if *a == 0 && gradient >= 0 {
		if gradient > s.shrinkAbove {
			s.aside[i*s.t.labels+c] = true
			s.complete = false
		}
		return 0
	}
	s.worst = max(s.worst, math.Abs(gradient))
	next := max(*a-gradient/(s.lengths[i]+soft), 0)
	move := float64(y * (next - *a))
	*a = next
	return move
}

// rebuild computes the weights from the dual variables, to be rid of the rounding
// errors of many small moves.
func (s *svm) rebuild() {
	clear(s.weights)
	bias := make([]float64, s.t.labels)
	factors := make([]float32, 0, 256*s.t.labels)
	for lo := 0; lo < len(s.t.rows); lo += 256 {
		hi := min(lo+256, len(s.t.rows))
		factors = factors[:0]
		for i := lo; i < hi; i++ {
			for c := range s.t.labels {
				f := float64(s.side(i, c) * s.alpha[i*s.t.labels+c])
				factors = append(factors, float32(f))
				bias[c] += f
			}
		}
		product.AddOuter(s.weights, s.t.rows[lo:hi], factors, s.dim, 0, s.dim)
	}
	for c, b := range bias {
		s.bias[c] = float32(b)
	}
}
