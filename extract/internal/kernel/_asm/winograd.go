package main

import (
	"fmt"
	"math"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The Winograd transforms of package engine, for m outputs of r taps, evaluate
// polynomials at the points 0, ±1, ±2, … and ∞ (input transform) and interpolate the
// outputs from the values there (output transform). Each of the matrices gets its
// own kernel, which needs fewer operations than the general one: rows of the points
// a and −a differ only in signs, so one sum over the even powers and one over the odd
// powers give both; and coefficients of 0 and ±1 need no multiplication.

// A matrix turns in vectors into out vectors: row i holds the coefficients of input i.
type matrix struct {
	name    string
	in, out int
	m       [][]float64
	kernel  [2]int // outputs of a tile, taps
	output  bool   // an output transform, from points to outputs
}

// winogradSizes are the numbers of outputs and taps that have kernels: those with an
// odd number of finite points, because all points but 0 then form pairs.
var winogradSizes = [][2]int{{2, 3}, {4, 3}, {4, 7}, {6, 7}}

var winogradPoints = []float64{0, 1, -1, 2, -2, 0.5, -0.5, 1.5, -1.5, 0.75, -0.75}

func winogradMatrices() []matrix {
	var all []matrix
	for _, s := range winogradSizes {
		n := s[0] + s[1] - 1
		input := matrix{kernel: s, name: fmt.Sprintf("Winograd%dx%dInput", s[0], s[1]), in: n, out: n, m: zeros(n, n)}
		output := matrix{kernel: s, name: fmt.Sprintf("Winograd%dx%dOutput", s[0], s[1]), in: n, out: s[0], m: zeros(n, s[0]), output: true}
		points := winogradPoints[:n-1]
		for j := range n {
			for i, c := range product(points, j) {
				input.m[i][j] = c
			}
			for i := range s[0] {
				if j < n-1 {
					output.m[j][i] = math.Pow(points[j], float64(i))
				} else if i == s[0]-1 {
					output.m[j][i] = 1
				}
			}
		}
		all = append(all, input, output)
	}
	return all
}

func zeros(n, m int) [][]float64 {
	z := make([][]float64, n)
	for i := range z {
		z[i] = make([]float64, m)
	}
	return z
}

// product returns the coefficients of ∏(x − p) over all points but the j-th.
func product(points []float64, j int) []float64 {
	c := []float64{1}
	for i, p := range points {
		if i == j {
			continue
		}
		c = append(c, 0)
		for k := len(c) - 1; k >= 0; k-- {
			c[k] *= -p
			if k > 0 {
				c[k] += c[k-1]
			}
		}
	}
	return c
}

func winogradTransforms(v *vector) {
	for _, m := range winogradMatrices() {
		newWinogradTransform(v, m, false).generate()
		if m.output {
			newWinogradTransform(v, m, true).generate()
		}
	}
}

// A winogradTransform generates the kernel of one matrix. A full kernel also adds the
// bias and Transform.R, and clips.
type winogradTransform struct {
	*vector
	matrix
	full bool
	t    reg.Register
	mask reg.OpmaskVirtual

	inStep, outStep reg.GPVirtual
	from, to        []reg.GPVirtual // every third input and output
	r, bias         reg.GPVirtual
	chans, lines    Mem // left
	in, out, res    Mem // of the line
	labels          int
}

func newWinogradTransform(v *vector, m matrix, full bool) *winogradTransform {
	return &winogradTransform{vector: v, matrix: m, full: full}
}

func (m matrix) function(full bool) string {
	if full {
		return m.name + "Full"
	}
	return m.name
}

func (g *winogradTransform) doc() string {
	side, epilogue := "input", ""
	if g.output {
		side, epilogue = "output", ", without bias, R and bounds"
	}
	if g.full {
		epilogue = ", with bias, R and bounds"
	}
	return fmt.Sprintf("does what transform does, for the %s transform of %d outputs of %d taps%s", side, g.kernel[0], g.kernel[1], epilogue)
}

func (g *winogradTransform) generate() {
	g.vector.function(g.matrix.function(g.full), "func(t *Transform)", g.doc()+g.channels()+".")
	g.setUp()
	Label("line")
	g.startLine()
	Label("channels")
	if g.masks {
		g.setMask()
	}
	if g.output {
		g.toOutputs()
	} else {
		g.toPoints()
	}
	g.nextChannels()
	JG(LabelRef("channels"))
	g.nextLine()
	JNZ(LabelRef("line"))
	VZEROUPPER()
	RET()
}

func (g *winogradTransform) setUp() {
	slots := AllocLocal(5 * 8)
	for i, m := range []*Mem{&g.chans, &g.lines, &g.in, &g.out, &g.res} {
		*m = slots.Offset(8 * i)
	}
	g.t = Load(Param("t"), GP64())
	move(g.lines, load(g.t, trLines))
	move(g.in, load(g.t, trIn))
	move(g.out, load(g.t, trOut))
	move(g.res, load(g.t, trR))
	g.inStep, g.outStep = loadBytes(g.t, trInStep), loadBytes(g.t, trOutStep)
	if g.masks {
		g.mask = K()
	}
}

func (g *winogradTransform) startLine() {
	move(g.chans, load(g.t, trC))
	from, to := GP64(), GP64()
	MOVQ(g.in, from)
	MOVQ(g.out, to)
	g.from, g.to = rowBases(from, g.inStep, g.matrix.in), rowBases(to, g.outStep, g.matrix.out)
	if g.full {
		g.r, g.bias = GP64(), load(g.t, trBias)
		MOVQ(g.res, g.r)
	}
}

// setMask sets the mask of the channels that are left.
func (g *winogradTransform) setMask() {
	n, most := GP64(), GP64()
	MOVQ(g.chans, n)
	MOVQ(U32(uint32(g.floats)), most)
	CMPQ(n, most)
	CMOVQGT(most, n)
	MOVL(U32(0xffffffff), most.As32())
	BZHIL(n.As32(), most.As32(), most.As32())
	KMOVW(most.As32(), g.mask)
}

// nextChannels moves on by a vector; the flags tell whether there are more.
func (g *winogradTransform) nextChannels() {
	step := U32(uint32(g.bytes()))
	for _, p := range append(append([]reg.GPVirtual{}, g.from...), g.to...) {
		ADDQ(step, p)
	}
	if g.full {
		ADDQ(step, g.bias)
		TESTQ(g.r, g.r)
		JZ(LabelRef("moved"))
		ADDQ(step, g.r)
		Label("moved")
	}
	SUBQ(U32(uint32(g.floats)), g.chans)
}

// nextLine moves on by a line; the flags tell whether there are more.
func (g *winogradTransform) nextLine() {
	ADDQ(loadBytes(g.t, trInLine), g.in)
	ADDQ(loadBytes(g.t, trOutLine), g.out)
	if g.full {
		CMPQ(g.res, Imm(0))
		JEQ(LabelRef("next"))
		ADDQ(loadBytes(g.t, trRLine), g.res)
		Label("next")
	}
	DECQ(g.lines)
}

func (g *winogradTransform) loadInputs() []reg.VecVirtual {
	x := g.newN(g.matrix.in)
	for i := range x {
		if m := strided(g.from, g.inStep, i, 0); g.masks {
			VMOVUPS_Z(m, g.mask, x[i])
		} else {
			VMOVUPS(m, x[i])
		}
	}
	return x
}

func (g *winogradTransform) store(o int, y reg.VecVirtual) {
	if m := strided(g.to, g.outStep, o, 0); g.masks {
		VMOVUPS(y, g.mask, m)
	} else {
		VMOVUPS(y, m)
	}
}

// A term is a vector times a coefficient.
type term struct {
	x reg.VecVirtual
	c float64
}

// toPoints computes two points at once where their coefficients are the same but
// for signs.
func (g *winogradTransform) toPoints() {
	x := g.loadInputs()
	for o := 0; o < g.matrix.out; o++ {
		same, opposite, paired := g.split(x, o)
		a := g.sum(same)
		if !paired {
			g.store(o, a)
			continue
		}
		b, y := g.sum(opposite), g.new()
		VADDPS(b, a, y)
		g.store(o, y)
		VSUBPS(b, a, a)
		o++
		g.store(o, a)
	}
}

// split returns the terms of point o in two groups, if those of the next point differ
// only in signs: with the same sign there, and with the opposite one. Otherwise all are
// in the first group.
func (g *winogradTransform) split(x []reg.VecVirtual, o int) (same, opposite []term, paired bool) {
	var all []term
	paired = o+1 < g.matrix.out
	for i, row := range g.m {
		t := term{x[i], row[o]}
		all = append(all, t)
		switch {
		case o+1 < g.matrix.out && row[o+1] == row[o]:
			same = append(same, t)
		case o+1 < g.matrix.out && row[o+1] == -row[o]:
			opposite = append(opposite, t)
		default:
			paired = false
		}
	}
	if !paired {
		return all, nil, false
	}
	return same, opposite, true
}

// toOutputs first adds and subtracts points that the outputs use with the same
// coefficients but for signs.
func (g *winogradTransform) toOutputs() {
	x := g.loadInputs()
	terms := make([][]term, g.matrix.out)
	for i := 0; i < len(x); i++ {
		if i+1 == len(x) || !paired(g.m[i], g.m[i+1]) {
			for o := range terms {
				terms[o] = append(terms[o], term{x[i], g.m[i][o]})
			}
			continue
		}
		sum := g.new()
		VADDPS(x[i+1], x[i], sum)
		VSUBPS(x[i+1], x[i], x[i])
		for o := range terms {
			if g.m[i][o] == g.m[i+1][o] {
				terms[o] = append(terms[o], term{sum, g.m[i][o]})
			} else {
				terms[o] = append(terms[o], term{x[i], g.m[i][o]})
			}
		}
		i++
	}
	for o := range terms {
		y := g.sum(terms[o])
		if g.full {
			g.finish(y)
		}
		g.store(o, y)
	}
}

func paired(a, b []float64) bool {
	for i := range a {
		if math.Abs(a[i]) != math.Abs(b[i]) {
			return false
		}
	}
	return true
}

// sum adds up terms, beginning with one that needs no product.
func (g *winogradTransform) sum(terms []term) reg.VecVirtual {
	var rest []term
	y, started := g.new(), false
	for _, t := range terms {
		if t.c == 1 && !started {
			VMOVAPS(t.x, y)
			started = true
		} else if t.c != 0 {
			rest = append(rest, t)
		}
	}
	for _, t := range rest {
		switch {
		case !started:
			g.times(t, y, false)
			started = true
		case t.c == 1:
			VADDPS(t.x, y, y)
		case t.c == -1:
			VSUBPS(t.x, y, y)
		default:
			g.times(t, y, true)
		}
	}
	return y
}

// times sets y to the term, or adds it.
func (g *winogradTransform) times(t term, y reg.VecVirtual, add bool) {
	c := g.table(math.Float32bits(float32(t.c)))
	switch {
	case g.masks && add:
		VFMADD231PS_BCST(c, t.x, y)
	case g.masks:
		VMULPS_BCST(c, t.x, y)
	default:
		k := g.new()
		VBROADCASTSS(c, k)
		if add {
			VFMADD231PS(k, t.x, y)
		} else {
			VMULPS(k, t.x, y)
		}
	}
}

// finish adds bias and R, and clips: see transform.store.
func (g *winogradTransform) finish(y reg.VecVirtual) {
	g.labels++
	clip := fmt.Sprintf("clip%d", g.labels)
	g.add(g.bias, y)
	TESTQ(g.r, g.r)
	JZ(LabelRef(clip))
	if g.labels > 1 {
		ADDQ(loadBytes(g.t, trRStep), g.r)
	}
	g.add(g.r, y)
	if g.labels == g.matrix.out { // back to the first row
		back := loadBytes(g.t, trRStep)
		IMUL3Q(Imm(uint64(g.matrix.out-1)), back, back)
		SUBQ(back, g.r)
	}
	Label(clip)
	bound := g.new()
	VBROADCASTSS(field(g.t, trLo), bound)
	VMAXPS(y, bound, y)
	VBROADCASTSS(field(g.t, trHi), bound)
	VMINPS(y, bound, y)
}

func (g *winogradTransform) add(p reg.GPVirtual, y reg.VecVirtual) {
	if g.masks {
		VADDPS(field(p, 0), y, g.mask, y)
	} else {
		VADDPS(field(p, 0), y, y)
	}
}

// winogradTable writes the Go table of these kernels.
func (v *vector) winogradTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n// %sWinograd are the Winograd transforms that have a kernel of their own.\nvar %sWinograd = []Winograd{\n", v.name, v.name)
	for _, m := range winogradMatrices() {
		full := "nil"
		if m.output {
			full = v.name + m.function(true)
		}
		fmt.Fprintf(b, "\t{nIn: %d, nOut: %d, plain: %s, full: %s, m: []float32{\n", m.in, m.out, v.name+m.function(false), full)
		for _, row := range m.m {
			var numbers []string
			for _, c := range row {
				numbers = append(numbers, fmt.Sprint(float32(c)))
			}
			b.WriteString(strings.Join(numbers, ", ") + ",\n")
		}
		b.WriteString("}},\n")
	}
	b.WriteString("}\n")
}
