package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"featstore/cmd/featstore/internal/cli"
)

// Every command has a page, and the pages are the same each time.
func TestWrite(t *testing.T) {
	root := cli.Commands()
	var dirs [2]string
	for i := range dirs {
		dirs[i] = t.TempDir()
		if err := write(dirs[i], cli.Commands()); err != nil {
			t.Fatal(err)
		}
	}
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		if !cmd.IsAvailableCommand() && cmd != root {
			return
		}
		name := filepath.Join("man", strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
		page := read(t, dirs[0], name)
		if !strings.Contains(page, ".SH SYNOPSIS") || page != read(t, dirs[1], name) {
			t.Errorf("%s: no synopsis, or written differently twice", name)
		}
		for _, c := range cmd.Commands() {
			each(c)
		}
	}
	each(root)
	for _, name := range []string{"featstore.bash", "_featstore", "featstore.fish", "featstore.ps1"} {
		if text := read(t, dirs[0], filepath.Join("completions", name)); !strings.Contains(text, "featstore") {
			t.Errorf("%s completes nothing", name)
		}
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
