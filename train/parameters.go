package train

// Parameters are all that a head computes with, for programs that compute the same in
// another form. The slices are the head's own and must not be changed.
//
// The features x, of each network Blocks many, one after the other, become (x − Shift)·Factor
// if there are factors, and then each block is brought to Euclidean length 1 if UnitLength
// is set. One of Layers, Bayes and KNN makes scores of them, and Head.Shift and
// Head.Temperature probabilities of the scores.
type Parameters struct {
	Blocks     []int
	Shift      []float32 // D, or none
	Factor     []float32 // D, or none
	UnitLength bool

	Layers []LayerParameters // from the features on, with rectifiers between; the last gives the scores
	Bayes  *BayesParameters
	KNN    *KNNParameters

	// Prototypes, P×D, are what Head.Similarity compares with: the largest scalar product
	// with one of them, divided by the number of blocks, after each feature was raised to the
	// power of 5/8, with its sign, and each block brought to length 1. None in heads that
	// cannot reject by similarity. They are compared with features as the networks gave them.
	Prototypes []float32
}

// LayerParameters are a fully connected layer: out = Weights · x + Bias.
type LayerParameters struct {
	Inputs  int
	Weights []float32 // outputs × Inputs, row-major
	Bias    []float32
}

// BayesParameters give the score Constant − ½ Σ (x − Mean)²·Inverse.
type BayesParameters struct {
	Mean     []float64 // C×D, row-major
	Inverse  []float64 // C×D
	Constant []float64 // C
}

// KNNParameters give each label ln((votes + VoteFloor) ÷ (K + VoteFloor·C)), a vote for each
// of the K rows with the largest scalar products, of equal ones those that come first.
type KNNParameters struct {
	K         int
	Rows      [][]float32 // N×D, each of length 1
	Truth     []int       // N: a label's number
	VoteFloor float64
}

// Parameters returns what the head computes with.
func (h *Head) Parameters() Parameters {
	p := Parameters{Blocks: h.scaling.Blocks, Shift: h.scaling.Shift, Factor: h.scaling.Factor, UnitLength: h.scaling.Kind == ScaleL2}
	if h.prototypes != nil {
		p.Prototypes = h.prototypes.rows
	}
	switch c := h.classifier.(type) {
	case *layer:
		p.Layers = []LayerParameters{{c.dim, c.weights, c.bias}}
	case *mlp:
		for _, l := range c.layers {
			p.Layers = append(p.Layers, LayerParameters{l.dim, l.weights, l.bias})
		}
	case *bayes:
		p.Bayes = &BayesParameters{c.mean, c.inverse, c.constant}
	case *knn:
		p.KNN = &KNNParameters{c.k, c.rows, c.truth, voteFloor}
	}
	return p
}
