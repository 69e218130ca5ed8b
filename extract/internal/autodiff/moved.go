package autodiff

import "featstore/extract/internal/tensor"

// movers are the operators whose results consist of elements of their inputs. The
// attributes are left out when elements are numbered.
var movers = map[string][]string{
	"Cast": nil, "Concat": nil, "DepthToSpace": nil, "Dropout": nil, "Expand": nil, "Flatten": nil, "Gather": nil, "GatherElements": nil,
	"GatherND": nil, "Identity": nil, "Pad": {"value"}, "Reshape": nil, "Slice": nil, "SpaceToDepth": nil, "Split": nil, "Squeeze": nil,
	"Tile": nil, "Transpose": nil, "Unsqueeze": nil, "Where": nil,
}

// moved: dx[j] = Σ dy[i] over the places i that element j came to. Where they are is
// seen by moving the elements' numbers: those of all inputs, one after the other from 1
// on, so that 0 is what a Pad adds.
func moved(s *step) error {
	in := append([]*tensor.Tensor{}, s.in...)
	n := 0
	for i := range in {
		if s.real(i) {
			in[i] = numbered(1+n, in[i].Shape)
			n += tensor.Len(in[i].Shape)
		}
	}
	left := attrs{}
	for _, name := range movers[s.Op] {
		left[name] = nil
	}
	out, err := s.again(in, left, len(s.Outputs))
	if err != nil {
		return err
	}
	all := make([]float64, n)
	for i, dy := range s.dy {
		if dy == nil {
			continue
		}
		for k, v := range scattered(dy, numbers(out[i]), n) {
			all[k] += v
		}
	}
	for i := range in {
		if s.real(i) {
			k := tensor.Len(in[i].Shape)
			s.dx[i], all = all[:k:k], all[k:]
		}
	}
	return nil
}
