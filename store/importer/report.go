package importer

import (
	"cmp"
	"slices"

	"featstore/split"
)

// A Report says what an import did. Numbers are of images, unless they say otherwise.
type Report struct {
	Rows       int `json:"rows"`
	Done       int `json:"done"`      // rows that are in the store now
	New        int `json:"new"`       // images that the store did not have
	Unchanged  int `json:"unchanged"` // it had them, with label and vector
	Added      int `json:"added"`     // it had them without a vector of the model
	Changed    int `json:"changed"`   // it had another vector of the model, or other bytes
	Relabelled int `json:"relabelled"`
	Copies     int `json:"copies"` // images whose bytes another row has too

	Labels []LabelCount `json:"labels"` // rows of each, in the order of labels
	Splits SplitCounts  `json:"splits"` // rows for which the source says the split
	Fixed  int          `json:"fixed"`  // splits set by hand: the store's were others

	Failed   int       `json:"failed"` // rows that could not be used
	Failures []Failure `json:"failures"`

	// KeptLabels are images from files that have another label in the store, which they keep.
	KeptLabels int       `json:"kept_labels"`
	Kept       []Failure `json:"kept"`

	Roots []string `json:"roots"` // folders that the images lie under
}

// A Failure is a row that could not be used, and why. Reports name the first MostNamed.
type Failure struct {
	Row    string `json:"row"`
	Reason string `json:"reason"`
}

// MostNamed is how many rows of a kind a report names; all are counted.
const MostNamed = 1000

// A LabelCount is a label and a number of rows.
type LabelCount struct {
	Label string `json:"label"`
	Rows  int    `json:"rows"`
}

// SplitCounts are numbers of rows.
type SplitCounts struct {
	Training   int `json:"training"`
	Validation int `json:"validation"`
	Testing    int `json:"testing"`
}

// All is the sum.
func (c SplitCounts) All() int { return c.Training + c.Validation + c.Testing }

func (c *SplitCounts) add(s split.Split) {
	switch s {
	case split.Training:
		c.Training++
	case split.Validation:
		c.Validation++
	case split.Testing:
		c.Testing++
	}
}

func (r *Report) fail(row, reason string) {
	r.Failed++
	if len(r.Failures) < MostNamed {
		r.Failures = append(r.Failures, Failure{row, reason})
	}
}

func (r *Report) keep(row, reason string) {
	r.KeptLabels++
	if len(r.Kept) < MostNamed {
		r.Kept = append(r.Kept, Failure{row, reason})
	}
}

// label counts a row of a label.
func (r *Report) label(name string) {
	if name == "" {
		return
	}
	at, ok := slices.BinarySearchFunc(r.Labels, name, func(l LabelCount, name string) int { return cmp.Compare(l.Label, name) })
	if !ok {
		r.Labels = slices.Insert(r.Labels, at, LabelCount{Label: name})
	}
	r.Labels[at].Rows++
}
