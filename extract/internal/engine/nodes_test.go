package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/nodetest"
	"featstore/extract/internal/op"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/tensor"
)

// TestNodes runs the operator tests of ONNX in every kernel set: each as several
// networks, see probe. Set FEATSTORE_NODE_TESTS to a folder of others.
func TestNodes(t *testing.T) {
	runProbes(t, nodetest.Shared(t), "Gather", "Pad", "Pow")
}

// TestOwnNodes does the same with those of package op.
func TestOwnNodes(t *testing.T) {
	folder, err := nodetest.OpenTar(filepath.Join("..", "op", "testdata", "ort_tests.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	runProbes(t, folder, "Cast", "Gather", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "LayerNormalization", "MatMul", "Pad", "Pow")
}

// runProbes runs the tests of a folder. rare names the operators of which these have
// no form that the engine has steps of its own for.
func runProbes(t *testing.T, folder fs.FS, rare ...string) {
	tests := loadProbes(t, folder)
	for _, set := range kernel.Sets() {
		t.Run(set.Name, func(t *testing.T) {
			count := &tally{references: map[string]int{}, fastOperators: map[string]bool{}}
			for _, name := range slices.Sorted(maps.Keys(tests)) {
				t.Run(name, func(t *testing.T) { count.test(t, name, tests[name], set) })
			}
			t.Log(count)
			for name, fast := range count.fastOperators {
				_, single := lowerings[name]
				_, several := expansions[name]
				if (single || several || passes.FusedOperator(name)) && fast == slices.Contains(rare, name) && os.Getenv("FEATSTORE_NODE_TESTS") == "" {
					t.Errorf("%s ran without reference steps: %v", name, fast)
				}
			}
		})
	}
}

// loadProbes makes the probes of the tests that package op passes; it says so of others
// that it knows not to.
func loadProbes(t *testing.T, folder fs.FS) map[string][]probe {
	tests := map[string][]probe{}
	for _, name := range nodetest.Names(t, folder) {
		test, err := nodetest.Load(folder, name)
		if err == nil {
			tests[name], err = probesOf(test)
		}
		if errors.Is(err, nodetest.ErrUnsupported) || errors.Is(err, op.ErrUnsupported) {
			t.Logf("left out: %s: %v", name, err)
			delete(tests, name)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	return tests
}

// A tally counts how probes ran.
type tally struct {
	fast, reference, folded, shaping int
	references                       map[string]int  // by operator
	fastOperators                    map[string]bool // the tests' operators, and whether any ran without reference steps
	constant                         []string        // the tests that compute nothing of their inputs' values
}

func (c *tally) String() string {
	var ops []string
	for _, name := range slices.Sorted(maps.Keys(c.references)) {
		ops = append(ops, fmt.Sprintf("%s %d", name, c.references[name]))
	}
	return fmt.Sprintf("networks: %d by the engine's own steps, %d with reference steps, %d folded, %d refused because the input decides the shape; only folded: %s; reference steps: %s",
		c.fast, c.reference, c.folded, c.shaping, strings.Join(c.constant, ", "), strings.Join(ops, ", "))
}

// test runs the probes of a test.
func (c *tally) test(t *testing.T, name string, probes []probe, set *kernel.Set) {
	alive := false
	for _, p := range probes {
		if testing.Short() && p.form != plain && set != kernel.Sets()[0] {
			continue
		}
		err := c.run(p, set)
		alive = alive || !p.shaping && !p.folded
		switch {
		case p.shaping && errors.Is(err, op.ErrNeedsValue):
			c.shaping++
		case p.shaping:
			t.Errorf("%s: %v, want a refusal: the input decides the shape", p.what, err)
		case err != nil:
			t.Errorf("%s: %v", p.what, err)
		}
	}
	if !alive {
		c.constant = append(c.constant, name)
	}
}

// run runs a probe.
func (c *tally) run(p probe, set *kernel.Set) error {
	opt := Options{Input: p.input.Shape, ChannelsLast: fedChannelsLast(p.input.Shape), Tap: p.tap, Pool: "none", Kernels: set.Name}
	program, err := compileVerified(p.graph, opt)
	if err != nil {
		return err
	}
	c.count(p, program)
	return p.check(program)
}

// check runs a program of the probe.
func (p probe) check(program *Program) error {
	got, err := runProbe(program, imageOf(p.input))
	if err != nil {
		return err
	}
	if p.folded {
		got = got[:len(got)-tensor.Len(p.input.Shape)]
	}
	if len(got) != tensor.Len(p.want.Shape) {
		return fmt.Errorf("%d values, want %d", len(got), tensor.Len(p.want.Shape))
	}
	return nodetest.Compare(tensor.New(got, p.want.Shape...), p.want)
}

func (c *tally) count(p probe, program *Program) {
	native := true
	for _, s := range program.plan.Steps {
		if r, ok := s.(*exec.Reference); ok && !strings.HasPrefix(r.Src.Name, added) {
			native = false
			c.references[r.Src.Op]++
		}
	}
	for _, n := range p.graph.Nodes {
		if !strings.HasPrefix(n.Name, added) {
			c.fastOperators[n.Op] = c.fastOperators[n.Op] || native && !p.folded
		}
	}
	switch {
	case p.folded:
		c.folded++
	case native:
		c.fast++
	default:
		c.reference++
	}
}

// runProbe runs a program in memory that holds no numbers, again, and on three cores.
func runProbe(p *Program, in []float32) ([]float32, error) {
	var first []float32
	for _, r := range []*Runner{p.NewRunner(), p.NewParallelRunner(3)} {
		exec.Fill(r.Arena, float32(math.NaN()))
		for range 2 {
			got := make([]float32, p.Dim())
			if err := r.Run(context.Background(), in, got); err != nil {
				return nil, err
			}
			if first == nil {
				first = got
			}
			if !slices.EqualFunc(first, got, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
				return nil, errors.New("another run gives something else")
			}
		}
	}
	return first, nil
}

// imageOf is a tensor's values in the order of axes that a runner takes.
func imageOf(t *tensor.Tensor) []float32 {
	x := tensor.Values[float32](t)
	if len(t.Shape) != 4 || fedChannelsLast(t.Shape) {
		return x
	}
	in := make([]float32, 0, len(x))
	forEachOffset(t.Shape, innermost(4, 1), func(at int) { in = append(in, x[at]) })
	return in
}

// fedChannelsLast says which inputs tests feed as they are: those that look like N×H×W×C,
// so that both layouts are tested.
func fedChannelsLast(shape []int) bool { return len(shape) == 4 && shape[1] > 4 && shape[3] <= 4 }
