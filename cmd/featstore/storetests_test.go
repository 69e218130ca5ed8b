package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Tests of packages that have to do with stores make their folders by package storetest,
// which checks every store in them when the test ends.
func TestStoresAreChecked(t *testing.T) {
	exempt := []string{
		"store/storetest/storetest_test.go", // tests the check
		"extract/ingest/walk_test.go",       // opens no store, and makes a Thumbs.db
	}
	byFolder := map[string][]*ast.File{}
	names := map[*ast.File]string{}
	files := token.NewFileSet()
	err := filepath.WalkDir(repository, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(repository, path)
		names[f] = filepath.ToSlash(rel)
		byFolder[filepath.Dir(path)] = append(byFolder[filepath.Dir(path)], f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	folders := 0
	for _, all := range byFolder {
		if !slices.ContainsFunc(all, importsStore) {
			continue
		}
		folders++
		for _, f := range all {
			if slices.Contains(exempt, names[f]) {
				continue
			}
			for _, at := range ownFolders(f) {
				t.Errorf("%s:%d: make the folder by storetest.Dir or storetest.TempDir, which check the stores in it", names[f], files.Position(at).Line)
			}
		}
	}
	if folders < 8 {
		t.Errorf("only %d folders of tests that open stores were found", folders)
	}
}

// importsStore tells whether a test can open stores.
func importsStore(f *ast.File) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool {
		path, _ := strconv.Unquote(i.Path.Value)
		return path == "featstore/store" || path == "featstore/store/storetest"
	})
}

// ownFolders returns where a file makes temporary folders by itself.
func ownFolders(f *ast.File) (at []token.Pos) {
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && (s.Sel.Name == "TempDir" || s.Sel.Name == "MkdirTemp") {
			if x, ok := s.X.(*ast.Ident); !ok || x.Name != "storetest" {
				at = append(at, s.Pos())
			}
		}
		return true
	})
	return at
}
