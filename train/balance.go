package train

import "featstore/train/internal/bitexact"

// How to train on labels that are unequally common.
const (
	BalanceSampler = "sampler" // softmax only: a label is drawn first, then an image of it
	BalanceWeights = "weights" // the rarer a label, the more each of its images counts
	BalanceNone    = "none"    // every image counts the same
)

// Which frequencies of labels the probabilities are for.
const (
	PriorTraining = "training" // as in the training split: right if new photos are distributed alike
	PriorUniform  = "uniform"  // all labels equally common
)

// labelWeights returns the weight of an image of each label, of mean 1 over the
// images; nil where all are 1.
func labelWeights(balance string, counts []int) []float64 {
	if balance != BalanceWeights {
		return nil
	}
	n, present := 0, 0
	for _, k := range counts {
		n += k
		if k > 0 {
			present++
		}
	}
	w := make([]float64, len(counts))
	for c, k := range counts {
		if k > 0 {
			w[c] = float64(n) / (float64(present) * float64(k))
		}
	}
	return w
}

// priorShift returns what to add to the scores of a head so that its probabilities
// are for the frequencies asked for: the logarithm of these over the frequencies it
// was trained with (Saerens et al. 2002; Menon et al. 2021, "Long-tail learning via
// logit adjustment"). Nil means nothing.
func priorShift(cfg Config, counts []int) []float64 {
	balanced := cfg.Balance != BalanceNone
	if balanced == (cfg.Prior == PriorUniform) {
		return nil // trained with the frequencies that are wanted
	}
	n, present := 0, 0
	for _, k := range counts {
		n += k
		if k > 0 {
			present++
		}
	}
	shift := make([]float64, len(counts))
	for c, k := range counts {
		if k == 0 {
			continue
		}
		shift[c] = bitexact.Log(float64(k) * float64(present) / float64(n))
		if cfg.Prior == PriorUniform {
			shift[c] = -shift[c]
		}
	}
	return shift
}
