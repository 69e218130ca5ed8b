package engine

// An array is a value with axes: its shape, the order of the axes from outermost to
// innermost in memory, and where it lies.
type array struct {
	shape, order []int
	view         *view
}

// strides returns the floats from one element of a to the next along each logical axis.
func (a *array) strides() []int {
	s := make([]int, len(a.order))
	p := a.view
	next := p.image()
	for i := len(a.order) - 1; i >= 0; i-- {
		axis, fromEnd := a.order[i], len(a.order)-1-i
		switch {
		case fromEnd == 0:
			s[axis] = 1
		case fromEnd == 1:
			s[axis] = p.ld
		case fromEnd == 2 && len(a.order) > 3:
			s[axis] = p.row()
		default:
			s[axis] = next
			next *= a.shape[axis]
		}
	}
	return s
}
