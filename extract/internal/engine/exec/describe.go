package exec

import (
	"context"
	"fmt"
	"time"
)

// Algorithm says how a step computes what it does, "" where there is one way only.
func Algorithm(s Step) string {
	if s, ok := s.(interface{ algorithm() string }); ok {
		return s.algorithm()
	}
	return ""
}

// WeightBytes is how much memory a step's packed weights take.
func WeightBytes(s Step) int {
	if s, ok := s.(Weighted); ok {
		return s.WeightBytes()
	}
	return 0
}

func (s *Conv) algorithm() string {
	if len(s.packed) > 1 {
		return fmt.Sprintf("direct, %d groups", len(s.packed))
	}
	return "direct"
}

func (s *Depthwise) algorithm() string { return "direct" }

func (s *Winograd) algorithm() string {
	return fmt.Sprintf("Winograd F(%d×%d, %d×%d)", s.tiling.Y.M, s.tiling.X.M, s.KH, s.KW)
}

func (s *Strassen) algorithm() string { return "Strassen" }

func (s *Block) algorithm() string {
	return fmt.Sprintf("strips: %d, chunks: %d", (s.h+s.strip-1)/s.strip, len(s.chunks))
}

func (s *ByteConv) algorithm() string { return "8-bit" }

func (s *ByteDepthwise) algorithm() string { return "8-bit" }

func (s *Reference) algorithm() string { return "reference" }

// Time runs the plan so many times, at least once, and returns the shortest time of
// every step: other work on the machine makes times longer, never shorter.
func (r *Runner) Time(ctx context.Context, in, out []float32, rounds int) ([]time.Duration, error) {
	if err := r.Run(ctx, in, out); err != nil {
		return nil, err
	}
	r.in, r.out = in, out
	defer func() { r.in, r.out = nil, nil }()
	if r.pool != nil {
		r.pool.start()
		defer r.pool.stop()
	}
	best := make([]time.Duration, len(r.plan.Steps))
	for round := range max(rounds, 1) {
		err := r.each(ctx, 0, len(best), func(i int, s Step) error {
			start := time.Now()
			err := r.do(s)
			if took := time.Since(start); round == 0 || took < best[i] {
				best[i] = took
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return best, nil
}
