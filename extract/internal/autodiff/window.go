package autodiff

import (
	"featstore/extract/internal/tensor"
)

// windowAttrs say how a window slides, in convolutions and poolings alike.
var windowAttrs = []string{"strides", "pads", "dilations", "auto_pad", "ceil_mode"}

// taps returns, for each place of the kernel and below it for each place of an output
// plane, the element of an input plane that lies there, or -1 for padding: it is what
// comes out of a plane of numbers through kernels of a single 1.
func (s *step) taps(spatial, kernel []int) (at [][]int, err error) {
	a := attrs{}
	for _, name := range windowAttrs {
		if v, ok := s.Attrs[name]; ok {
			a[name] = v
		}
	}
	k := tensor.Len(kernel)
	ones := make([]float64, k*k)
	for i := range k {
		ones[i*k+i] = 1
	}
	plane := append([]int{1, 1}, spatial...)
	t, err := apply("Conv", a, numbered(1, plane), tensor.New(ones, append([]int{k, 1}, kernel...)...))
	if err != nil {
		return nil, err
	}
	all := numbers(t)
	n := len(all) / k
	for i := range k {
		at = append(at, all[i*n:][:n])
	}
	return at, nil
}
