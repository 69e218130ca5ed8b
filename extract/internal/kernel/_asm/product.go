package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.Tile; a test of that package checks them.
const (
	tileA, tileOffs, tileOffsLen, tileK, tileLDA = 0, 24, 32, 48, 56
	tileB, tileBias, tileC, tileLDC              = 64, 88, 112, 136
	tileR, tileLDR, tileLo, tileHi               = 144, 168, 176, 180
	tileCols, tileTiles                          = 184, 200
	tileAhead, tileAheadStep                     = 208, 216
)

func tileName(rows, vecs int) string { return fmt.Sprintf("Tile%dx%d", rows, vecs) }

// products generates the product kernels: one for every number of rows, so that
// any number of rows splits into tiles of nearly the same height.
func products(v *vector) {
	for vecs, most := range v.tiles {
		for rows := 1; rows <= most; rows++ {
			newTile(v, rows, vecs).generate()
		}
	}
}

// laneMasks is a table for vectors without mask registers: the eight lanes at byte
// 4·(8−n) are n times all ones, then zeros.
func (v *vector) laneMasks() Mem {
	if v.lanes != nil {
		return *v.lanes
	}
	m := GLOBL(v.name+"Lanes", RODATA|NOPTR)
	for i := range 2 * v.floats {
		x := uint32(0)
		if i < v.floats {
			x = 0xffffffff
		}
		DATA(4*i, U32(x))
	}
	v.lanes = &m
	return m
}

// panelTable writes the Go table of the product kernels.
func (v *vector) panelTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n// %sPanels are the product kernels for panels of 3, 2 and 1 vectors.\nvar %sPanels = []panelKind{\n", v.name, v.name)
	for vecs := len(v.tiles) - 1; vecs > 0; vecs-- {
		fmt.Fprintf(b, "\t{width: %d, rows: %d, tile: []func(*Tile){", vecs*v.floats, v.tiles[vecs])
		list(b, numbered(v.name, v.tiles[vecs], func(rows int) string { return tileName(rows, vecs) })...)
		b.WriteString("}},\n")
	}
	b.WriteString("}\n")
}

// A tile generates one product kernel: rows × vecs vectors of C stay in
// registers while K runs; each step of K loads one row of the panel and
// broadcasts one value of each row of A.
type tile struct {
	*vector
	rows, vecs int

	t       reg.Register // the argument
	lda     reg.GPVirtual
	ahead   reg.GPVirtual // the address to prefetch next
	step    reg.GPVirtual // bytes that ahead moves every two steps of K
	sums    [][]reg.VecVirtual
	weights []reg.VecVirtual
	values  []reg.VecVirtual // of A, in turns
	mask    reg.OpmaskVirtual

	a, c, r, tiles, segment, segments Mem // on the stack
}

func newTile(v *vector, rows, vecs int) *tile {
	return &tile{vector: v, rows: rows, vecs: vecs}
}

