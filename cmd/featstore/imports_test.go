package main

import (
	"go/build"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const repository = "../.."

// Data flows one way: cmd → extract/ingest, train → store → split. A rule names
// packages of this module and what they must not import; "p/..." stands for p
// and all below it, a package of the module is written with a leading "./". What
// follows a "!" is allowed although another pattern forbids it.
var rules = []struct {
	packages string
	except   []string
	never    []string
	why      string
}{
	{"./split/...", nil, []string{"./..."}, "split stands on the standard library alone"},
	{"./store/...", nil, []string{"./extract/...", "./train/...", "./cmd/..."}, "the store knows nothing of pictures or training"},
	{"./extract/...", []string{"./extract/ingest"}, []string{"./store/...", "./split/...", "./train/...", "./cmd/..."},
		"extraction knows nothing of the store"},
	{"./extract/ingest/...", nil, []string{"./train/...", "./cmd/..."}, "ingest does not train"},
	{"./train/...", []string{"./train/classify"}, []string{"./extract/...", "!./extract/cpu", "./cmd/..."},
		"training knows nothing of networks, only which instructions there are"},
	{"./train/classify", nil, []string{"./cmd/...", "./extract/ingest/..."}, "a classifier joins networks, heads and stores, and is no command"},
	{"./...", []string{"./cmd/...", "./train/classify"}, []string{"./train/classify"}, "a classifier is the last step, for programs"},
	{"./...", []string{"./extract/cpu"}, []string{"golang.org/x/sys/cpu"}, "one package decides on the instruction set"},

	// Within extract: what each package may import of the module.
	{"./extract/cpu", nil, []string{"./..."}, "the instruction set depends on nothing else"},
	{"./extract/userfile", nil, []string{"./..."}, "reading files depends on nothing else"},
	{"./extract/photo", nil, []string{"./...", "!./extract/internal/codec", "!./extract/internal/heif", "!./extract/internal/icc", "!./extract/internal/jpeg",
		"!./extract/internal/row"},
		"photos are prepared without knowing networks"},
	{"./extract/internal/heif", nil, []string{"./..."}, "what a file says is read without decoding it"},
	{"./extract/internal/icc", nil, []string{"./..."}, "colours depend on nothing else"},
	{"./extract/internal/codec", nil, []string{"./..."}, "the embedded decoders depend on nothing else"},
	{"./extract/internal/tensor", nil, []string{"./..."}, "tensors depend on nothing else"},
	{"./extract/internal/graph", nil, []string{"./...", "!./extract/internal/tensor"}, "a graph is what the others work on"},
	{"./extract/internal/onnx", nil, []string{"./...", "!./extract/internal/graph", "!./extract/internal/tensor"},
		"the front end only delivers the graph"},
	{"./extract/internal/op", nil, []string{"./...", "!./extract/internal/graph", "!./extract/internal/tensor"},
		"the reference operators are independent of the engine"},
	{"./extract/internal/autodiff", nil, []string{"./...", "!./extract/internal/graph", "!./extract/internal/op", "!./extract/internal/tensor"},
		"the reference of backward passes is independent of the engine"},
	{"./extract/internal/passes", nil, []string{"./...", "!./extract/internal/graph", "!./extract/internal/op", "!./extract/internal/tensor"},
		"passes go from graph to graph"},
	{"./extract/internal/kernel", nil, []string{"./...", "!./extract/cpu"}, "kernels know no graphs"},
	{"./extract/internal/modelfile", nil,
		[]string{"./extract", "./extract/ingest", "./extract/internal/engine", "./extract/internal/kernel", "./extract/internal/op"},
		"how a model is used is decided without running it"},
	{"./extract/internal/engine/...", nil, []string{"./extract", "./extract/photo", "./extract/internal/modelfile", "./extract/internal/onnx"},
		"the engine knows graphs, not files or photos"},
	{"./extract/internal/quantize", nil, []string{"./...", "!./extract/internal/engine", "!./extract/internal/graph", "!./extract/internal/tensor"},
		"quantization knows graphs and how to run them, not files or photos"},
	{"./extract/internal/engine/memory", nil, []string{"./..."}, "where values lie depends on nothing else"},
	{"./extract/internal/engine/exec", nil, []string{"./extract/internal/engine", "./extract/internal/passes"}, "steps run what the compiler decides"},

	{"./...", []string{"./extract/internal/zoo/..."}, []string{"./extract/internal/zoo", "./extract/internal/onnx/onnxtest"},
		"networks for tests are not for the program"},
	{"./...", nil, []string{"./extract/internal/autodiff"}, "the reference of backward passes is for tests"},
	{"./...", nil, []string{"./extract/internal/jpeg/jpegtest"}, "pictures for tests are not for the program"},
	{"./...", nil, []string{"./cmd/featstore/internal/vt"}, "the terminal of tests is not for the program"},

	{"./...", []string{"./store"}, []string{"go.etcd.io/bbolt/..."}, "only the store opens bbolt files"},
	{"./...", []string{"./extract/internal/onnx"}, []string{"github.com/owulveryck/onnx-go/...", "gorgonia.org/tensor/..."}, "one package speaks ONNX"},
	{"./...", []string{"./cmd/..."}, []string{"github.com/spf13/...", "golang.org/x/term"}, "libraries know no terminal"},
	{"./...", []string{"./extract/internal/codec"}, []string{"github.com/tetratelabs/wazero/..."}, "one package runs WebAssembly"},
	{"./...", []string{"./store/export", "./store/importer"}, []string{"github.com/parquet-go/..."},
		"one package writes other programs' files, and one reads them"},
	{"./store/importer", nil, []string{"./store/export"}, "files are read as they are, not as we write them"},
	{"./...", []string{"./cmd/..."}, []string{"./store/importer"}, "vectors come from elsewhere by commands only"},
	{"./split/...", nil, []string{"github.com/...", "golang.org/x/...", "gonum.org/...", "go.etcd.io/..."}, "split stands on the standard library alone"},
}

func match(pattern, pkg string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return base == "." && strings.HasPrefix(pkg, "./") || pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	return pattern == pkg
}

func matchAny(patterns []string, pkg string) bool {
	if slices.ContainsFunc(patterns, func(p string) bool { return strings.HasPrefix(p, "!") && match(p[1:], pkg) }) {
		return false
	}
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, pkg) })
}

