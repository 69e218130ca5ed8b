package engine

import (
	"fmt"
	"slices"

	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/tensor"
)

// verifyMemory runs a placed net with names in the place of numbers: every element that a
// node computes is a number of its own, and what only moves elements, such as a slice,
// keeps theirs. So it finds a value that was overwritten before its last reader, a view of
// the wrong elements, and a halo that is not empty. With an arena it does so in the
// addresses of the laid out arena, else every buffer is memory of its own.
func verifyMemory(g *net, ops map[*node]operation, arena bool) error {
	m := &symbolicMemory{ops: ops, elements: map[*value][]int32{}, offsets: map[*value][]int{}, cells: map[*memory.Buffer][]int32{}, cellsOf: 1}
	m.prepare(g, arena)
	if g.input.order != nil {
		m.elements[g.input] = m.fresh(tensor.Len(g.input.shape))
		if err := m.write(g.input); err != nil {
			return err
		}
	}
	for _, n := range g.nodes {
		if err := m.run(n); err != nil {
			return fmt.Errorf("%s %q: %w", ops[n].name(), n.label, err)
		}
	}
	if len(g.output.users) == 0 { // else it was handed out by the storeTap of a training
		return m.read(g.output)
	}
	return nil
}

// emptyCell is what a cell of a halo holds.
const emptyCell = -1

type symbolicMemory struct {
	ops      map[*node]operation
	last     int32              // the last name that was given
	elements map[*value][]int32 // the names of a value's elements, row-major
	offsets  map[*value][]int   // where they lie in the buffer

	arena   []int32 // nil if every buffer is by itself
	cellsOf int     // cells of a float; a byte has one
	cells   map[*memory.Buffer][]int32
}

// prepare makes the arena as large as its buffers need. Where there are bytes, a float
// takes four cells.
func (m *symbolicMemory) prepare(g *net, arena bool) {
	end := 0
	for _, n := range g.nodes {
		for _, v := range n.out {
			if v.view == nil {
				continue
			}
			b := v.view.Buffer
			end = max(end, b.Off+b.Size)
			if b.Bytes {
				m.cellsOf = 4
			}
		}
	}
	if v := g.input.view; v != nil {
		end = max(end, v.Buffer.Off+v.Buffer.Size)
	}
	if arena {
		m.arena = make([]int32, end*m.cellsOf)
	}
}

func (m *symbolicMemory) fresh(n int) []int32 {
	names := make([]int32, n)
	for i := range names {
		m.last++
		names[i] = m.last
	}
	return names
}

// width is how many cells an element of a buffer takes.
func (m *symbolicMemory) width(b *memory.Buffer) int {
	if b.Bytes {
		return 1
	}
	return m.cellsOf
}

// memoryOf returns the cells of a buffer. Its halo is cleared when it is first asked for.
func (m *symbolicMemory) memoryOf(b *memory.Buffer) []int32 {
	if c := m.cells[b]; c != nil {
		return c
	}
	h, w := b.H+b.Halo.Top+b.Halo.Bottom, b.W+b.Halo.Left+b.Halo.Right
	n := b.N * h * w * b.LD * m.width(b)
	var cells []int32
	switch {
	case m.arena == nil || b.Input:
		cells = make([]int32, n)
	case b.Off*m.cellsOf+n > len(m.arena):
		return nil // no step uses it
	default:
		cells = m.arena[b.Off*m.cellsOf:][:n:n]
	}
	line := b.LD * m.width(b)
	for i := range b.N * h * w {
		y, x := i/w%h, i%w
		if y < b.Halo.Top || y >= b.Halo.Top+b.H || x < b.Halo.Left || x >= b.Halo.Left+b.W {
			fillCells(cells[i*line:][:line], emptyCell)
		}
	}
	m.cells[b] = cells
	return cells
}

func fillCells(cells []int32, name int32) {
	for i := range cells {
		cells[i] = name
	}
}

