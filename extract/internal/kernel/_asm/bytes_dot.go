package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Processors without AVX-512 may still have VPDPBUSD, as AVX-VNNI.

// dotRows is the most rows of a tile by vectors in a row of it.
var dotRows = []int{0, 12, 6}

func dotTileName(rows, vecs int) string { return fmt.Sprintf("DotTile%dx%d", rows, vecs) }

// byteDots generates the product kernels for such processors.
func byteDots(v *vector) {
	for vecs, most := range dotRows {
		for rows := 1; rows <= most; rows++ {
			g := &pairTile{byteTile{tile: *newTile(v, rows, vecs)}}
			g.generate(dotTileName(rows, vecs), g.addWords)
		}
	}
}

// addWords adds the products of one segment, and moves b behind its weights.
func (g *pairTile) addWords(b reg.GPVirtual) {
	bases, k := g.startSegment()
	Label("loop")
	for j, w := range g.weights {
		VMOVDQU(field(b, j*g.bytes()), w)
	}
	for i := range g.rows {
		x := g.values[i%2]
		VPBROADCASTD(strided(bases, g.lda, i, 0), x)
		for j, w := range g.weights {
			VPDPBUSD(w, x, g.sums[i][j])
		}
	}
	for _, p := range bases {
		ADDQ(Imm(4), p)
	}
	ADDQ(U32(uint32(g.vecs*g.bytes())), b)
	DECQ(k)
	JNZ(LabelRef("loop"))
}

var dotInstruction = regexp.MustCompile(`\tVPDPBUSD +Y(\d+), Y(\d+), Y(\d+)\n`)

// encodeDots writes the VPDPBUSD of a file as bytes: Go's assembler knows only the
// encoding of AVX-512, which processors without that do not understand.
func encodeDots(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text = dotInstruction.ReplaceAllFunc(text, func(line []byte) []byte {
		var r [3]byte
		for i, digits := range dotInstruction.FindSubmatch(line)[1:] {
			n, _ := strconv.Atoi(string(digits)) // only digits
			r[i] = byte(n)
		}
		signed, unsigned, sum := r[0], r[1], r[2]
		code := []byte{0xc4, 0xe2 ^ sum>>3<<7 ^ signed>>3<<5, 0x05 | (^unsigned&15)<<3, 0x50, 0xc0 | sum&7<<3 | signed&7}
		var s []string
		for _, c := range code {
			s = append(s, fmt.Sprintf("BYTE $0x%02x", c))
		}
		return fmt.Appendf(nil, "\t%s // %s\n", strings.Join(s, "; "), strings.Join(strings.Fields(string(line)), " "))
	})
	return os.WriteFile(path, text, 0o644)
}
