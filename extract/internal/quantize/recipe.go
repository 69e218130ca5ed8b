package quantize

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A Recipe is the plain form of quantization, for a network that is quantized each time it
// is read: only the ranges of its points were measured, by minimum and maximum. Each
// output of a layer has the scale of its largest weight; nothing is equalised or corrected.
//
// A recipe and the same floats give the same numbers on every machine.
type Recipe struct {
	Ranges map[string]Params // of every point
}

// ErrRecipe: a recipe is not for the network that it is applied to.
var ErrRecipe = errors.New("the ranges are of another network")

// Apply quantizes a graph, as Quantize takes it, by the recipe. Its weights are the floats
// that whole numbers stand for, in which the engine finds these: nothing has to be folded.
func (r *Recipe) Apply(g *graph.Graph, shapes map[string]*tensor.Tensor) (*graph.Graph, error) {
	w, err := r.writer(g, shapes)
	if err != nil {
		return nil, err
	}
	w.dense = true
	return w.write(), nil
}

// Write is Apply for other programs: weights and biases are whole numbers.
func (r *Recipe) Write(g *graph.Graph, shapes map[string]*tensor.Tensor) (*graph.Graph, error) {
	w, err := r.writer(g, shapes)
	if err != nil {
		return nil, err
	}
	return w.write(), nil
}

func (r *Recipe) writer(g *graph.Graph, shapes map[string]*tensor.Tensor) (*writer, error) {
	n := newNetwork(clone(g), shapes)
	s := &selection{network: n, float: map[*layer]bool{}, barred: map[string]bool{}}
	params := map[string]Params{}
	for _, t := range s.points() {
		p, ok := r.Ranges[s.moved(t)]
		if !ok {
			return nil, fmt.Errorf("%w: there is none for %q", ErrRecipe, t)
		}
		params[t] = p
	}
	rounded := map[*layer]*weights{}
	for _, l := range n.layers {
		if s.float[l] {
			return nil, fmt.Errorf("%w: %s has none", ErrRecipe, l.node.Label())
		}
		w := l.largestScales()
		rounded[l] = &w
	}
	return s.writer(params, rounded), nil
}

// Measure makes the recipe of a graph, as Quantize takes it.
func Measure(ctx context.Context, g *graph.Graph, shapes map[string]*tensor.Tensor, sample Sample, opt Options) (*Recipe, error) {
	q := &quantization{Options: opt, sample: sample, inputLen: tensor.Len(opt.Input)}
	n := newNetwork(clone(g), shapes)
	s := &selection{network: n, float: map[*layer]bool{}, barred: map[string]bool{}}
	points := s.points()
	if len(points) == 0 {
		return nil, ErrNothing
	}
	of, err := q.momentsOf(ctx, n, n.graph, points)
	if err != nil {
		return nil, err
	}
	r := &Recipe{map[string]Params{}}
	for _, t := range points {
		if s.moved(t) != t {
			continue
		}
		r.Ranges[t] = shortened(paramsFor(of[t].bounds()))
	}
	return r, nil
}

// shortened rounds a scale up to 10 bits, so that another machine measures the same
// although its floats differ in their last bits.
func shortened(p Params) Params {
	const bits = 10
	fraction, exponent := math.Frexp(float64(p.Scale))
	p.Scale = float32(math.Ldexp(math.Ceil(math.Ldexp(fraction, bits)), exponent-bits))
	return p
}

// largestScales rounds weights by a scale for each output at which the largest fits.
func (l *layer) largestScales() weights {
	w := tensor.Values[float32](l.weight)
	r := weights{make([]int8, len(w)), make([]float32, l.outputs())}
	l.eachRun(func(from, to, output int) {
		for _, v := range w[from:to] {
			r.scales[output] = max(r.scales[output], v, -v)
		}
	})
	for o, largest := range r.scales {
		r.scales[o] = max(largest/largestWeight, smallestScale)
	}
	l.eachRun(func(from, to, output int) {
		for i, v := range w[from:to] {
			r.numbers[from+i] = roundWeight(float64(v), r.scales[output])
		}
	})
	return r
}

// Encode writes a recipe as text: a line for each point, with its tensor, scale and zero
// point between tabs, in the order of the tensors' names.
func (r *Recipe) Encode() []byte {
	var b []byte
	for _, t := range slices.Sorted(maps.Keys(r.Ranges)) {
		p := r.Ranges[t]
		b = fmt.Appendf(b, "%s\t%s\t%d\n", t, strconv.FormatFloat(float64(p.Scale), 'g', -1, 32), p.Zero)
	}
	return b
}

// ParseRecipe reads what Encode has written. Lines that begin with # are comments.
func ParseRecipe(data []byte) (*Recipe, error) {
	r := &Recipe{map[string]Params{}}
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("line %d of the ranges: %q is no tensor, scale and zero point", i+1, line)
		}
		scale, err := strconv.ParseFloat(fields[1], 32)
		if err != nil || !(scale >= smallestScale && scale <= math.MaxFloat32) {
			return nil, fmt.Errorf("line %d of the ranges: scale %q", i+1, fields[1])
		}
		zero, err := strconv.ParseUint(fields[2], 10, 8)
		if err != nil {
			return nil, fmt.Errorf("line %d of the ranges: zero point %q", i+1, fields[2])
		}
		r.Ranges[fields[0]] = Params{float32(scale), uint8(zero)}
	}
	return r, nil
}

// Digest is a SHA-256 of the ranges, in hexadecimal.
func (r *Recipe) Digest() string {
	sum := sha256.Sum256(r.Encode())
	return hex.EncodeToString(sum[:])
}
