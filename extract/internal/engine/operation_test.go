package engine

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sourceFiles parses the package without its tests.
func sourceFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		if files[path], err = parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// methodsOf lists the methods of every type.
func methodsOf(files map[string]*ast.File) map[string][]string {
	methods := map[string][]string{}
	for _, f := range files {
		for _, d := range f.Decls {
			if m, ok := d.(*ast.FuncDecl); ok && m.Recv != nil {
				name := typeName(m.Recv.List[0].Type)
				methods[name] = append(methods[name], m.Name.Name)
			}
		}
	}
	return methods
}

// typeName is the name of a type, or of what it points to.
func typeName(e ast.Expr) string {
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// listedOperations are the types in the table of operation.go.
func listedOperations(t *testing.T, files map[string]*ast.File) []string {
	t.Helper()
	var names []string
	ast.Inspect(files["operation.go"], func(n ast.Node) bool {
		if list, ok := n.(*ast.CompositeLit); ok {
			if a, ok := list.Type.(*ast.ArrayType); ok && typeName(a.Elt) == "operation" {
				for _, e := range list.Elts {
					names = append(names, typeName(e.(*ast.CallExpr).Fun.(*ast.ParenExpr).X))
				}
			}
		}
		return true
	})
	if len(names) < 20 {
		t.Fatalf("found only the operations %q", names)
	}
	return names
}

// TestOperationsAreListed: what emits steps is in the table of operations, and each lies
// in a file of its own, which is called after it.
func TestOperationsAreListed(t *testing.T) {
	files := sourceFiles(t)
	listed := listedOperations(t, files)
	for name, methods := range methodsOf(files) {
		if slices.Contains(methods, "emit") && name != "planner" && !slices.Contains(listed, name) {
			t.Errorf("%s emits steps and is not listed in operation.go", name)
		}
	}
	for path, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSpec); ok && slices.Contains(listed, s.Name.Name) && path != operationFile(s.Name.Name) {
				t.Errorf("%s is declared in %s, not in %s", s.Name.Name, path, operationFile(s.Name.Name))
			}
			return true
		})
	}
}

func operationFile(name string) string { return "op_" + strings.ToLower(name) + ".go" }

// TestNobodyAsksForOperations: the compiler asks an operation by its methods. Which one
// it is, is asked by the operation's own files, op_name*.go, and by the rewrites,
// fuse*.go, which look for patterns of named operations; never by a type switch.
func TestNobodyAsksForOperations(t *testing.T) {
	files := sourceFiles(t)
	listed := listedOperations(t, files)
	for path, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSwitchStmt:
				for _, c := range n.Body.List {
					for _, e := range c.(*ast.CaseClause).List {
						if slices.Contains(listed, typeName(e)) {
							t.Errorf("%s: a type switch has a case for %s", path, typeName(e))
						}
					}
				}
			case *ast.TypeAssertExpr:
				name := typeName(n.Type)
				own := strings.TrimSuffix(operationFile(name), ".go")
				if slices.Contains(listed, name) && !strings.HasPrefix(path, own) && !strings.HasPrefix(path, "fuse") {
					t.Errorf("%s asks whether an operation is a %s", path, name)
				}
			}
			return true
		})
	}
}

// answersOf lists what the structs that operations embed answer, by themselves and by what
// they embed.
func answersOf(files map[string]*ast.File) map[string][]string {
	embedded := map[string][]string{}
	for _, path := range []string{"operation.go", "operation_gradient.go"} {
		ast.Inspect(files[path], func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSpec); ok {
				if t, ok := s.Type.(*ast.StructType); ok {
					embedded[s.Name.Name] = []string{}
					for _, field := range t.Fields.List {
						if len(field.Names) == 0 {
							embedded[s.Name.Name] = append(embedded[s.Name.Name], typeName(field.Type))
						}
					}
				}
			}
			return true
		})
	}
	own := methodsOf(map[string]*ast.File{"operation.go": files["operation.go"], "operation_gradient.go": files["operation_gradient.go"]})
	answers := map[string][]string{}
	var all func(name string) []string
	all = func(name string) []string {
		list := slices.Clone(own[name])
		for _, e := range embedded[name] {
			list = append(list, all(e)...)
		}
		return list
	}
	for name := range embedded {
		answers[name] = all(name)
	}
	return answers
}

// TestNoAnswerHidesAnother: no operation has a method of its own beside an embedded one
// of the same name. Else the method could be deleted, and the compiler would take the
// embedded answer without a word.
func TestNoAnswerHidesAnother(t *testing.T) {
	files := sourceFiles(t)
	listed := listedOperations(t, files)
	methods := methodsOf(files)
	answers := answersOf(files)
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSpec)
			if !ok || !slices.Contains(listed, s.Name.Name) {
				return true
			}
			seen := map[string]bool{}
			for _, m := range methods[s.Name.Name] {
				seen[m] = true
			}
			for _, field := range s.Type.(*ast.StructType).Fields.List {
				name := typeName(field.Type)
				if len(field.Names) > 0 {
					continue
				}
				if slices.Contains(listed, name) {
					t.Errorf("%s embeds the operation %s, and would answer like it", s.Name.Name, name)
				}
				for _, m := range answers[name] {
					if seen[m] {
						t.Errorf("%s has the answer %s twice", s.Name.Name, m)
					}
					seen[m] = true
				}
			}
			return true
		})
	}
	if len(slices.Collect(maps.Keys(answers))) < 10 {
		t.Fatalf("found only the answers %v", answers)
	}
}
