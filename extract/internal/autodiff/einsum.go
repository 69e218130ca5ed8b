package autodiff

import (
	"fmt"
	"strings"

	"featstore/extract/internal/tensor"
)

// einsum: the gradient by an operand is an Einsum itself, of dy and all other operands,
// with the operand's labels as the result. A label that only the operand has, and that
// was summed over, comes from an array of ones.
func einsum(s *step) error {
	equation := strings.ReplaceAll(s.Text("equation", ""), " ", "")
	left, result, explicit := strings.Cut(equation, "->")
	if !explicit || strings.Contains(equation, ".") {
		return fmt.Errorf("equation %q: %w", equation, ErrNoRule)
	}
	terms := strings.Split(left, ",")
	for i, term := range terms {
		labels, operands := []string{result}, []*tensor.Tensor{tensor.New(s.dy[0], s.out[0].Shape...)}
		for k, other := range terms {
			if k != i {
				labels, operands = append(labels, other), append(operands, s.in[k])
			}
		}
		for d, l := range term {
			if strings.Count(term, string(l)) > 1 {
				return fmt.Errorf("equation %q takes a diagonal: %w", equation, ErrNoRule)
			}
			if n := s.in[i].Shape[d]; !strings.ContainsRune(strings.Join(labels, ""), l) {
				ones := make([]float64, n)
				for k := range ones {
					ones[k] = 1
				}
				labels, operands = append(labels, string(l)), append(operands, tensor.New(ones, n))
			}
		}
		dx, err := apply("Einsum", attrs{"equation": strings.Join(labels, ",") + "->" + term}, operands...)
		if err != nil {
			return err
		}
		s.dx[i] = tensor.Values[float64](dx)
	}
	return nil
}