func (g *tile) generate() {
	g.function(tileName(g.rows, g.vecs), "func(t *Tile)", fmt.Sprintf("does what tile4 does, for tiles of %d×%d.", g.rows, g.vecs*g.floats))
	g.t = Load(Param("t"), GP64())
	g.setUp()
	Label("tile")
	g.startSums()
	b := load(g.t, tileB)
	move(g.segment, load(g.t, tileOffs))
	move(g.segments, load(g.t, tileOffsLen))
	Label("segment")
	g.multiply(b)
	DECQ(g.segments)
	JNZ(LabelRef("segment"))
	g.addResidual()
	g.clip()
	g.store()
	g.next()
	DECQ(g.tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

func move(to Mem, from reg.GPVirtual) { MOVQ(from, to) }

func (g *tile) setUp() {
	slots := AllocLocal(6 * 8)
	for i, m := range []*Mem{&g.a, &g.c, &g.r, &g.tiles, &g.segment, &g.segments} {
		*m = slots.Offset(8 * i)
	}
	move(g.a, load(g.t, tileA))
	move(g.c, load(g.t, tileC))
	move(g.r, load(g.t, tileR))
	move(g.tiles, load(g.t, tileTiles))
	g.lda = loadBytes(g.t, tileLDA)
	g.ahead, g.step = load(g.t, tileAhead), load(g.t, tileAheadStep)
	g.sums = make([][]reg.VecVirtual, g.rows)
	for i := range g.sums {
		g.sums[i] = g.newN(g.vecs)
	}
	g.weights, g.values = g.newN(g.vecs), g.newN(min(2, g.spare()))
	cols := load(g.t, tileCols)
	SUBQ(U32(uint32((g.vecs-1)*g.floats)), cols)
	if g.masks {
		g.mask = lanes(cols)
	}
}

// spare is how many registers the sums and weights leave.
func (g *tile) spare() int {
	all := 16
	if g.masks {
		all = 32
	}
	return all - g.rows*g.vecs - g.vecs
}

// startSums sets every row of sums to the bias.
func (g *tile) startSums() {
	bias := load(g.t, tileBias)
	for j := range g.vecs {
		VMOVUPS(field(bias, j*g.bytes()), g.sums[0][j])
		for i := 1; i < g.rows; i++ {
			VMOVAPS(g.sums[0][j], g.sums[i][j])
		}
	}
}

// multiply adds the products of one segment and moves b behind its weights.
func (g *tile) multiply(b reg.GPVirtual) {
	p := GP64()
	MOVQ(g.segment, p)
	ADDQ(Imm(8), g.segment)
	first := GP64()
	MOVQ(field(p, 0), first)
	SHLQ(Imm(2), first)
	ADDQ(g.a, first)
	bases := rowBases(first, g.lda, g.rows)

	unroll := 4
	if g.rows*g.vecs >= 12 {
		unroll = 2
	}
	k, n := load(g.t, tileK), GP64()
	MOVQ(k, n)
	SHRQ(Imm(uint64(log2(unroll))), n)
	JZ(LabelRef("rest"))
	Label("loop")
	g.steps(b, bases, unroll)
	DECQ(n)
	JNZ(LabelRef("loop"))
	Label("rest")
	ANDQ(Imm(uint64(unroll-1)), k)
	JZ(LabelRef("sums"))
	Label("one")
	g.steps(b, bases, 1)
	DECQ(k)
	JNZ(LabelRef("one"))
	Label("sums")
}

// steps does n steps of K and moves the pointers on.
func (g *tile) steps(b reg.GPVirtual, bases []reg.GPVirtual, n int) {
	for u := range n {
		for j, w := range g.weights {
			VMOVUPS(field(b, (u*g.vecs+j)*g.bytes()), w)
			PREFETCHT0(field(g.ahead, (u%2*g.vecs+j)*64))
		}
		if u%2 == 1 {
			ADDQ(g.step, g.ahead)
		}
		for i := range g.rows {
			x := g.values[i%len(g.values)]
			VBROADCASTSS(strided(bases, g.lda, i, 4*u), x)
			for j, w := range g.weights {
				VFMADD231PS(w, x, g.sums[i][j])
			}
		}
	}
	for _, p := range bases {
		ADDQ(Imm(uint64(4*n)), p)
	}
	ADDQ(U32(uint32(n*g.vecs*g.bytes())), b)
}

// rowBases returns pointers to every third of n rows a stride apart: the two
// rows behind each are reached by index.
func rowBases(first, stride reg.GPVirtual, n int) []reg.GPVirtual {
	bases := []reg.GPVirtual{first}
	for i := 3; i < n; i += 3 {
		p := GP64()
		LEAQ(Mem{Base: bases[len(bases)-1], Index: stride, Scale: 2}, p)
		ADDQ(stride, p)
		bases = append(bases, p)
	}
	return bases
}

// strided is the memory at a displacement in row i.
func strided(bases []reg.GPVirtual, stride reg.GPVirtual, i, disp int) Mem {
	m := Mem{Base: bases[i/3], Disp: disp}
	if i%3 > 0 {
		m.Index, m.Scale = stride, uint8(i%3)
	}
	return m
}

func log2(n int) int {
	b := 0
	for ; n > 1; n /= 2 {
		b++
	}
	return b
}

func (g *tile) addResidual() {
	r := GP64()
	MOVQ(g.r, r)
	TESTQ(r, r)
	JZ(LabelRef("bounds"))
	ldr := loadBytes(g.t, tileLDR)
	mask := g.loadLanes()
	for i := range g.rows {
		for j := range g.vecs {
			m, sum := field(r, j*g.bytes()), g.sums[i][j]
			switch {
			case j < g.vecs-1:
				VADDPS(m, sum, sum)
			case g.masks:
				VADDPS(m, sum, g.mask, sum)
			default:
				VMASKMOVPS(m, mask, g.values[0])
				VADDPS(g.values[0], sum, sum)
			}
		}
		ADDQ(ldr, r)
	}
	MOVQ(r, g.r)
	Label("bounds")
}

// loadLanes loads AVX2's mask of the last vector's real columns.
func (g *tile) loadLanes() reg.VecVirtual {
	if g.masks {
		return nil
	}
	cols, table := load(g.t, tileCols), GP64()
	NEGQ(cols)
	LEAQ(g.laneMasks(), table)
	VMOVUPS(Mem{Base: table, Index: cols, Scale: 4, Disp: 4 * g.vecs * g.floats}, g.weights[0])
	return g.weights[0]
}

// clip bounds the sums. The sum is the operand that a comparison with NaN returns.
func (g *tile) clip() {
	bound := g.weights[0]
	VBROADCASTSS(field(g.t, tileLo), bound)
	g.each(func(sum reg.VecVirtual) { VMAXPS(sum, bound, sum) })
	VBROADCASTSS(field(g.t, tileHi), bound)
	g.each(func(sum reg.VecVirtual) { VMINPS(sum, bound, sum) })
}

func (g *tile) each(f func(sum reg.VecVirtual)) {
	for _, row := range g.sums {
		for _, s := range row {
			f(s)
		}
	}
}

func (g *tile) store() {
	c := GP64()
	MOVQ(g.c, c)
	ldc := loadBytes(g.t, tileLDC)
	if g.masks {
		g.storeRows(c, ldc, func(sum reg.VecVirtual, m Mem) { VMOVUPS(sum, g.mask, m) })
	} else {
		// A masked store is slow on some processors: only where it is needed.
		mask := g.loadLanes()
		full := load(g.t, tileCols)
		CMPQ(full, Imm(uint64(g.vecs*g.floats)))
		JE(LabelRef("full"))
		g.storeRows(c, ldc, func(sum reg.VecVirtual, m Mem) { VMASKMOVPS(sum, mask, m) })
		JMP(LabelRef("stored"))
		Label("full")
		g.storeRows(c, ldc, func(sum reg.VecVirtual, m Mem) { VMOVUPS(sum, m) })
		Label("stored")
	}
	MOVQ(c, g.c)
}

func (g *tile) storeRows(c, ldc reg.GPVirtual, last func(sum reg.VecVirtual, m Mem)) {
	for i := range g.rows {
		for j := range g.vecs - 1 {
			VMOVUPS(g.sums[i][j], field(c, j*g.bytes()))
		}
		last(g.sums[i][g.vecs-1], field(c, (g.vecs-1)*g.bytes()))
		ADDQ(ldc, c)
	}
}

// next moves A to the next tile.
func (g *tile) next() {
	p := GP64()
	IMUL3Q(Imm(uint64(g.rows)), g.lda, p)
	ADDQ(p, g.a)
}
