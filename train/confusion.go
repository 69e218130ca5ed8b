package train

import "sort"

// A Confusion is a C×C matrix of counts: Counts[t][p] images of label t were taken
// for label p.
type Confusion struct {
	Labels []string `json:"labels"`
	Counts [][]int  `json:"counts"`
}

// NewConfusion returns a matrix of zeros.
func NewConfusion(labels []string) *Confusion {
	c := &Confusion{Labels: labels, Counts: make([][]int, len(labels))}
	cells := make([]int, len(labels)*len(labels))
	for t := range c.Counts {
		c.Counts[t] = cells[t*len(labels) : (t+1)*len(labels) : (t+1)*len(labels)]
	}
	return c
}

// Add counts one image of label truth taken for label predicted.
func (c *Confusion) Add(truth, predicted int) { c.Counts[truth][predicted]++ }

// Accuracy is the proportion of the diagonal.
func (c *Confusion) Accuracy() Proportion {
	correct, total := 0, 0
	for t, row := range c.Counts {
		for p, n := range row {
			total += n
			if t == p {
				correct += n
			}
		}
	}
	return NewProportion(correct, total)
}

// A LabelScore is how well one label is told from the others.
type LabelScore struct {
	Label     string  `json:"label"`
	Precision float64 `json:"precision"` // of the images taken for this label, the share that is; 0 if none was
	Recall    float64 `json:"recall"`    // of the images of this label, the share taken for it; 0 if there is none
	F1        float64 `json:"f1"`        // harmonic mean of the two; 0 if both are
	Support   int     `json:"support"`   // images of this label
	Predicted int     `json:"predicted"` // images taken for it
}

// LabelScores returns a score for each label, in order.
func (c *Confusion) LabelScores() []LabelScore {
	scores := make([]LabelScore, len(c.Labels))
	for t, row := range c.Counts {
		scores[t].Label = c.Labels[t]
		for p, n := range row {
			scores[t].Support += n
			scores[p].Predicted += n
		}
	}
	for i := range scores {
		s, hit := &scores[i], float64(c.Counts[i][i])
		s.Precision = ratio(hit, float64(s.Predicted))
		s.Recall = ratio(hit, float64(s.Support))
		s.F1 = ratio(2*hit, float64(s.Predicted+s.Support))
	}
	return scores
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// MacroScore is the plain mean over labels: every label counts the same, however
// few images it has.
type MacroScore struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"` // also called balanced accuracy
	F1        float64 `json:"f1"`
}

// Macro averages the labels that have images or were predicted, as scikit-learn
// does.
func (c *Confusion) Macro() MacroScore {
	var m MacroScore
	n := 0.0
	for _, s := range c.LabelScores() {
		if s.Support+s.Predicted == 0 {
			continue
		}
		m.Precision += s.Precision
		m.Recall += s.Recall
		m.F1 += s.F1
		n++
	}
	return MacroScore{Precision: ratio(m.Precision, n), Recall: ratio(m.Recall, n), F1: ratio(m.F1, n)}
}

// A Mixup is a pair of labels that were confused.
type Mixup struct {
	Truth     string `json:"truth"`
	Predicted string `json:"predicted"`
	Count     int    `json:"count"`
	Support   int    `json:"support"` // images of label Truth
}

// Worst returns the n most frequent mixups, most frequent first; n < 0 means all.
func (c *Confusion) Worst(n int) []Mixup {
	var worst []Mixup
	for t, row := range c.Counts {
		support := 0
		for _, k := range row {
			support += k
		}
		for p, k := range row {
			if t != p && k > 0 {
				worst = append(worst, Mixup{Truth: c.Labels[t], Predicted: c.Labels[p], Count: k, Support: support})
			}
		}
	}
	sort.SliceStable(worst, func(i, j int) bool { return worst[i].Count > worst[j].Count })
	if n >= 0 && len(worst) > n {
		worst = worst[:n]
	}
	return worst
}