// imports maps each package of the module to what its non-test files import.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	err := filepath.WalkDir(repository, func(dir string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		if name := e.Name(); dir != repository && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
			return filepath.SkipDir
		}
		p, err := build.ImportDir(dir, 0)
		if _, none := err.(*build.NoGoError); none {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(repository, dir)
		pkg := "./" + filepath.ToSlash(rel)
		for _, i := range p.Imports {
			if inner, ok := strings.CutPrefix(i, "featstore/"); ok {
				i = "./" + inner
			}
			got[pkg] = append(got[pkg], i)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestImportsRunOneWay(t *testing.T) {
	all := imports(t)
	if len(all["./cmd/featstore"]) == 0 {
		t.Fatal("the scan does not see its own package")
	}
	for _, r := range rules {
		for pkg, list := range all {
			if !match(r.packages, pkg) || matchAny(r.except, pkg) {
				continue
			}
			for _, i := range list {
				if matchAny(r.never, i) {
					t.Errorf("%s imports %s: %s", pkg, i, r.why)
				}
			}
		}
	}
}

// A rule for a folder that does not exist would hold nothing.
func TestRulesNameFoldersThatExist(t *testing.T) {
	for _, r := range rules {
		for _, p := range slices.Concat([]string{r.packages}, r.except, r.never) {
			p = strings.TrimSuffix(strings.TrimPrefix(p, "!"), "/...")
			if !strings.HasPrefix(p, "./") {
				continue // of another module
			}
			if _, err := os.Stat(filepath.Join(repository, filepath.FromSlash(p))); err != nil {
				t.Errorf("%s: %v", r.why, err)
			}
		}
	}
}

// The top level is fixed: a newcomer sees the five parts and nothing else.
func TestTopLevel(t *testing.T) {
	allowed := []string{"store", "extract", "train", "split", "cmd", "go.mod", "go.sum", "README.md", "LICENSE"}
	entries, err := os.ReadDir(repository)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || slices.Contains(allowed, name) || ignored(name) {
			continue
		}
		t.Errorf("%s does not belong at the top level, which holds %v", name, allowed)
	}
}

// ignored reports whether .gitignore names a file at the top level: what the
// program itself leaves there when it is tried out.
func ignored(name string) bool {
	b, err := os.ReadFile(filepath.Join(repository, ".gitignore"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		pattern := strings.Trim(strings.TrimSpace(line), "/")
		if ok, err := path.Match(pattern, name); err == nil && ok {
			return true
		}
	}
	return false
}
