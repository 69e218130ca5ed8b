package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"featstore/split"
	"featstore/store"
)

// A Share is a count out of a total that is no accuracy, with its 95 % Wilson interval.
type Share struct {
	Count int     `json:"count"`
	Total int     `json:"total"`
	Share float64 `json:"share"` // 0 when Total is 0
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// NewShare computes share and interval of count out of total.
func NewShare(count, total int) Share {
	p := NewProportion(count, total)
	return Share{p.Correct, p.Total, p.Share, p.Low, p.High}
}

// String returns the share, its interval and the counts.
func (s Share) String() string {
	return fmt.Sprintf("%.1f%% (95%% interval %.1f to %.1f%%, %d of %d)", 100*s.Share, 100*s.Low, 100*s.High, s.Count, s.Total)
}

// An UnknownReport says how well a head tells images of its labels from images of
// other things.
type UnknownReport struct {
	Threshold  float64     `json:"threshold"`
	Rejected   Share       `json:"rejected"`    // of the images of other things
	KnownSplit split.Split `json:"known_split"` // the known images that they are compared with
	Known      Share       `json:"known"`       // rejected of these
	AUROC      AUROC       `json:"auroc"`
}

// An AUROC is the area under the receiver operating characteristic: the probability
// that an image of a label is more similar to the training images than one of another
// thing, ties counting half. Low and High are its 95 % interval.
type AUROC struct {
	Area float64 `json:"area"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// ErrCannotReject: a head has no prototypes.
var ErrCannotReject = errors.New("the head has nothing to tell by what is none of its labels")

// EvaluateUnknown compares the similarities of images of other things, as
// Head.Similarity gives them, with those of the testing split or, where that is empty,
// the validation split.
func EvaluateUnknown(ctx context.Context, db *store.DB, h *Head, unknown []float64) (*UnknownReport, error) {
	if h.prototypes == nil {
		return nil, ErrCannotReject
	}
	if len(unknown) == 0 {
		return nil, fmt.Errorf("%w: none of other things", ErrTooFew)
	}
	ix, err := db.Index(h.Models, split.Testing)
	if err == nil && ix.Len() == 0 {
		ix, err = db.Index(h.Models, split.Validation)
	}
	if err != nil {
		return nil, err
	}
	ix, _ = ix.Align(h.Labels)
	if ix.Len() == 0 {
		return nil, fmt.Errorf("%w: no photo of a known label is in the testing or the validation split to compare with", ErrEmptySplit)
	}
	var known []float64
	err = db.Each(ix, func(_ int, _ split.Digest, row []float32) error {
		known = append(known, h.prototypes.similarity(row))
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	return &UnknownReport{
		Threshold: h.Reject.Threshold, KnownSplit: ix.Split,
		Rejected: shareBelow(unknown, h.Reject.Threshold), Known: shareBelow(known, h.Reject.Threshold),
		AUROC: newAUROC(known, unknown),
	}, nil
}

func shareBelow(values []float64, threshold float64) Share {
	n := 0
	for _, v := range values {
		if v < threshold {
			n++
		}
	}
	return NewShare(n, len(values))
}

// newAUROC compares every positive with every negative value.
func newAUROC(positive, negative []float64) AUROC {
	sorted := slices.Sorted(slices.Values(negative))
	sum := 0.0
	for _, v := range positive {
		below, _ := slices.BinarySearch(sorted, v)
		equal := 0
		for below+equal < len(sorted) && sorted[below+equal] == v {
			equal++
		}
		sum += float64(below) + float64(float64(equal)/2)
	}
	a := AUROC{Area: sum / (float64(len(positive)) * float64(len(negative)))}
	a.Low, a.High = areaInterval(a.Area, float64(len(positive)), float64(len(negative)))
	return a
}

// areaInterval returns the areas whose own standard error, by Hanley and McNeil (1982),
// just reaches what was found. Like Wilson's interval it stays inside [0,1] and says
// something of an area of 1 too (Newcombe 2006, method 5).
func areaInterval(area, m, n float64) (low, high float64) {
	beyond := func(a float64) bool {
		star := float64((m+n)/2) - 1
		rest := 1 - a
		terms := 1 + float64(float64(star*rest)/float64(2-a)) + float64(float64(star*a)/float64(1+a))
		variance := float64(float64(float64(a*rest)*terms) / float64(m*n))
		return math.Abs(a-area) > float64(Z95*math.Sqrt(variance))
	}
	edge := func(inside, outside float64) float64 {
		for range 50 {
			if middle := float64((inside + outside) / 2); beyond(middle) {
				outside = middle
			} else {
				inside = middle
			}
		}
		return inside
	}
	return edge(area, 0), edge(area, 1)
}
