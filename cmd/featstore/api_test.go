package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateAPI = flag.Bool("update-api", false, "write testdata/api.txt anew")

// TestAPI: what packages export is what testdata/api.txt lists, so that a change is seen.
// After one that is meant: go test ./cmd/featstore -run TestAPI -update-api.
func TestAPI(t *testing.T) {
	var b bytes.Buffer
	for _, dir := range publicPackages(t) {
		if err := listAPI(&b, dir); err != nil {
			t.Fatal(err)
		}
	}
	golden := filepath.Join("testdata", "api.txt")
	if *updateAPI {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, listed := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for _, line := range got {
		if !slices.Contains(listed, line) {
			t.Errorf("new: %s", line)
		}
	}
	for _, line := range listed {
		if !slices.Contains(got, line) {
			t.Errorf("gone: %s", line)
		}
	}
	if t.Failed() {
		t.Log("if this is meant: go test ./cmd/featstore -run TestAPI -update-api")
	}
}

// publicPackages lists the folders of packages that other modules can import.
func publicPackages(t *testing.T) (dirs []string) {
	t.Helper()
	err := filepath.WalkDir(repository, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if name := e.Name(); path != repository && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) ||
				name == "testdata" || name == "internal" || name == "cmd" {
				return filepath.SkipDir
			}
			return nil
		}
		if dir := filepath.Dir(path); strings.HasSuffix(path, ".go") && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
		return nil
	})
	if err != nil || len(dirs) < 5 {
		t.Fatalf("packages %v, %v", dirs, err)
	}
	return dirs
}

// listAPI writes a line for each exported name of a package: its declaration without
// comments, of structs field by field.
func listAPI(b *bytes.Buffer, dir string) error {
	set := token.NewFileSet()
	var files []*ast.File
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	rel, err := filepath.Rel(repository, dir)
	if err != nil || len(files) == 0 {
		return err
	}
	p, err := doc.NewFromFiles(set, files, "featstore/"+filepath.ToSlash(rel))
	if err != nil {
		return err
	}
	w := apiWriter{b, set, filepath.ToSlash(rel)}
	w.values(p.Consts)
	w.values(p.Vars)
	w.funcs(p.Funcs)
	for _, t := range p.Types {
		w.typ(t)
	}
	return nil
}

type apiWriter struct {
	*bytes.Buffer
	set *token.FileSet
	pkg string
}

// line writes a declaration in one line.
func (w *apiWriter) line(node any) {
	var b bytes.Buffer
	if err := format.Node(&b, w.set, node); err == nil {
		fmt.Fprintf(w, "%s: %s\n", w.pkg, strings.Join(strings.Fields(b.String()), " "))
	}
}

func (w *apiWriter) values(all []*doc.Value) {
	for _, v := range all {
		for _, name := range v.Names {
			if ast.IsExported(name) {
				fmt.Fprintf(w, "%s: %s %s\n", w.pkg, v.Decl.Tok, name)
			}
		}
	}
}

func (w *apiWriter) funcs(all []*doc.Func) {
	for _, f := range all {
		decl := *f.Decl
		decl.Doc, decl.Body = nil, nil
		w.line(&decl)
	}
}

func (w *apiWriter) typ(t *doc.Type) {
	for _, spec := range t.Decl.Specs {
		s, ok := spec.(*ast.TypeSpec)
		if !ok || s.Name.Name != t.Name {
			continue
		}
		st, ok := s.Type.(*ast.StructType)
		if !ok {
			bare := *s
			bare.Doc, bare.Comment = nil, nil
			w.line(&bare)
			continue
		}
		fmt.Fprintf(w, "%s: type %s struct\n", w.pkg, t.Name)
		for _, f := range st.Fields.List {
			for _, name := range f.Names {
				if name.IsExported() {
					var b bytes.Buffer
					if err := format.Node(&b, w.set, f.Type); err == nil {
						fmt.Fprintf(w, "%s: %s.%s %s\n", w.pkg, t.Name, name.Name, strings.Join(strings.Fields(b.String()), " "))
					}
				}
			}
		}
	}
	w.values(t.Consts)
	w.values(t.Vars)
	w.funcs(t.Funcs)
	w.funcs(t.Methods)
}