// placeOf returns where the elements of v lie in its buffer, in cells.
func (m *symbolicMemory) placeOf(v *value) ([]int, error) {
	if at := m.offsets[v]; at != nil {
		return at, nil
	}
	if err := verifyView(v); err != nil {
		return nil, err
	}
	at := make([]int, tensor.Len(v.shape))
	strides, index := v.array().Strides(), make([]int, len(v.shape))
	size, width := len(m.memoryOf(v.view.Buffer)), m.width(v.view.Buffer)
	for i := range at {
		at[i] = v.view.At(0, 0, 0)
		for axis, k := range index {
			at[i] += k * strides[axis]
		}
		if at[i] *= width; at[i] < 0 || at[i] >= size {
			return nil, fmt.Errorf("element %d of %q lies outside its buffer", i, v.name)
		}
		advance(index, v.shape)
	}
	m.offsets[v] = at
	return at, nil
}

// verifyView checks that a view has the dimensions of its value, and a buffer of its kind.
func verifyView(v *value) error {
	n, h, w, c := dimensions(v)
	switch at := v.view; {
	case at == nil:
		return fmt.Errorf("%q lies nowhere", v.name)
	case n != at.N || h != at.H || w != at.W || c != at.C:
		return fmt.Errorf("%q of %d×%d×%d×%d lies in a view of %d×%d×%d×%d", v.name, n, h, w, c, at.N, at.H, at.W, at.C)
	case at.Buffer.Bytes != (v.quant != nil):
		return fmt.Errorf("%q lies in a buffer of bytes: %v", v.name, at.Buffer.Bytes)
	}
	return nil
}

// inArena reports whether v lies in memory that others may use too.
func inArena(v *value) bool { return v != nil && v.constant == nil && v.order != nil }

// read checks that all elements of v are where they were written.
func (m *symbolicMemory) read(v *value) error {
	if !inArena(v) {
		return nil
	}
	at, err := m.placeOf(v)
	if err != nil {
		return err
	}
	cells, width := m.memoryOf(v.view.Buffer), m.width(v.view.Buffer)
	for i, name := range m.elements[v] {
		for k := range width {
			if cells[at[i]+k] != name {
				return fmt.Errorf("element %d of %q is overwritten before it is read", i, v.name)
			}
		}
	}
	return nil
}

func (m *symbolicMemory) write(v *value) error {
	at, err := m.placeOf(v)
	if err != nil {
		return err
	}
	cells, width := m.memoryOf(v.view.Buffer), m.width(v.view.Buffer)
	for i, name := range m.elements[v] {
		fillCells(cells[at[i]:][:width], name)
	}
	return nil
}

// run reads a node's inputs and writes its results.
func (m *symbolicMemory) run(n *node) error {
	for _, v := range n.in {
		if err := m.read(v); err != nil {
			return err
		}
	}
	if err := m.readHalo(n); err != nil {
		return err
	}
	for _, v := range n.out {
		if !inArena(v) {
			continue
		}
		m.elements[v] = m.moved(n, v)
		moves := m.elements[v] != nil
		if !moves {
			m.elements[v] = m.fresh(tensor.Len(v.shape))
		}
		if err := m.verifyOverlap(n, v, moves); err != nil {
			return err
		}
		if err := m.write(v); err != nil {
			return err
		}
	}
	return nil
}

// readHalo checks the border that n reads around its first input.
func (m *symbolicMemory) readHalo(n *node) error {
	need := m.ops[n].halo(n)
	if need.Empty() {
		return nil
	}
	v := n.in[0]
	at, has := v.view, v.view.Buffer.Halo
	if at.Strided || has.Union(need) != has {
		return fmt.Errorf("%q needs a halo of %v and has %v", v.name, need, has)
	}
	if b := at.Buffer; b.Bytes && b.Zero != byte(v.quant.zeroPoint) {
		return fmt.Errorf("the halo of %q holds %d, its zero is %d", v.name, b.Zero, v.quant.zeroPoint)
	}
	cells, width := m.memoryOf(at.Buffer), m.width(at.Buffer)
	for image := range at.N {
		for y := -need.Top; y < at.H+need.Bottom; y++ {
			for x := -need.Left; x < at.W+need.Right; x++ {
				if y >= 0 && y < at.H && x >= 0 && x < at.W {
					continue
				}
				pixel := cells[at.At(image, y, x)*width:][:at.C*width]
				if slices.ContainsFunc(pixel, func(name int32) bool { return name != emptyCell }) {
					return fmt.Errorf("the halo of %q is overwritten before it is read", v.name)
				}
			}
		}
	}
	return nil
}

