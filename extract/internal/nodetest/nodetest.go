// Package nodetest runs operator tests in the form of the ONNX project's own: a
// folder a test, with model.onnx, input_0.npy … for the graph's inputs in order,
// and output_0.npy … for its outputs. Only tests use it.
package nodetest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/tensor"
)

// A Case is one test: a graph, what to feed it and what to expect.
type Case struct {
	Name   string
	Graph  *graph.Graph
	Inputs map[string]*tensor.Tensor
	Want   []*tensor.Tensor // for Graph.Outputs, in order
}

// ErrUnsupported is wrapped by the error for a test whose model the ONNX front end
// does not take.
var ErrUnsupported = errors.New("model not supported")

// Shared returns the tests in the folder that the environment variable
// FEATSTORE_NODE_TESTS names, or else those among the test material beside the
// repository. It skips t when there are none.
func Shared(t testing.TB) fs.FS {
	t.Helper()
	if dir := os.Getenv("FEATSTORE_NODE_TESTS"); dir != "" {
		return os.DirFS(dir)
	}
	dir := filepath.Join("..", "..", "..", "..", "shared", "onnx-node-tests")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("needs ../shared (test material that is not part of the repository)")
	}
	return os.DirFS(dir)
}

// Names lists the tests in a folder.
func Names(t testing.TB, folder fs.FS) []string {
	t.Helper()
	models, err := fs.Glob(folder, "*/model.onnx")
	if err != nil || len(models) == 0 {
		t.Fatalf("no operator test in the folder (%v)", err)
	}
	for i, m := range models {
		models[i] = path.Dir(m)
	}
	slices.Sort(models)
	return models
}

// Load reads one test.
func Load(folder fs.FS, name string) (*Case, error) {
	data, err := fs.ReadFile(folder, path.Join(name, "model.onnx"))
	if err != nil {
		return nil, err
	}
	g, err := onnx.Parse(data, onnx.Options{})
	if errors.Is(err, onnx.ErrUnsupported) {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the model: %w", err)
	}
	c := &Case{Name: name, Graph: g, Inputs: map[string]*tensor.Tensor{}}
	for i, in := range g.Inputs {
		if c.Inputs[in.Name], err = ReadNPY(folder, fmt.Sprintf("%s/input_%d.npy", name, i)); err != nil {
			return nil, err
		}
	}
	for i := range g.Outputs {
		want, err := ReadNPY(folder, fmt.Sprintf("%s/output_%d.npy", name, i))
		if err != nil {
			return nil, err
		}
		c.Want = append(c.Want, want)
	}
	return c, nil
}

// Outputs lists the names of the graph's outputs.
func (c *Case) Outputs() []string {
	names := make([]string, len(c.Graph.Outputs))
	for i, o := range c.Graph.Outputs {
		names[i] = o.Name
	}
	return names
}

// Run runs every test of the folder as a subtest and returns the summary
//
//	N passed, N failed, N unsupported
//
// with the operators that are not supported. eval answers with the values of the
// graph's outputs by name. When it fails with an error for which unsupported names
// operators, the test is skipped and counted as such.
func Run(t *testing.T, folder fs.FS, eval func(c *Case) (map[string]*tensor.Tensor, error), unsupported func(c *Case, err error) []string) string {
	var passed, failed, skipped int
	operators := map[string]bool{}
	for _, name := range Names(t, folder) {
		t.Run(name, func(t *testing.T) {
			c, err := Load(folder, name)
			if err == nil {
				err = c.run(eval)
			}
			lacks := lacking(c, name, err, unsupported)
			for _, o := range lacks {
				operators[o] = true
			}
			switch {
			case err == nil:
				passed++
			case len(lacks) > 0:
				skipped++
				t.Skip(err)
			default:
				failed++
				t.Error(err)
			}
		})
	}
	line := fmt.Sprintf("%d passed, %d failed, %d unsupported", passed, failed, skipped)
	if len(operators) > 0 {
		line += ": " + strings.Join(slices.Sorted(maps.Keys(operators)), ", ")
	}
	return line
}

// lacking names what is not supported, if that is why a test did not run.
func lacking(c *Case, name string, err error, unsupported func(c *Case, err error) []string) []string {
	switch {
	case err == nil:
		return nil
	case c == nil && errors.Is(err, ErrUnsupported):
		return []string{"the model of " + name}
	case c == nil:
		return nil
	}
	return unsupported(c, err)
}

func (c *Case) run(eval func(c *Case) (map[string]*tensor.Tensor, error)) error {
	got, err := eval(c)
	if err != nil {
		return err
	}
	for i, name := range c.Outputs() {
		if err := Compare(got[name], c.Want[i]); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}
