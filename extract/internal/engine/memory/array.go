package memory

// An Array is a value with axes: its shape, the order of the axes from outermost to
// innermost in memory, and where it lies.
type Array struct {
	Shape, Order []int
	View         *View
}

// Strides returns the floats from one element of a to the next along each logical axis.
func (a *Array) Strides() []int {
	s := make([]int, len(a.Order))
	p := a.View
	next := p.image()
	for i := len(a.Order) - 1; i >= 0; i-- {
		axis, fromEnd := a.Order[i], len(a.Order)-1-i
		switch {
		case fromEnd == 0:
			s[axis] = 1
		case fromEnd == 1:
			s[axis] = p.LD
		case fromEnd == 2 && len(a.Order) > 3:
			s[axis] = p.Row()
		default:
			s[axis] = next
			next *= a.Shape[axis]
		}
	}
	return s
}
