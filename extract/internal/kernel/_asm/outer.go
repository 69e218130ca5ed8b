package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.Outer; a test of that package checks them.
const (
	outerA, outerOffsA, outerOffsLen, outerStepA = 0, 24, 32, 48
	outerB, outerOffsB, outerStepB, outerK       = 56, 80, 104, 112
	outerC, outerLDC, outerCols                  = 120, 144, 152
)

func outerName(rows, vecs int) string { return fmt.Sprintf("Outer%dx%d", rows, vecs) }

// outerTiles are the most rows of a tile, by vectors in a row of it; [0] is unused.
// Besides the sums, the vectors of B and one value of A, AVX2 needs a register for the
// mask of the last vector.
func (v *vector) outerTiles() []int {
	if v.masks {
		return []int{0, 14, 14, 9}
	}
	return []int{0, 12, 6}
}

// outers generates the kernels of sums of outer products.
func outers(v *vector) {
	for vecs, most := range v.outerTiles() {
		for rows := 1; rows <= most; rows++ {
			(&outer{vector: v, rows: rows, vecs: vecs}).generate()
		}
	}
}

// An outer generates one kernel: rows × vecs vectors of C stay in registers while K
// runs; each step loads vecs vectors of B and broadcasts rows values of A, which lie
// side by side.
type outer struct {
	*vector
	rows, vecs   int
	o            reg.Register
	sums         [][]reg.VecVirtual
	right        []reg.VecVirtual
	value        reg.VecVirtual
	mask         reg.OpmaskVirtual // AVX-512: the real columns of the last vector
	lanesMask    reg.VecVirtual    // AVX2: the same
	stepA, stepB reg.GPVirtual
}

func (g *outer) generate() {
	g.function(outerName(g.rows, g.vecs), "func(o *Outer)", fmt.Sprintf("does what outerTile does, for tiles of %d×%d or less wide.", g.rows, g.vecs*g.floats))
	g.o = Load(Param("o"), GP64())
	g.stepA, g.stepB = loadBytes(g.o, outerStepA), loadBytes(g.o, outerStepB)
	g.sums = make([][]reg.VecVirtual, g.rows)
	for i := range g.sums {
		g.sums[i] = g.newN(g.vecs)
	}
	g.right, g.value = g.newN(g.vecs), g.new()
	g.loadMask()
	g.eachSum(func(sum reg.VecVirtual, m Mem, last bool) { g.load(m, sum, last) })
	g.segments()
	g.eachSum(func(sum reg.VecVirtual, m Mem, last bool) {
		switch {
		case !last:
			VMOVUPS(sum, m)
		case g.masks:
			VMOVUPS(sum, g.mask, m)
		default:
			VMASKMOVPS(sum, g.lanesMask, m)
		}
	})
	VZEROUPPER()
	RET()
}

// loadMask makes the mask of the real columns of the last vector.
func (g *outer) loadMask() {
	cols := load(g.o, outerCols)
	if g.masks {
		SUBQ(U32(uint32((g.vecs-1)*g.floats)), cols)
		g.mask = lanes(cols)
		return
	}
	table := GP64()
	NEGQ(cols)
	LEAQ(g.laneMasks(), table)
	g.lanesMask = g.new()
	VMOVUPS(Mem{Base: table, Index: cols, Scale: 4, Disp: 4 * g.vecs * g.floats}, g.lanesMask)
}

// load reads a vector, of the last one only the real columns.
func (g *outer) load(m Mem, to reg.VecVirtual, last bool) {
	switch {
	case !last:
		VMOVUPS(m, to)
	case g.masks:
		VMOVUPS_Z(m, g.mask, to)
	default:
		VMASKMOVPS(m, g.lanesMask, to)
	}
}

// eachSum goes through C.
func (g *outer) eachSum(f func(sum reg.VecVirtual, m Mem, last bool)) {
	c, ldc := load(g.o, outerC), loadBytes(g.o, outerLDC)
	for i, row := range g.sums {
		for j, sum := range row {
			f(sum, field(c, j*g.bytes()), j == g.vecs-1)
		}
		if i < g.rows-1 {
			ADDQ(ldc, c)
		}
	}
}

// segments goes through the segments of A and B.
func (g *outer) segments() {
	offsA, offsB, count := load(g.o, outerOffsA), load(g.o, outerOffsB), load(g.o, outerOffsLen)
	Label("segment")
	a, b, k := GP64(), GP64(), load(g.o, outerK)
	MOVQ(field(offsA, 0), a)
	MOVQ(field(offsB, 0), b)
	LEAQ(Mem{Base: load(g.o, outerA), Index: a, Scale: 4}, a)
	LEAQ(Mem{Base: load(g.o, outerB), Index: b, Scale: 4}, b)
	ADDQ(Imm(8), offsA)
	ADDQ(Imm(8), offsB)
	Label("step")
	for j, r := range g.right {
		g.load(field(b, j*g.bytes()), r, j == g.vecs-1)
	}
	for i, row := range g.sums {
		VBROADCASTSS(field(a, 4*i), g.value)
		for j, sum := range row {
			VFMADD231PS(g.right[j], g.value, sum)
		}
	}
	ADDQ(g.stepA, a)
	ADDQ(g.stepB, b)
	DECQ(k)
	JNZ(LabelRef("step"))
	DECQ(count)
	JNZ(LabelRef("segment"))
}

// outerTable writes the Go table of these kernels.
func (v *vector) outerTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n// %sOuters are the kernels of outer products for 3, 2 and 1 vectors.\nvar %sOuters = []outerKind{\n", v.name, v.name)
	tiles := v.outerTiles()
	for vecs := len(tiles) - 1; vecs > 0; vecs-- {
		fmt.Fprintf(b, "\t{width: %d, rows: %d, tile: []func(*Outer){", vecs*v.floats, tiles[vecs])
		list(b, numbered(v.name, tiles[vecs], func(rows int) string { return outerName(rows, vecs) })...)
		b.WriteString("}},\n")
	}
	b.WriteString("}\n")
}
