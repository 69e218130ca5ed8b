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
	rng := rand.NewPCG(opt.seed, streamTraining)
	order := make([]int, len(t.rows))
	for i := range order {
		order[i] = i
	}
	for pass := range opt.passes {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		shuffle(rng, order)
		worst := 0.0
		for _, i := range order {
			worst = max(worst, s.visit(i))
		}
		if worst <= opt.tolerance {
			break
		}
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
	t         *table
	opt       svmOptions
	alpha     []float64
	lengths   []float64 // per image: ‖x‖² + 1
	labelRows [][]float32
	dots      []float32 // C
	moves     []float32 // C
	one       [1][]float32
}

func newSVM(t *table, opt svmOptions, start *svmState) *svm {
	s := &svm{layer: newLayer(t.labels, t.dim()), t: t, opt: opt, dots: make([]float32, t.labels), moves: make([]float32, t.labels)}
	s.alpha = make([]float64, len(t.rows)*t.labels)
	for _, row := range t.rows {
		s.lengths = append(s.lengths, squares(row)+1)
	}
	for c := range t.labels {
		s.labelRows = append(s.labelRows, s.weights[c*s.dim:(c+1)*s.dim])
	}
	if start != nil {
		copy(s.alpha, start.alpha)
		s.rebuild()
	}
	return s
}

// side is +1 for an image of the label, else −1.
func (s *svm) side(i, c int) float64 {
	if s.t.truth[i] == c {
		return 1
	}
	return -1
}

// visit brings the dual variables of one image to their best, the others being
// fixed, and returns by how much the worst of them violated optimality.
func (s *svm) visit(i int) (worst float64) {
	x := s.t.rows[i]
	product.Dots(s.dots, s.labelRows, x, s.dim)
	strength := s.opt.strength
	if s.opt.weights != nil {
		strength *= s.opt.weights[s.t.truth[i]]
	}
	soft := 1 / (2 * strength)
	moved := false
	alpha := s.alpha[i*s.t.labels : (i+1)*s.t.labels]
	for c, a := range alpha {
		y := s.side(i, c)
		gradient := float64(y*(float64(s.dots[c])+float64(s.bias[c]))) - 1 + float64(soft*a)
		violation := math.Abs(gradient)
		if a == 0 && gradient > 0 {
			violation = 0
		}
		worst = max(worst, violation)
		s.moves[c] = 0
		if violation < 1e-12 {
			continue
		}
		next := max(a-gradient/(s.lengths[i]+soft), 0)
		s.moves[c] = float32(y * (next - a))
		s.bias[c] += s.moves[c]
		alpha[c] = next
		moved = moved || s.moves[c] != 0
	}
	if moved {
		s.one[0] = x
		product.AddOuter(s.weights, s.one[:], s.moves, s.dim, 0, s.dim)
	}
	return worst
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
				f := s.side(i, c) * s.alpha[i*s.t.labels+c]
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
