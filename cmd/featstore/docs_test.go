package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"featstore/cmd/featstore/internal/cli"
)

// A document is a text for people: README.md, or one of .github.
type document struct {
	path string // from the repository's top
	text string
}

func documents(t *testing.T) []document {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(repository, ".github", "*.md"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no documents in .github: %v", err)
	}
	var list []document
	for _, name := range append(names, filepath.Join(repository, "README.md")) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(repository, name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, document{filepath.ToSlash(rel), string(b)})
	}
	return list
}

// A README of 200 lines is read, a longer one is searched.
func TestReadmeIsShort(t *testing.T) {
	for _, d := range documents(t) {
		if n := strings.Count(d.text, "\n"); d.path == "README.md" && n >= 200 {
			t.Errorf("README.md has %d lines, want fewer than 200: move what not everyone needs to .github", n)
		}
	}
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	fenced   = regexp.MustCompile("(?ms)^```.*?^```$")
)

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	s := strings.ToLower(strings.ReplaceAll(heading, "`", ""))
	s = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(s, "")
	return strings.ReplaceAll(s, " ", "-")
}

// Links inside the repository lead to a file, and to a heading if they name one.
func TestDocumentLinks(t *testing.T) {
	for _, d := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(d.text, -1) {
			target, part, _ := strings.Cut(m[1], "#")
			if strings.HasPrefix(target, "https://") {
				continue
			}
			file := filepath.Join(repository, filepath.Dir(d.path), target)
			if target == "" {
				file = filepath.Join(repository, d.path)
			}
			b, err := os.ReadFile(file)
			if info, e := os.Stat(file); e == nil && info.IsDir() {
				err = nil
			}
			if err != nil {
				t.Errorf("%s: the link %s leads nowhere", d.path, m[1])
				continue
			}
			if part == "" {
				continue
			}
			if !slices.ContainsFunc(heading.FindAllStringSubmatch(string(b), -1), func(h []string) bool { return anchor(h[1]) == part }) {
				t.Errorf("%s: the link %s names no heading of that file", d.path, m[1])
			}
		}
	}
}

// packageRow is a row of ARCHITECTURE.md's map: the package, and what it is.
var packageRow = regexp.MustCompile("(?m)^\\| `([a-z0-9/-]+)` \\| (.+) \\|$")

// The map of packages has each package once, and none that does not exist.
func TestPackageMap(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(repository, ".github", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), "\n## Packages\n")
	if !ok {
		t.Fatal("ARCHITECTURE.md has no heading Packages")
	}
	text, _, _ = strings.Cut(text, "\n## ")
	packages := map[string]int{}
	for pkg := range imports(t) {
		packages[strings.TrimPrefix(pkg, "./")] = 0
	}
	for _, m := range packageRow.FindAllStringSubmatch(text, -1) {
		if _, ok := packages[m[1]]; !ok {
			t.Errorf("ARCHITECTURE.md: there is no package %s", m[1])
		}
		packages[m[1]]++
	}
	for pkg, n := range packages {
		if n != 1 {
			t.Errorf("ARCHITECTURE.md: the package %s has %d lines in the map, want 1", pkg, n)
		}
	}
}

// testFunctions returns the names of a folder's tests, benchmarks and fuzz targets.
func testFunctions(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && testName.MatchString(fn.Name.Name) {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}

var testName = regexp.MustCompile(`^(Test|Benchmark|Fuzz|Example)[A-Z0-9]\w*$`)

// sourcePath is a code span that names a file or a folder by its path.
var sourcePath = regexp.MustCompile(`^\.?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.*-]+)+/?$|^[a-z0-9_]+\.go$`)

// Tests, files and folders that documents name exist.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	tests := map[string]bool{}
	files := map[string]bool{} // by their names alone
	err := filepath.WalkDir(repository, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !e.IsDir() {
			files[e.Name()] = true
			return nil
		}
		if e.Name() == ".git" {
			return filepath.SkipDir
		}
		for _, name := range testFunctions(t, path) {
			tests[name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents(t) {
		for _, m := range codeSpan.FindAllStringSubmatch(fenced.ReplaceAllString(d.text, ""), -1) {
			span := m[1]
			switch {
			case testName.MatchString(span) && !tests[span]:
				t.Errorf("%s: there is no test %s", d.path, span)
			case sourcePath.MatchString(span) && !exists(span, files):
				t.Errorf("%s: there is no %s", d.path, span)
			}
		}
	}
}

// examplePaths are paths in the documents that stand for a user's own files.
var examplePaths = []string{"flower_photos/", "../shared", "a.onnx"}

// exists reports whether a path leads to something, from the repository's top or from
// .github; a file without a folder may be anywhere.
func exists(path string, files map[string]bool) bool {
	for _, example := range examplePaths {
		if strings.HasPrefix(path, example) {
			return true
		}
	}
	if !strings.Contains(path, "/") {
		return files[path]
	}
	found, err := filepath.Glob(filepath.Join(repository, path))
	return err == nil && len(found) > 0
}

// Commands of featstore that documents name in running text have the flags that
// they name.
func TestDocumentsNameFlags(t *testing.T) {
	help := map[string]string{}
	for _, d := range documents(t) {
		for _, m := range codeSpan.FindAllStringSubmatch(fenced.ReplaceAllString(d.text, ""), -1) {
			words := strings.Fields(m[1])
			if words[0] != "featstore" || len(words) < 2 || words[1] == "COMMAND" {
				continue
			}
			command := words[1]
			if command == "models" && len(words) > 2 && !strings.HasPrefix(words[2], "-") {
				command += " " + words[2]
			}
			text, known := help[command]
			if !known {
				var err error
				if text, err = helpOf(command); err != nil {
					t.Errorf("%s: %s: %v", d.path, m[1], err)
				}
				help[command] = text
			}
			for _, w := range words[2:] {
				flag, _, _ := strings.Cut(w, "=")
				if strings.HasPrefix(flag, "--") && !regexp.MustCompile(regexp.QuoteMeta(flag)+`\b`).MatchString(text) {
					t.Errorf("%s: featstore %s has no flag %s", d.path, command, flag)
				}
			}
		}
	}
}

// helpOf returns the help text of a command.
func helpOf(command string) (string, error) {
	var out, errs bytes.Buffer
	code := cli.Main(append(strings.Fields(command), "--help"), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != 0 {
		return "", fmt.Errorf("exit code %d: %s", code, errs.String())
	}
	if !strings.Contains(out.String(), "\n  featstore "+command) {
		return "", fmt.Errorf("there is no such command")
	}
	return out.String(), nil
}