// mayOverwrite reports whether n may write its result where its i-th input lies: it reads
// each element of it before it writes the same one, and never again.
func (m *symbolicMemory) mayOverwrite(n *node, i int) bool {
	switch m.ops[n].(type) {
	case *activate, *activateGradient, *batchNorm, *binary, *byteBinary, *lookup, *rowwise:
		return i == 0
	case *conv, *block:
		return i == 1
	}
	return false
}

// verifyOverlap checks that writing v, a result of n, spoils no input that n still reads.
func (m *symbolicMemory) verifyOverlap(n *node, v *value, moves bool) error {
	at, err := m.placeOf(v)
	if err != nil {
		return err
	}
	buffer := v.view.Buffer
	cells, width := m.memoryOf(buffer), m.width(buffer)
	written := map[int]bool{}
	for i, name := range m.elements[v] {
		if !moves || cells[at[i]] != name { // else it is there already
			written[at[i]] = true
		}
	}
	for i, in := range n.in {
		if !inArena(in) || in.view.Buffer != buffer {
			continue
		}
		from, err := m.placeOf(in)
		if err != nil {
			return err
		}
		if m.mayOverwrite(n, i) && slices.Equal(from, at) {
			continue
		}
		for _, f := range from {
			if written[f/width*width] {
				return fmt.Errorf("the result %q is written into input %d, %q, while that is read", v.name, i, in.name)
			}
		}
		if len(written) > 0 && aliases(m.ops[n]) {
			return fmt.Errorf("the result %q lies in the buffer of %q with its elements elsewhere: they are not copied", v.name, in.name)
		}
	}
	return nil
}

// aliases reports whether an operation computes nothing at all when its result lies in
// the buffer of its input.
func aliases(op operation) bool {
	switch op.(type) {
	case *reshape, *transpose, *identity, *reorder:
		return true
	}
	return false
}

// moved returns the names of a result that consists of elements of the inputs, nil for one
// that is computed.
func (m *symbolicMemory) moved(n *node, v *value) []int32 {
	switch op := m.ops[n].(type) {
	case *reshape, *identity, *reorder:
		return m.elements[n.in[0]]
	case *transpose:
		strides := rowMajor(n.in[0].shape)
		moved := make([]int, len(op.perm))
		for i, axis := range op.perm {
			moved[i] = strides[axis]
		}
		return gather(m.elements[n.in[0]], v.shape, 0, moved)
	case *slice:
		first, stride := op.strides(n, rowMajor(n.in[0].shape))
		return gather(m.elements[n.in[0]], v.shape, first, stride)
	case *concat:
		return m.concatenated(op.axis, n, v)
	}
	return nil
}

func (m *symbolicMemory) concatenated(axis int, n *node, v *value) []int32 {
	outer := tensor.Len(v.shape[:axis])
	var all []int32
	for i := range outer {
		for _, in := range n.in {
			if m.elements[in] == nil {
				m.elements[in] = m.fresh(tensor.Len(in.shape)) // a constant
			}
			part := len(m.elements[in]) / outer
			all = append(all, m.elements[in][i*part:][:part]...)
		}
	}
	return all
}

func rowMajor(shape []int) []int {
	strides, n := make([]int, len(shape)), 1
	for i, d := range slices.Backward(shape) {
		strides[i] = n
		n *= d
	}
	return strides
}

func gather(from []int32, shape []int, first int, strides []int) []int32 {
	names, index := make([]int32, tensor.Len(shape)), make([]int, len(shape))
	for i := range names {
		at := first
		for axis, k := range index {
			at += k * strides[axis]
		}
		names[i] = from[at]
		advance(index, shape)
	}
	return names
}
