package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestStubsNameTheirReference: the comment of every function in assembly says which
// function in Go it does the same as, and that one is there. Files of stubs are short.
func TestStubsNameTheirReference(t *testing.T) {
	const most = 500 // lines of a file
	stubs := 0
	for dir, files := range goPackages(t) {
		declared := map[string]bool{}
		var without []*ast.FuncDecl
		for name, f := range files {
			found := len(without)
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Body == nil {
					without = append(without, fn)
				} else if ok {
					declared[functionName(fn)] = true
				}
			}
			if b, err := os.ReadFile(name); len(without) > found && (err != nil || bytes.Count(b, []byte("\n")) > most) {
				t.Errorf("%s holds stubs and more than %d lines (%v)", name, most, err)
			}
		}
		stubs += len(without)
		for _, fn := range without {
			m := referenceWords.FindStringSubmatch(strings.Join(strings.Fields(fn.Doc.Text()), " "))
			if m == nil || !declared[m[1]] {
				t.Errorf("%s: the comment of %s does not say which function of the package it does what … does: %v", dir, fn.Name, m)
			}
		}
	}
	if stubs < 100 {
		t.Errorf("found %d functions in assembly: the scan does not see them", stubs)
	}
}

var referenceWords = regexp.MustCompile(` does what ([\w.]+) does\b`)

// functionName is the name of a function, or TYPE.NAME of a method.
func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	typ := fn.Recv.List[0].Type
	if p, ok := typ.(*ast.StarExpr); ok {
		typ = p.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

// goPackages parses the files of every folder that are not tests, whatever they are
// built for.
func goPackages(t *testing.T) map[string]map[string]*ast.File {
	t.Helper()
	all := map[string]map[string]*ast.File{}
	err := filepath.WalkDir(repository, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if n := e.Name(); e.IsDir() && path != repository && (strings.HasPrefix(n, ".") || strings.HasPrefix(n, "_") || n == "testdata") {
			return filepath.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		if all[dir] == nil {
			all[dir] = map[string]*ast.File{}
		}
		all[dir][path] = f
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
