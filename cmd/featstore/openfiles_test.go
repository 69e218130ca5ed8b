package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Files that a user names are opened by package userfile, which is bounded: nothing else
// in these folders opens a file for reading. What does is no file of a user's.
func TestFilesAreOpenedByUserfile(t *testing.T) {
	exempt := []string{
		"extract/userfile/userfile.go",
		"extract/ingest/walk.go",                 // a folder: its name ends in a slash
		"extract/internal/codec/_meter/meter.go", // makes what is embedded
		"extract/internal/nodetest/tar.go",       // for tests
		"extract/internal/nodetest/nodetest.go",  // for tests
	}
	opens := regexp.MustCompile(`\bos\.(Open|ReadFile)\(|\bos\.OpenFile\(.*O_RDONLY`)
	seen := 0
	for _, top := range []string{"cmd", "extract", "train", "split"} {
		err := filepath.WalkDir(filepath.Join(repository, top), func(path string, e fs.DirEntry, err error) error {
			rel, _ := filepath.Rel(repository, path)
			rel = filepath.ToSlash(rel)
			if err != nil || e.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") || strings.Contains(rel, "/_asm/") ||
				slices.Contains(exempt, rel) {
				return err
			}
			seen++
			text, err := os.ReadFile(path)
			for i, line := range strings.Split(string(text), "\n") {
				if code, _, _ := strings.Cut(line, "//"); opens.MatchString(code) {
					t.Errorf("%s:%d: open it by package userfile: %s", rel, i+1, strings.TrimSpace(line))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 100 {
		t.Errorf("only %d files were looked at", seen)
	}
}
