// Command manual writes the manual pages and the completions of shells that go with a
// release.
//
//	go run ./cmd/featstore/internal/manual FOLDER
//
// FOLDER gets man/*.1, completions/featstore.bash, _featstore (zsh), featstore.fish and
// featstore.ps1. The same sources give the same bytes.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"featstore/cmd/featstore/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manual FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1], cli.Commands()); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func write(folder string, root *cobra.Command) error {
	man, completions := filepath.Join(folder, "man"), filepath.Join(folder, "completions")
	if err := errors.Join(os.MkdirAll(man, 0o755), os.MkdirAll(completions, 0o755)); err != nil {
		return err
	}
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Title: "FEATSTORE", Section: "1", Source: "featstore", Manual: "featstore", Date: &time.Time{}}
	if err := doc.GenManTree(root, header, man); err != nil {
		return err
	}
	return errors.Join(
		root.GenBashCompletionFileV2(filepath.Join(completions, "featstore.bash"), true),
		root.GenZshCompletionFile(filepath.Join(completions, "_featstore")),
		root.GenFishCompletionFile(filepath.Join(completions, "featstore.fish"), true),
		root.GenPowerShellCompletionFileWithDesc(filepath.Join(completions, "featstore.ps1")))
}
