package extract

import (
	"errors"
	"fmt"
	"sort"
)

// A CutLine is a Cut as an inspection lists it.
type CutLine struct {
	Tensor string  `json:"tensor"`
	Shape  []int   `json:"shape"` // for one photo
	Below  float64 `json:"below"` // share of the multiplications that compute it, 0 to 1
	Bytes  int     `json:"bytes"` // of the activations of one photo, as float32
}

// ListCuts fills in Cuts and TrainableFrom: where the network can be parted for
// fine-tuning, and the lowest of these from which it can be trained.
func (r *Inspection) ListCuts() error {
	n := r.network
	if n == nil {
		return r.Err
	}
	cuts, err := n.Cuts()
	if err != nil {
		return err
	}
	r.Cuts = []CutLine{}
	for _, c := range cuts {
		r.Cuts = append(r.Cuts, CutLine{c.Tensor, c.Shape, c.Below, 4 * c.Len()})
	}
	var refused error
	lowest := sort.Search(len(cuts), func(i int) bool { // what can be trained from a cut on can from all above
		_, err := n.Tune(TuningOptions{Cut: cuts[i].Tensor, Images: 1, Cores: 1})
		if err != nil {
			refused = err
		}
		return err == nil
	})
	switch {
	case refused != nil && !errors.Is(refused, ErrNoGradient):
		return refused
	case refused != nil:
		r.Untrainable = fmt.Sprint(refused)
	}
	if lowest < len(cuts) {
		r.TrainableFrom = cuts[lowest].Tensor
	}
	return nil
}
